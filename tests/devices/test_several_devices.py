"""Whole-data training on several devices: every one gets its share of the networks, whose bits stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.datasets.catalog import load_dataset
from ifp.system import devices as system_devices
from ifp.system.devices import DevicePool
from ifp.training import chunks, run
from ifp.training.config import TrainConfig
from ifp.training.setup import Setup, load_training_images, set_up


@pytest.fixture(scope="module")
def trained_here(bars_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Setup, Path]:
    """Five networks trained on a CPU, and their records."""
    config = TrainConfig(
        dataset=f"npz:{bars_npz}", architecture="mlp", hidden=32, latents=2, batch=32, seeds=5, steps=6, records=2
    )
    here, folder = (
        set_up(load_dataset(config.dataset), config, device="cpu", threads=1),
        tmp_path_factory.mktemp("here"),
    )
    run.train(here, here.folder(folder / "run"))
    return here, folder / "run" / "records.npz"


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_networks_go_to_all_devices_and_keep_their_bits(
    devices: int, trained_here: tuple[Setup, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, records = trained_here
    lent: list[str] = []

    class Watched(DevicePool):
        @contextmanager
        def lent(self) -> Iterator[str]:
            with super().lent() as device:
                lent.append(device)
                yield "cpu"

    def names(device: str) -> list[str]:
        return [f"{device}:{number}" for number in range(devices)]

    def on_cpu(setup: Setup, *arguments: object) -> object:
        return load_training_images(here)

    monkeypatch.setattr(system_devices, "devices_of", names)
    monkeypatch.setattr(chunks, "devices_of", names)
    monkeypatch.setattr(run, "DevicePool", Watched)
    monkeypatch.setattr(run, "load_training_images", on_cpu)
    there = replace(here, device=torch.device("cuda"))
    run.train(there, there.folder(tmp_path / "there"))
    # five networks in even parts, none larger than the rest by more than it must be
    assert len(lent) == {1: 1, 2: 2, 8: 5}[devices]
    assert len(set(lent)) == len(lent)
    expected, found = (np.load(path) for path in (records, tmp_path / "there" / "records.npz"))
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
