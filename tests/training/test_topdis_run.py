"""A run with TopDis says which latents emptied and what its steps cost; other objectives' runs say none of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ifp.objectives.registry import make_objective
from ifp.training.cost import TrainCost, train_cost
from ifp.training.records import TrainRecord
from ifp.training.stages import emptied_latents, emptied_warning

from .small_runs import config_for, run_into, setup_for


def record(step: int, *kl_nats: float) -> TrainRecord:
    return TrainRecord(step, 1.0, 0, 1.0, np.array(kl_nats), np.zeros((len(kl_nats), 0)))


def test_latents_that_emptied_are_named() -> None:
    before, now = record(100, 2.0, 0.1, 0.05, 0.3), record(200, 1.5, 0.09, 0.02, 0.0)
    assert emptied_latents(before, now) == [1, 3]
    assert emptied_latents(now, before) == []
    assert emptied_warning(2, [1, 3], before, now).startswith(
        "Seed 2: latents 1, 3 emptied between steps 100 and 200; 1 of 4 hold 0.1 nat or more. A latent that"
    )


def test_a_run_says_when_it_emptied_a_latent(bars: str, tmp_path: Path) -> None:
    """The base's beta rises so high in the second half that every latent collapses; TopDis is on from the start."""
    rising = {"law": "linear", "beta_start": 0.0, "beta_end": 60.0, "law_steps": 200}
    options = {"topology": "lite", "delay": 0.1, "gamma": 1e-6, "base_options": rising}
    said: dict[str, list[str]] = {"topdis": [], "beta": []}
    for objective in said:
        given = options if objective == "topdis" else rising
        config = config_for(
            bars, objective=objective, options=given, steps=200, records=4, learning_rate=0.01, latents=2
        )
        folder, _ = run_into(tmp_path / objective, config, threads=1, say=said[objective].append)
        active = [row["active_latents"] for row in folder.records.rows()]
        assert active[0] > 0 == active[-1]
    assert any("emptied between steps" in line for line in said["topdis"])
    assert not any("emptied" in line for line in said["beta"])


def test_a_dry_run_counts_the_steps_with_the_term(bars: str) -> None:
    config = config_for(bars, objective="topdis", options={"topology": "lite", "delay": 0.5, "every": 2})
    cost = train_cost(setup_for(config, threads=1))
    assert [steps for steps, _ in cost.stretches] == [30, 10]
    assert all(seconds > 0 for _, seconds in cost.stretches)
    assert "30 steps of" in cost.text()
    plain = TrainCost(1, 40, 1, 1, 100.0, 1.0, 1.0, 10.0, 10, stretches=((40, 0.1),))
    assert "steps of" not in plain.text()
    assert make_objective("beta").stretches(40) == [(40, make_objective("beta"))]
