"""Problems that refer to their traversal's images: the same numbers, whatever rows are taken in whatever order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ifp.exact import shared_images
from ifp.exact.curvature import scaled_hessian
from ifp.exact.ideal_vae import TraversalBatch, make_batch, make_grid, reconstruction
from ifp.exact.solutions import States
from ifp.likelihood import Bernoulli
from ifp.theory.reduction import reduce_traversal

ROWS = torch.tensor([2, 2, 0, 1, 2])


def batch() -> TraversalBatch:
    rng = np.random.default_rng(0)
    return make_batch([reduce_traversal(rng.random((5, 12)), Bernoulli()) for _ in range(3)], Bernoulli(), "cpu")


def states() -> States:
    rng = np.random.default_rng(1)
    mean, log_std = 0.7 * rng.normal(size=(3, 5, 1)), 0.3 * rng.normal(size=(3, 5, 1)) - 0.4
    return States(torch.from_numpy(mean), torch.from_numpy(log_std))


def test_rows_that_are_taken_have_their_own_images() -> None:
    whole, at = batch(), states().take(ROWS)
    taken = whole.take(torch.tensor([1, 2, 0])).take(torch.tensor([1, 1, 2, 0, 1]))
    torch.testing.assert_close(taken.x_MNP, whole.x_MNP[ROWS], rtol=0, atol=0)
    grid = make_grid(at.mean_MND, at.log_std_MND)
    together = reconstruction(taken, at.mean_MND, at.log_std_MND, grid)[0]
    for row, expected in enumerate(together):
        alone, own = whole.take(ROWS[row : row + 1]), at.take(torch.tensor([row]))
        found = reconstruction(alone, own.mean_MND, own.log_std_MND, grid.take(torch.tensor([row])))[0]
        torch.testing.assert_close(found[0], expected, rtol=1e-13, atol=0)


def test_pairs_that_are_kept_are_those_that_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    level, at = torch.full((5,), 30.0, dtype=torch.float64), torch.full((5,), 0.5, dtype=torch.float64)
    whole = batch()
    first, again = (scaled_hessian(whole.take(ROWS), states().take(ROWS), level, at, 3.0) for _ in range(2))
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    assert sorted(whole.images.single._pairs) == [0, 1, 2]
    monkeypatch.setattr(shared_images, "MOST_PAIR_NUMBERS", 0)
    other = batch()
    torch.testing.assert_close(
        scaled_hessian(other.take(ROWS), states().take(ROWS), level, at, 3.0), first, rtol=0, atol=0
    )
    assert not other.images.single._pairs
