"""Small training runs into a folder, interrupted where a test wants it, and their stored states compared to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifp.datasets.catalog import load_dataset
from ifp.training.config import TrainConfig
from ifp.training.folder import TrainFolder
from ifp.training.outcome import Outcome
from ifp.training.run import train
from ifp.training.setup import Setup, set_up
from ifp.training.state import read_content


class Interrupted(Exception):
    pass


def config_for(dataset: str, **changes: Any) -> TrainConfig:
    small = {"architecture": "mlp", "hidden": 32, "latents": 4, "steps": 40, "records": 4, "batch": 32}
    return TrainConfig(dataset=dataset, **{**small, **changes})


def setup_for(config: TrainConfig, **more: Any) -> Setup:
    return set_up(load_dataset(config.dataset), config, device="cpu", **{"threads": 2, **more})


def run_into(
    path: Path, config: TrainConfig, stop_after: int | None = None, **more: Any
) -> tuple[TrainFolder, Outcome]:
    """Train; with `stop_after`, be interrupted when so many network-steps are done."""

    def progress(text: str, done: int, total: int) -> None:
        if stop_after is not None and text.startswith("Training") and done >= stop_after:
            raise Interrupted

    setup = setup_for(config, **{k: v for k, v in more.items() if k == "threads"})
    folder = setup.folder(path)
    extra = {k: v for k, v in more.items() if k != "threads"}
    return folder, train(setup, folder, progress=progress, **extra)


def stored(path: Path, seed: int) -> dict[str, Any]:
    return read_content(path / ".resume" / f"seed-{seed}.pt")


def assert_equal_bits(found: Any, expected: Any, where: str = "") -> None:
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            assert_equal_bits(found[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, Tensor):
        assert found.dtype == expected.dtype, where
        assert torch.equal(found.nan_to_num(-1.0), expected.nan_to_num(-1.0)), where
    else:
        assert found == expected, where
