"""Curves of exact annealing as the tests look at them: crossings, the equilibrium, and random starts below it."""

from __future__ import annotations

import numpy as np

from ifp.analysis.freezing.points import freezing_points
from ifp.trace import AnnealTrace

from .written_out import lowest_of_random_starts


def crossings(trace: AnnealTrace, threshold_nats: float = 0.1) -> dict[str, np.ndarray]:
    """beta at the threshold, by direction."""
    points = freezing_points(trace, threshold_nats=threshold_nats)
    return {str(name): group["beta_ifp"].to_numpy() for name, group in points.groupby("direction")}


def equilibrium(trace: AnnealTrace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """beta, reconstruction and KL of the one equilibrium curve."""
    (row,) = np.flatnonzero(trace.direction_M == "equilibrium")
    known = np.isfinite(trace.beta_MT[row])
    return trace.beta_MT[row][known], trace.recon_nats_MT[row][known], trace.total_kl_nats_MT[row][known]


def assert_no_random_start_ends_below(images: np.ndarray, trace: AnnealTrace, records: int, starts: int) -> None:
    """At `records` records around the transition (0 for all) descents from random posteriors find nothing lower."""
    point = freezing_points(trace).set_index("direction").loc["equilibrium"]
    assert point["status"] == "frozen"
    assert 0.8 * point["beta_closed_form"] <= point["beta_ifp"] <= 1.001 * point["beta_upper"]
    beta, recon, kl = equilibrium(trace)
    generator = np.random.default_rng(0)
    first = int(np.flatnonzero(kl > 0)[0]) - 1
    for record in range(first, first + records) if records else range(len(beta)):
        brute = lowest_of_random_starts(images, beta[record], starts, generator)
        assert recon[record] + beta[record] * kl[record] <= brute + 1e-4 * beta[record]
