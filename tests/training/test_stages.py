"""Groups of latents without a stage, and stages that leave their group empty: found, said once, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ifp.datasets.catalog import load_dataset
from ifp.objectives.beta import BetaVae
from ifp.objectives.deft import Deft
from ifp.training.config import TrainConfig
from ifp.training.folder import TrainFolder
from ifp.training.records import TrainRecord
from ifp.training.run import train
from ifp.training.setup import set_up
from ifp.training.stages import empty_stages, empty_warning, idle_latents

HUGE = 1e4
"""A pressure at which nothing freezes."""


def record(step: int, stage: int, *kl_nats: float) -> TrainRecord:
    return TrainRecord(step, 8.0, stage, 1.0, np.array(kl_nats), np.zeros((len(kl_nats), 0)))


@pytest.mark.parametrize(
    ("latents", "options", "idle"),
    [
        (10, {}, [8, 9]),  # the published settings: 4 stages of 2
        (8, {}, []),
        (10, {"betas": (100.0, 1.0), "group_size": 5}, []),
        (10, {"betas": (100.0, 1.0), "group_size": 2}, [4, 5, 6, 7, 8, 9]),
        (10, {"stages_by": "beta"}, []),  # 4 pressures end 4 of 5 stages
        (6, {"betas": (8.0,), "group_size": 6}, []),
    ],
)
def test_latents_beyond_the_last_stage_are_idle(latents: int, options: dict[str, Any], idle: list[int]) -> None:
    assert idle_latents(Deft(**options), latents, 1000) == idle


def test_without_groups_no_latent_is_idle_and_no_stage_empty() -> None:
    assert idle_latents(BetaVae(), 10, 1000) == []
    assert empty_stages([record(10, 0, 0.0, 0.0)], 1, 10) == []


def test_the_last_record_of_a_stage_decides() -> None:
    early = [record(10, 0, 0.5, 0.0, 0.0, 0.0), record(20, 0, 0.09, 0.0999, 0.0, 0.0)]
    late = [record(30, 1, 3.0, 3.0, 0.0, 0.0), record(40, 1, 0.0, 0.0, 0.0, 0.1)]
    assert empty_stages([], 2, 40) == []
    assert empty_stages(early, 2, 40) == []  # it has not ended yet
    assert empty_stages([*early, late[0]], 2, 40) == [0]
    assert empty_stages([*early, *late], 2, 40) == [0]
    assert empty_stages([*early, late[0]], 2, 30) == [0, 1]  # what earlier groups hold does not count
    assert empty_stages(late, 2, 40) == []  # of stage 0 nothing is known
    said = empty_warning(0, [0, 2], [*early, *late], 2)
    assert said.startswith("Stage 0 of seeds 0, 2 left its group empty: at step 20, beta 8,")
    assert "latents 0, 1." in said


def run(path: Path, bars: Path, betas: list[float], stop_after: int | None = None, **changes: Any) -> list[str]:
    """Train, and return what was said; with `stop_after`, be interrupted after so many network-steps."""

    def progress(text: str, done: int, total: int) -> None:
        if stop_after is not None and text.startswith("Training") and done >= stop_after:
            raise KeyboardInterrupt

    config = TrainConfig(
        dataset=f"npz:{bars}", architecture="mlp", hidden=32, latents=4, steps=300, records=6, batch=32, seeds=2,
        objective="deft", options={"betas": betas, **changes}, learning_rate=3e-3,
    )  # fmt: skip
    said: list[str] = []
    setup = set_up(load_dataset(config.dataset), config, device="cpu", threads=1)
    train(setup, setup.folder(path), say=said.append, progress=progress)
    return said


def warnings(said: list[str]) -> list[str]:
    return [line for line in said if "never learn" in line or "left its group empty" in line]


def test_a_stage_that_nothing_survives_is_said_once_and_kept(bars_npz: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(out, bars_npz, [HUGE, 0.5], stop_after=400)
    assert json.loads((out / "run.json").read_text())["empty_stages"] == {"0": [0], "1": [0]}
    assert warnings(run(out, bars_npz, [HUGE, 0.5])) == []  # said before the interruption
    about = json.loads((out / "run.json").read_text())
    assert (about["empty_stages"], about["idle_latents"]) == ({"0": [0], "1": [0]}, [])
    whole = warnings(run(tmp_path / "whole", bars_npz, [HUGE, 0.5]))
    assert len(whole) == 1
    assert whole[0].startswith("Stage 0 of seeds 0, 1 left its group empty: at step 100, beta 10000")


def test_all_stages_may_stay_empty(bars_npz: Path, tmp_path: Path) -> None:
    said = warnings(run(tmp_path / "run", bars_npz, [2 * HUGE, HUGE], group_size=1))
    assert said[0].startswith("Latents 2, 3 will never learn: the groups of all stages hold 2 of 4")
    assert [line[:7] for line in said[1:]] == ["Stage 0", "Stage 1"]
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (about["empty_stages"], about["idle_latents"]) == ({"0": [0, 1], "1": [0, 1]}, [2, 3])


def test_at_low_pressures_nothing_is_said(bars_npz: Path, tmp_path: Path) -> None:
    assert warnings(run(tmp_path / "run", bars_npz, [2.0, 0.5])) == []
    assert json.loads((tmp_path / "run" / "run.json").read_text())["empty_stages"] == {}


def test_without_groups_run_json_says_nothing_of_them(bars_npz: Path, tmp_path: Path) -> None:
    config = TrainConfig(dataset=f"npz:{bars_npz}", architecture="mlp", hidden=32, steps=1, records=1)
    setup = set_up(load_dataset(config.dataset), config, device="cpu")
    folder: TrainFolder = setup.folder(tmp_path / "run")
    folder.open()
    assert not {"idle_latents", "empty_stages"} & set(json.loads((tmp_path / "run" / "run.json").read_text()))
