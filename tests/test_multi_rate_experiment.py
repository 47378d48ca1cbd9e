"""The experiment on multi-rate networks: its kept points say of the bracket what their numbers say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

FOLDER = Path(__file__).parents[1] / "experiments" / "multi_rate"


def test_kept_points_and_objectives_agree() -> None:
    points = pd.read_csv(FOLDER / "results" / "points.csv")
    known = points.dropna(subset=["median", "cool_median", "heat_median"])
    low, high = known[["cool_median", "heat_median"]].min(axis=1), known[["cool_median", "heat_median"]].max(axis=1)
    place = np.where(known["median"] < low, "below", np.where(known["median"] > high, "above", "inside"))
    assert list(place) == list(known["place"])
    assert len(known) >= 7
    for run in ("known", "sprites"):
        objective = pd.read_csv(FOLDER / "results" / f"objective_{run}.csv").dropna()
        best = objective[["cool_nats", "heat_nats"]].min(axis=1)
        assert_allclose(objective["excess_nats"], objective["multi_rate_nats"] - best, atol=2e-3)


def test_the_linear_images_have_the_edges_that_are_meant(
    load_experiment: Callable[[Path, Sequence[str]], dict[str, ModuleType]],
) -> None:
    linear = load_experiment(FOLDER, ("linear",))["linear"]
    _, edges = linear.gaussian_images()
    assert_allclose(edges[:3], linear.VARIANCES, rtol=0.05)  # 4,000 draws
    kept = pd.read_csv(FOLDER / "results" / "linear.csv")
    assert_allclose(kept["exact_crossing"], kept["edge"] * np.exp(-0.2), rtol=1e-3)
    assert_allclose(kept["ratio"], kept["crossing"] / kept["exact_crossing"], rtol=2e-3)
