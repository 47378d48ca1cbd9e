"""Where a branch loses its stability is solved for, not taken from the nearest point of its curve."""

from __future__ import annotations

import numpy as np
import pytest

import ifp
from ifp.exact.branches import COLLAPSED, Curve, heating_path, turning_points
from ifp.exact.lowest import exact_minimum


def last_held(images: np.ndarray, likelihood: str, sigma: float) -> float:
    trace = ifp.exact_annealing(images, likelihood=likelihood, sigma=sigma, directions=["heat"])
    held_T = trace.kl_nats_MTD[0].sum(1) > 0.1
    return float(trace.beta_MT[0][held_T].max())


# folds by minimisation of R + beta K on a fixed grid of z by scipy's L-BFGS-B, beta raised in small steps
@pytest.mark.parametrize(
    ("images", "likelihood", "sigma", "fold"), [(6, "bernoulli", 1.0, 3.1504), (5, "gaussian", 0.5, 2.1076)]
)
def test_heating_melts_at_the_fold_that_an_independent_computation_found(
    images: int, likelihood: str, sigma: float, fold: float
) -> None:
    x = np.repeat(np.eye(6), 2, axis=1)[:images]
    assert last_held(x, likelihood, sigma) == pytest.approx(fold, rel=1e-4)


def test_paths_leave_their_branch_at_its_extremum() -> None:
    beta = np.array([1.0, 1.3, 1.2, 0.9, 1.1, 0.5])
    kl = np.arange(1.0, 7.0)
    curve = Curve(np.arange(6.0), beta, -kl, kl[:, None], np.arange(6))
    path = heating_path(curve, 1.0, 9.0, np.array([1.5]))
    assert path.points == [5, 4, 2, 1, COLLAPSED, COLLAPSED]
    assert turning_points(path) == [4, 1]


def test_copies_of_few_images_do_not_hide_the_lowest_state() -> None:
    rng = np.random.default_rng(17)
    rng.random((7, 9))
    images = rng.random((4, 8))[[0, 0, 0, 1, 1, 2, 3]]
    trace = ifp.exact_annealing(images, directions=["heat"])
    beta, recon, kl = trace.beta_MT[0], trace.recon_nats_MT[0], trace.kl_nats_MTD[0, :, 0]
    start = np.nanargmin(beta)
    nats = recon[start] + beta[start] * kl[start]
    lowest = exact_minimum(images, [beta[start], 0.3])[0]
    assert nats == pytest.approx(lowest, abs=1e-4 * beta[start])
    # the state that was taken for the lowest before, kept at the beta at which it was recorded
    assert exact_minimum(images, [0.23929])[0] < 4.968411 - 0.01 * 0.23929
