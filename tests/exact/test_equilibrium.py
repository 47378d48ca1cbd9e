"""The equilibrium is the lowest of all that annealing meets, also where its valleys are many."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.exact.annealing import exact_annealing

SETS = {
    "five images, all equally far apart": (np.eye(5), "gaussian", 0.2),
    "seven of them, as probabilities": (np.eye(7), "bernoulli", 1.0),
    "random images": (np.random.default_rng(5).random((5, 12)).round(2), "bernoulli", 1.0),
}


@pytest.mark.parametrize("name", SETS)
def test_no_record_of_any_direction_lies_below_the_equilibrium(name: str) -> None:
    images, likelihood, sigma = SETS[name]
    trace = exact_annealing(images[:, None], likelihood, sigma=sigma)
    (row,) = np.flatnonzero(trace.direction_M == "equilibrium")
    beta_T = trace.beta_MT[row][np.isfinite(trace.beta_MT[row])]
    nats_MT = trace.recon_nats_MT[..., None] + trace.total_kl_nats_MT[..., None] * beta_T
    equilibrium_T = nats_MT[row, np.arange(len(beta_T)), np.arange(len(beta_T))]
    lowest_T = np.nanmin(nats_MT, axis=(0, 1))
    # two states may differ by as much where the objectives meet
    assert ((equilibrium_T - lowest_T) / beta_T).max() < 1e-5
    assert (np.diff(beta_T) <= 0).all()
    kl_T = trace.total_kl_nats_MT[row][: len(beta_T)]
    assert (np.diff(kl_T) >= -1e-9).all()


def test_the_members_of_a_batch_do_not_decide_how_often_another_is_looked_at() -> None:
    sets = [np.random.default_rng(seed).random((4, 1, 8)).round(2) for seed in range(2)]
    together = exact_annealing(sets)
    for number, images in enumerate(sets):
        alone = exact_annealing(images)
        for row, direction in enumerate(alone.direction_M):
            among, own = together.beta_MT[3 * number + row], alone.beta_MT[row]
            among, own = among[np.isfinite(among)], own[np.isfinite(own)]
            assert len(among) == len(own), direction
            np.testing.assert_allclose(among, own, rtol=1e-8)


def test_the_same_call_gives_the_same_bits() -> None:
    images = np.random.default_rng(3).random((3, 1, 6))
    first, second = exact_annealing(images), exact_annealing(images)
    np.testing.assert_array_equal(first.beta_MT, second.beta_MT)
    np.testing.assert_array_equal(first.recon_nats_MT, second.recon_nats_MT)
    np.testing.assert_array_equal(first.kl_nats_MTD, second.kl_nats_MTD)
