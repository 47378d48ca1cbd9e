"""Networks that diverge are stopped at their last good checkpoint, and the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ifp.formats import DIVERGED, FINISHED
from ifp.system.files import write_whole
from ifp.training.state import read_content

from .small_runs import Interrupted, assert_equal_bits, config_for, run_into, stored


def test_a_member_that_diverges_is_stopped_and_the_others_go_on(bars: str, tmp_path: Path) -> None:
    config = config_for(bars, seeds=3)
    run_into(tmp_path / "whole", config)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "run", config, stop_after=90, threads=1)
    path = tmp_path / "run" / ".resume" / "seed-1.pt"
    content = read_content(path)
    good = {name: value.clone() for name, value in content["state"]["parameters"].items()}
    content["state"]["moments"]["encoder.0.weight"]["exp_avg"].fill_(float("inf"))
    write_whole(path, content)
    said: list[str] = []
    folder, outcome = run_into(tmp_path / "run", config, threads=1, say=said.append)
    assert outcome.finished == [0, 2]
    assert outcome.diverged == {1: 20}
    (message,) = [line for line in said if "diverged" in line]
    assert "Seed 1" in message
    assert "step-000020.pt" in message
    kept = torch.load(tmp_path / "run" / "seed-1" / "step-000020.pt", weights_only=True)
    assert_equal_bits(dict(kept["state_dict"]), good)
    for seed in (0, 2):
        assert_equal_bits(stored(tmp_path / "run", seed), stored(tmp_path / "whole", seed))
    assert [folder.status(seed) for seed in range(3)] == [FINISHED, DIVERGED, FINISHED]
    _, again = run_into(tmp_path / "run", config)
    assert again.diverged == {1: 20}


def test_all_members_diverge_before_the_first_record(bars: str, tmp_path: Path) -> None:
    config = config_for(bars, likelihood="gaussian", sigma=1e-30, seeds=2)
    said: list[str] = []
    _, outcome = run_into(tmp_path / "run", config, say=said.append)
    assert outcome.diverged == {0: 0, 1: 0}
    assert sum("no good checkpoint" in line for line in said) == 2
