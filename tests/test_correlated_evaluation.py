"""The experiment on correlated factors: a trial without trained models, and kept figures drawn from kept tables."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "correlated_evaluation"
MODULES = ("run", "draw")


@pytest.fixture
def experiment(load_experiment: Callable[[Path, Sequence[str]], dict[str, ModuleType]]) -> dict[str, ModuleType]:
    """The experiment's modules by name."""
    return load_experiment(FOLDER, MODULES)


def test_the_factors_themselves_under_two_regimes(
    experiment: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MIG falls by what the two factors share (0.50 nats of H = 3.46 and 1.76), minimality and sufficiency do not."""
    run = experiment["run"]
    monkeypatch.setattr(run, "OURS", {})
    monkeypatch.setattr(run, "METRICS", ("mig", "minimality"))
    monkeypatch.setattr(run, "REGIMES", {name: run.REGIMES[name] for name in (run.PLAIN, "posX-scale .2")})
    monkeypatch.setattr(experiment["draw"], "draw", lambda folder: None)
    arguments = ["run.py", "--images", "3000", "--out", str(tmp_path)]
    for _ in range(2):  # the second goes on where the first ended, with nothing left to do
        monkeypatch.setattr(sys, "argv", arguments)
        run.main()
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores["model"].unique().tolist() == [run.IDENTITY]
    assert len(scores) == 2 * 3
    plain, under = (scores[scores["regime"] == name].set_index("measure") for name in run.REGIMES)
    # exactly (1 + 1 + .8121 + .8500 + .8500) / 5 without a finite sample, and scale and posX fall by .2845 and .1448
    assert plain.loc["mig", "value"] == pytest.approx(0.9024, abs=0.03)
    assert under.loc["mig", "shared_nats"] == pytest.approx(0.5011, abs=0.03)
    fall = plain.loc["mig", "value"] - under.loc["mig", "value"]
    assert fall == pytest.approx((0.2845 + 0.1448) / 5, abs=0.015)
    for measure in ("minimality", "minimality sufficiency"):
        assert under.loc[measure, "value"] == pytest.approx(plain.loc[measure, "value"], abs=0.01)
    assert str(tmp_path) not in (tmp_path / "settings.json").read_text()


def test_the_kept_figure_is_drawn_from_the_kept_table(experiment: dict[str, ModuleType], tmp_path: Path) -> None:
    kept = FOLDER / "results"
    shutil.copy(kept / "scores.csv", tmp_path)
    experiment["draw"].draw(tmp_path)
    for name in ("summary.csv", "figures/regimes.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / name), pd.read_csv(kept / name), rtol=1e-3)
    scores = pd.read_csv(kept / "scores.csv").set_index(["model", "measure", "regime"])["value"]
    assert np.isfinite(scores).all()
