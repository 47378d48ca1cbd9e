"""Grids fitted to the widths of the posteriors against uniform ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ifp.exact.fitted_grid import fitted_grid, grid_of
from ifp.exact.ideal_vae import Grid, make_batch, make_grid, reconstruction
from ifp.exact.solve import FITTED_SPACING
from ifp.likelihood import Bernoulli
from ifp.theory.reduction import reduce_traversal


def posteriors() -> tuple[Tensor, Tensor]:
    """Means and log stds [3, 20, 1]: neighbours along z overlap, and widths differ twelvefold."""
    rng = np.random.default_rng(0)
    std = np.exp(np.linspace(np.log(0.03), np.log(0.36), 20)) * rng.uniform(0.9, 1.1, size=(3, 20))
    mean = np.cumsum(1.5 * std, 1)
    return torch.from_numpy(mean - mean.mean(1, keepdims=True))[:, :, None], torch.from_numpy(np.log(std))[:, :, None]


def total(grid: Grid) -> list[Tensor]:
    """Reconstruction and gradients on a grid, over the images' order of magnitude of nats."""
    rng = np.random.default_rng(1)
    batch = make_batch([reduce_traversal(rng.random((20, 30)), Bernoulli()) for _ in range(3)], Bernoulli(), "cpu")
    return [*reconstruction(batch, *posteriors(), grid)]


def errors(grid: Grid) -> tuple[float, float]:
    """Largest errors of the reconstruction, nats of about 18, and of its gradient, against a fine grid."""
    fine = total(make_grid(*posteriors(), spacing=0.2, reach=8))
    by_part = [float((got - want).abs().max()) for got, want in zip(total(grid), fine, strict=True)]
    return by_part[0], max(by_part[1:])


def test_a_fitted_grid_is_as_good_as_a_uniform_one_and_converges() -> None:
    # against errors of 1.7e-7 nat and 3.4e-5 on the uniform grid that is used for few images
    recon, gradient = errors(fitted_grid(*posteriors(), spacing=FITTED_SPACING))
    assert recon < 3e-7
    assert gradient < errors(make_grid(*posteriors()))[1]
    recon, gradient = errors(fitted_grid(*posteriors(), spacing=0.35))
    assert recon < 1e-7
    assert gradient < 1e-5


def test_a_fitted_grid_has_few_points_and_the_weight_of_its_whole_range() -> None:
    mean, log_std = posteriors()
    grid, uniform = fitted_grid(mean, log_std, spacing=FITTED_SPACING), make_grid(mean, log_std)
    assert grid.z_MGD.shape[1] < uniform.z_MGD.shape[1] / 3
    inside = (grid.z_MGD[:, 1:, 0] > grid.z_MGD[:, :-1, 0]) | (grid.weight_MG[:, 1:] == 0)
    assert bool(inside.all())
    assert float(grid.weight_MG.min()) >= 0
    # the density of a normal distribution integrates to one, the narrowest posterior's too
    for image in (0, 7, 19):
        offset = (grid.z_MGD[:, :, 0] - mean[:, image]) / log_std[:, image].exp()
        mass = (grid.weight_MG * torch.exp(-0.5 * offset**2) / log_std[:, image].exp()).sum(1) / (2 * np.pi) ** 0.5
        torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=5e-6)


def test_a_fitted_grid_depends_on_its_traversal_alone_and_not_on_the_order_of_its_images() -> None:
    mean, log_std = posteriors()
    together = grid_of(mean, log_std, uniform=0.7, fitted=0.55)
    order = torch.from_numpy(np.random.default_rng(2).permutation(20))
    alone = grid_of(mean[1:2, order], log_std[1:2, order], uniform=0.7, fitted=0.55)
    points = alone.z_MGD.shape[1]
    torch.testing.assert_close(together.z_MGD[1, :points], alone.z_MGD[0], rtol=1e-12, atol=1e-12)
    assert float(together.weight_MG[1, points:].abs().sum()) == 0
    at = torch.linspace(-3, 3, 9, dtype=torch.float64).expand(1, -1)[:, :, None]
    assert bool((alone.log_narrowest_at(mean[1:2]) <= log_std[1:2] + 0.05).all())
    assert alone.log_narrowest_at(at).shape == at.shape


def test_few_images_and_two_latents_have_uniform_grids() -> None:
    mean, log_std = posteriors()
    assert not grid_of(mean[:, :12], log_std[:, :12], uniform=0.5, fitted=0.55).fitted
    assert not grid_of(mean.repeat(1, 1, 2), log_std.repeat(1, 1, 2) + 3, uniform=1.0, fitted=0.55).fitted
