"""The exact reductions: the reduced objective is the full one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ifp.errors import IfpError
from ifp.exact.ideal_vae import make_batch, make_grid, reconstruction
from ifp.likelihood import Bernoulli, Gaussian, as_likelihood, binary_entropy_nats
from ifp.theory.reduction import ReducedTraversal, reduce_traversal, rotate_gaussian


def images(seed: int = 0) -> np.ndarray:
    """Five 6 x 6 images with constant pixels (some grey) and many equal ones."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 256, size=(5, 4))
    patterns[:, 3] = 77
    return patterns[:, rng.integers(0, 4, size=36)].reshape(5, 1, 6, 6).astype(np.uint8)


def recon(reduced: ReducedTraversal, likelihood: str) -> float:
    """The reconstruction at some fixed posteriors, nats."""
    rng = np.random.default_rng(1)
    mean = torch.from_numpy(rng.normal(size=(1, 5, 1)))
    log_std = torch.from_numpy(rng.normal(size=(1, 5, 1)) * 0.3 - 0.5)
    batch = make_batch([reduced], as_likelihood(likelihood, 0.3), "cpu")
    return float(reconstruction(batch, mean, log_std, make_grid(mean, log_std))[0])


def unreduced(x: np.ndarray, likelihood: str) -> ReducedTraversal:
    """Every pixel of its own."""
    flat = x.reshape(len(x), -1) / 255
    return ReducedTraversal(flat, np.ones(flat.shape[1]), 0.0, np.arange(flat.shape[1]))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_reduced_objective_is_the_full_one(likelihood: str) -> None:
    x = images()
    reduced = reduce_traversal(x, as_likelihood(likelihood))
    assert reduced.values_NP.shape == (5, 3)
    assert recon(reduced, likelihood) == pytest.approx(recon(unreduced(x, likelihood), likelihood), rel=1e-9)


def test_rotation_keeps_the_gaussian_objective() -> None:
    x = np.random.default_rng(2).integers(0, 256, size=(5, 40)).astype(np.uint8)
    reduced = reduce_traversal(x, Gaussian())
    rotated = rotate_gaussian(reduced)
    assert rotated.values_NP.shape == (5, 4)
    assert recon(rotated, "gaussian") == pytest.approx(recon(reduced, "gaussian"), rel=1e-9)


def test_patterns_rebuild_the_images() -> None:
    x = images()
    reduced = reduce_traversal(x, Bernoulli())
    varies = reduced.pattern_of_pixel >= 0
    flat = x.reshape(5, -1) / 255
    np.testing.assert_array_equal(reduced.values_NP[:, reduced.pattern_of_pixel[varies]], flat[:, varies])
    assert (flat[:, ~varies] == flat[:1, ~varies]).all()
    np.testing.assert_array_equal(np.bincount(reduced.pattern_of_pixel[varies]), reduced.weight_P)
    assert reduced.constant_nats == pytest.approx(binary_entropy_nats(flat[0, ~varies]).sum())


def test_equal_images_are_refused() -> None:
    with pytest.raises(IfpError, match="nothing changes"):
        reduce_traversal(np.ones((3, 4)), Gaussian())
