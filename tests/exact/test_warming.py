"""Heating stays on its branch as beta rises, where tracing by the KL changes to another."""

from __future__ import annotations

import numpy as np
import pytest

import ifp

from .curves import crossings


# folds by minimisation of R + beta K on a fixed grid of z by scipy's L-BFGS-B, beta raised by 0.2 % and less
@pytest.mark.parametrize(("images", "sigma", "fold"), [(7, 0.3, 2.88703), (9, 0.5, 1.01952)])
def test_images_that_share_no_pixel_melt_at_the_fold_of_the_deepest_branch(
    images: int, sigma: float, fold: float
) -> None:
    trace = ifp.exact_annealing(np.eye(images), "gaussian", sigma=sigma, directions=["heat"])
    assert crossings(trace)["heat"].item() == pytest.approx(fold, rel=6e-4)  # the collapsed record is 5e-4 above it
    held_T = trace.total_kl_nats_MT[0] > 0.1
    assert trace.beta_MT[0][held_T].max() == pytest.approx(fold, rel=1e-4)


def test_heating_goes_on_from_the_branch_that_it_falls_onto() -> None:
    """At 0.7243 the state falls from 1.05 to 0.225 nat, onto a branch that the deepest state's curve does not hold."""
    rng = np.random.default_rng(5)
    rng.integers(4), rng.integers(4, 13), rng.integers(2), rng.choice([0.3, 0.5, 1.0])
    images = np.unique((rng.random((11, rng.integers(6, 40))) < 0.3) * 0.9 + 0.05, axis=0)
    trace = ifp.exact_annealing(images, "gaussian", sigma=1.0, directions=["heat"])
    assert crossings(trace)["heat"].item() == pytest.approx(0.78206, rel=1e-3)
    before, after = np.flatnonzero(-np.diff(np.nan_to_num(trace.total_kl_nats_MT[0])) > 0.5)[-1] + np.array([0, 1])
    assert trace.beta_MT[0, before] == pytest.approx(0.72434, rel=1e-4)
    assert trace.total_kl_nats_MT[0, after] == pytest.approx(0.2253, abs=0.005)
