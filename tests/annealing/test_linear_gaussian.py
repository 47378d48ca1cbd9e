"""Training on data for which the freezing point is known analytically."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.freezing.points import freezing_points
from ifp.annealing.config import preset_config
from ifp.annealing.train import anneal_chunk
from ifp.system.threads import single_threaded_kernels
from ifp.theory.closed_form import freezing_bounds
from ifp.trace import AnnealTrace

from .linear_gaussian import CROSSING, linear_members, quantile_images

VARIANCE, SIGMA = 2.0, 0.25
BETA_C = VARIANCE / SIGMA**2


def anneal(directions: tuple[str, ...], count: int, **settings: object) -> AnnealTrace:
    config = preset_config(
        "standard", dataset="made", architecture="linear", likelihood="gaussian", sigma=SIGMA,
        **{"batch": 256, "learning_rate": 3e-3, **settings},
    )  # fmt: skip
    with single_threaded_kernels():
        return anneal_chunk(linear_members(count, BETA_C, directions), config)


def crossings(trace: AnnealTrace) -> dict[str, np.ndarray]:
    points = freezing_points(trace, likelihood="gaussian")
    return {str(d): group["beta_ifp"].to_numpy(dtype=float) for d, group in points.groupby("direction")}


def test_closed_form_is_analytic() -> None:
    bounds = freezing_bounds(quantile_images(), "gaussian", sigma=SIGMA)
    assert bounds.beta_closed_form_M[0] == pytest.approx(BETA_C, rel=1e-6)


def test_trained_bracket_holds_the_analytic_crossing() -> None:
    found = crossings(anneal(("cool", "heat"), 20, steps=1500, hold_steps=500, records=100))
    exact = CROSSING * BETA_C
    assert np.mean(found["cool"] <= 1.05 * exact) >= 0.95
    assert np.mean(found["heat"] >= 0.95 * exact) >= 0.95


def test_slower_heating_comes_closer() -> None:
    exact = CROSSING * BETA_C
    distance = []
    for steps in (300, 3000):
        found = crossings(anneal(("heat",), 8, steps=steps, hold_steps=500, records=100))
        distance.append(np.median(np.abs(found["heat"] / exact - 1)))
    assert distance[1] < 0.5 * distance[0]


def test_slow_heating_follows_the_analytic_curve() -> None:
    trace = anneal(("heat",), 8, steps=4000, hold_steps=800, records=100)
    beta, kl = trace.beta_MT, trace.total_kl_nats_MT
    before = beta < 0.9 * CROSSING * BETA_C
    error = np.abs(kl - 0.5 * np.log(BETA_C / beta))[before]
    assert before.sum() > 100
    assert np.median(error) < 0.05
    assert np.quantile(error, 0.95) < 0.05
