"""Products in bfloat16, and noise by counter, leave the answers inside float32's bracket, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.annealing import counter_noise
from ifp.annealing.config import preset_config
from ifp.annealing.train import anneal_chunk
from ifp.system.threads import single_threaded_kernels
from ifp.trace import AnnealTrace

from .linear_gaussian import CROSSING, linear_members

VARIANCE, SIGMA, SEEDS = 2.0, 0.25, 4
BETA_C = VARIANCE / SIGMA**2
EXACT = CROSSING * BETA_C


def anneal(precision: str) -> AnnealTrace:
    config = preset_config(
        "standard", dataset="made", architecture="linear", likelihood="gaussian", sigma=SIGMA, batch=64,
        learning_rate=3e-3, steps=600, hold_steps=300, records=60, precision=precision,
    )  # fmt: skip
    with single_threaded_kernels():
        return anneal_chunk(linear_members(SEEDS, BETA_C), config)


def crossings(trace: AnnealTrace) -> dict[str, np.ndarray]:
    """The beta of the last record below (cooling) or above (heating) the threshold."""
    found: dict[str, list[float]] = {"cool": [], "heat": []}
    for direction, beta_T, kl_T in zip(trace.direction_M, trace.beta_MT, trace.total_kl_nats_MT, strict=True):
        before = kl_T < 0.1 if direction == "cool" else kl_T > 0.1
        found[str(direction)].append(float(beta_T[np.flatnonzero(before)[-1]]))
    return {direction: np.array(values) for direction, values in found.items()}


@pytest.fixture(scope="module")
def by_precision() -> dict[str, AnnealTrace]:
    found = {precision: anneal(precision) for precision in ("float32", "bfloat16")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counter_noise, "OWN_GENERATORS", ())
        patch.setattr(counter_noise, "DRAWN_AHEAD", 100_000)
        return {**found, "counter": anneal("float32")}


def test_their_brackets_hold_the_analytic_crossing_as_that_of_float32_does(
    by_precision: dict[str, AnnealTrace],
) -> None:
    of = {precision: crossings(trace) for precision, trace in by_precision.items()}
    for found in of.values():
        assert (found["cool"] <= 1.05 * EXACT).all()
        assert (found["heat"] >= 0.95 * EXACT).all()
    for direction in ("cool", "heat"):
        plain = np.log(of["float32"][direction])
        for kind in ("bfloat16", "counter"):
            assert not np.array_equal(by_precision["float32"].kl_nats_MTD, by_precision[kind].kl_nats_MTD)
            # no farther from float32's than its seeds are from each other, or a record from the next
            record = np.log(beta_steps(by_precision["float32"], direction))
            assert abs(np.median(np.log(of[kind][direction])) - np.median(plain)) <= np.ptp(plain) + record


def beta_steps(trace: AnnealTrace, direction: str) -> float:
    """The ratio of beta from one record to the next."""
    beta_T = trace.beta_MT[np.flatnonzero(trace.direction_M == direction)[0]]
    ratio = beta_T[1] / beta_T[0]
    return float(max(ratio, 1 / ratio))


def test_where_they_have_frozen_their_kl_is_that_of_theory(by_precision: dict[str, AnnealTrace]) -> None:
    """Heating follows the equilibrium, 0.5 ln(beta_c / beta)."""
    for kind, trace in by_precision.items():
        heats = trace.direction_M == "heat"
        beta_MT, kl_MT = trace.beta_MT[heats], trace.total_kl_nats_MT[heats]
        frozen = beta_MT < 0.8 * EXACT
        assert frozen.sum() > 20
        error = np.abs(kl_MT - 0.5 * np.log(BETA_C / beta_MT))[frozen]
        assert np.median(error) < 0.05, kind
