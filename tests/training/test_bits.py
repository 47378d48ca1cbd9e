"""A network's bits are the same alone, in a batch, resumed, and in halves after running out of memory."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ifp.training import trainer
from ifp.training.trainer import Trainer

from .small_runs import Interrupted, assert_equal_bits, config_for, run_into, stored


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> str:
    """64 x 64 images for the convolutional network."""
    images = np.zeros((8, 64, 64), dtype=np.uint8)
    for place in range(8):
        images[place, 8 * place : 8 * place + 8, 20:40] = 255
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=images, factors=np.arange(8)[:, None], factor_names=np.array(["row"]))
    return f"npz:{path}"


CASES = [
    ("beta", {}),
    ("beta-tc", {}),
    ("control", {}),
    ("dip-ii", {}),
    ("factor", {"hidden": 32, "layers": 2}),
    ("deft", {"betas": [4.0, 1.0], "stage_steps": 25}),
    ("deft", {"betas": [4.0, 1.0], "stage_steps": 25, "mode": "freeze"}),
    ("topdis", {"topology": "lite", "delay": 0.2, "every": 2}),
    pytest.param(
        "topdis", {"delay": 0.2, "surgery": True, "base": "factor", "base_options": {"hidden": 32, "layers": 2}},
        marks=pytest.mark.skipif(find_spec("ripser") is None, reason="ripser (the extra `topology`) is missing"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "options"), CASES)
def test_alone_in_a_batch_and_resumed_the_bits_are_the_same(
    objective: str, options: dict[str, Any], bars: str, tmp_path: Path
) -> None:
    config = config_for(bars, objective=objective, options=options, seeds=3)
    run_into(tmp_path / "all", config, threads=1)
    run_into(tmp_path / "alone", replace(config, seeds=1))
    assert_equal_bits(stored(tmp_path / "alone", 0), stored(tmp_path / "all", 0))
    with pytest.raises(Interrupted):
        run_into(tmp_path / "resumed", config, stop_after=60, threads=1)
    assert 0 < stored(tmp_path / "resumed", 2)["state"]["step"] < 40
    run_into(tmp_path / "resumed", config, threads=2)
    for seed in range(3):
        assert_equal_bits(stored(tmp_path / "resumed", seed), stored(tmp_path / "all", seed))
    for name in ("records.npz", "records.csv", "seed-1/step-000040.pt"):
        assert (tmp_path / "resumed" / name).read_bytes() == (tmp_path / "all" / name).read_bytes(), name


def test_with_a_twin_and_without_the_bits_are_the_same(
    bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a product of a batch of one takes another code path than one of more, a network alone has a twin."""
    config, rows = config_for(bars), []
    plain = Trainer.run

    def run(one: Trainer, steps: int) -> None:
        rows.append(len(one.vaes.row_members))
        plain(one, steps)

    monkeypatch.setattr(Trainer, "run", run)
    for alike in (True, False):
        monkeypatch.setattr(trainer, "_alike_alone", lambda *state, alike=alike: alike)
        run_into(tmp_path / str(alike), config)
    assert set(rows) == {1, 2}
    assert_equal_bits(stored(tmp_path / "True", 0), stored(tmp_path / "False", 0))


def test_seeds_differ(bars: str, tmp_path: Path) -> None:
    folder, _ = run_into(tmp_path / "run", config_for(bars, seeds=2))
    a, b = (folder.records.of_seed[seed][-1] for seed in (0, 1))
    assert a.recon_nats != b.recon_nats


def test_members_after_different_steps_are_not_one_batch(bars: str, tmp_path: Path) -> None:
    """Killed between the files of two networks, they resume from different records."""
    config = config_for(bars, seeds=2)
    run_into(tmp_path / "whole", config)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "cut", config, stop_after=60, threads=1)
    state = stored(tmp_path / "cut", 1)
    assert state["state"]["step"] == 20
    (tmp_path / "cut" / ".resume" / "seed-1.pt").unlink()
    run_into(tmp_path / "cut", config)
    for seed in (0, 1):
        assert_equal_bits(stored(tmp_path / "cut", seed), stored(tmp_path / "whole", seed))


@pytest.mark.parametrize("objective", ["beta", "deft"])
def test_convolutions_resume_to_the_same_bits(objective: str, squares: str, tmp_path: Path) -> None:
    options = {"betas": [4.0, 1.0], "stage_steps": 2} if objective == "deft" else {}
    config = config_for(
        squares, architecture="conv", batch=8, steps=6, records=3, seeds=2, objective=objective, options=options
    )
    run_into(tmp_path / "whole", config, threads=1)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "cut", config, stop_after=10, threads=1)
    run_into(tmp_path / "cut", config, threads=2)  # goes on with one thread, as it began
    for seed in (0, 1):
        assert_equal_bits(stored(tmp_path / "cut", seed), stored(tmp_path / "whole", seed))


def test_out_of_memory_the_networks_go_on_in_halves(bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_for(bars, seeds=4)
    run_into(tmp_path / "whole", config)
    plain = Trainer.run

    def run(trainer: Trainer, steps: int) -> None:
        if len(trainer.seeds) > 2 and trainer.step == 20:
            raise MemoryError
        plain(trainer, steps)

    monkeypatch.setattr(Trainer, "run", run)
    said: list[str] = []
    _, outcome = run_into(tmp_path / "halved", config, threads=1, say=said.append)
    assert outcome.finished == [0, 1, 2, 3]
    assert sum("Out of memory with 4 networks per chunk: trying 2" in line for line in said) == 1
    for seed in range(4):
        assert_equal_bits(stored(tmp_path / "halved", seed), stored(tmp_path / "whole", seed))
