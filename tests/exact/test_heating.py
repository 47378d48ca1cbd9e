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
    assert crossings(trace)["heat"].item() == pytest.approx(fold, rel=2e-4)  # the collapsed record is 1e-4 above it
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


def test_a_fall_to_another_branch_stands_where_the_first_is_left() -> None:
    """Two factors of three values: the first branch ends at 2.00999, where the second has been lower for long."""
    images = np.array([[*np.repeat(np.eye(3)[i], 2), *np.eye(3)[j]] for i in range(3) for j in range(3)])
    trace = ifp.exact_annealing(images, directions=["heat"])
    beta, kl_nats = trace.beta_MT[0], trace.total_kl_nats_MT[0]
    held = kl_nats > 1.6
    assert beta[held].max() == pytest.approx(2.00999, rel=1e-4)
    assert np.nanmax(kl_nats[beta > beta[held].max()]) == pytest.approx(1.374, abs=0.01)
    assert (np.diff(beta[np.isfinite(beta)]) > 0).all()


def test_a_state_that_falls_to_more_information_is_followed() -> None:
    """At 3.70 the branch of 0.07 nat loses its stability towards one of 0.21 nat, which crosses 0.1 nat at 3.87."""
    percent = """
        6 15 11 14  9  6 14  6 85 99 92 92
        15 11  9  0  6 15  7 15 94 81 92 85
        83 93 91 83  0  5 11  5 19  9 12 11
        15 11 10  7 86 91 90 96  3 16  7 10
    """
    trace = ifp.exact_annealing(np.array(percent.split(), float).reshape(4, 12) / 100)
    found = crossings(trace)
    assert found["heat"].item() == pytest.approx(3.86293, rel=1e-4)
    assert found["heat"].item() >= found["equilibrium"].item() * (1 - 1e-4)


def test_a_floor_above_the_deep_state_does_not_hide_it() -> None:
    images = np.repeat(np.eye(6), 2, axis=1)
    whole, cut = (crossings(ifp.exact_annealing(images, beta_floor=floor)) for floor in (None, 3.0))
    for name in ("heat", "equilibrium"):
        np.testing.assert_allclose(cut[name], whole[name], rtol=1e-6)
