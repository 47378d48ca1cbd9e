"""Networks that are trained elsewhere in stretches go on from stretch to stretch with the bits of one training."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifp.system.workers import ThreadWorkers
from ifp.training import elsewhere
from ifp.training.run import train
from tests.training.small_runs import Interrupted, assert_equal_bits, config_for, run_into, setup_for, stored


def test_in_stretches_and_resumed_the_bits_are_those_of_one_training(
    bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "STRETCH_SECONDS", 0.0)  # a stretch ends with the first record
    config = config_for(bars, steps=8, records=4, seeds=2)
    run_into(tmp_path / "here", config)
    setup = setup_for(config, threads=1)

    def interrupt(text: str, done: int, total: int) -> None:
        if text.startswith("Training") and done >= 6:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(setup, setup.folder(tmp_path / "there"), workers=ThreadWorkers("cpu", 1), progress=interrupt)
    train(setup, setup.folder(tmp_path / "there"), workers=ThreadWorkers("cpu", 1))
    for seed in range(2):
        assert_equal_bits(stored(tmp_path / "there", seed), stored(tmp_path / "here", seed))
