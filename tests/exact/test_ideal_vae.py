"""The ideal VAE's objective: gradients, quadrature, and that no decoder is better."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.exact.ideal_vae import (
    TraversalBatch,
    kl_gradient,
    kl_nats,
    make_batch,
    make_grid,
    reconstruction,
)
from ifp.likelihood import Bernoulli, as_likelihood
from ifp.theory.reduction import reduce_traversal


def problem(likelihood: str, latents: int, seed: int = 0) -> tuple[TraversalBatch, Tensor, Tensor]:
    """Two traversals of six images, and posteriors."""
    rng = np.random.default_rng(seed)
    scored = as_likelihood(likelihood, 0.4)
    batch = make_batch([reduce_traversal(rng.random((6, 20)), scored) for _ in range(2)], scored, "cpu")
    mean = torch.from_numpy(rng.normal(size=(2, 6, latents)))
    log_std = torch.from_numpy(rng.normal(size=(2, 6, latents)) * 0.3 - 0.4)
    return batch, mean, log_std


@pytest.mark.parametrize("latents", [1, 2])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_gradients_equal_automatic_differentiation(likelihood: str, latents: int) -> None:
    batch, mean, log_std = problem(likelihood, latents)
    grid = make_grid(mean, log_std)
    mean.requires_grad_()
    log_std.requires_grad_()
    recon, by_mean, by_log_std = reconstruction(batch, mean, log_std, grid)
    expected = torch.autograd.grad(recon.sum(), (mean, log_std), retain_graph=True)
    torch.testing.assert_close(by_mean, expected[0], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(by_log_std, expected[1], rtol=1e-8, atol=1e-8)
    kl_expected = torch.autograd.grad(kl_nats(mean, log_std).sum(), (mean, log_std))
    for got, want in zip(kl_gradient(mean, log_std), kl_expected, strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("latents", [1, 2])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_grid_agrees_with_a_fine_one(likelihood: str, latents: int) -> None:
    # means as close as equilibrium ones; far apart, in two dimensions, the spacing's error reaches 3e-6
    batch, mean, log_std = problem(likelihood, latents)
    mean, log_std = 0.7 * mean, 0.7 * log_std
    coarse = reconstruction(batch, mean, log_std, make_grid(mean, log_std))
    fine = reconstruction(batch, mean, log_std, make_grid(mean, log_std, spacing=0.2, reach=8))
    torch.testing.assert_close(coarse[0], fine[0], rtol=1e-6, atol=0)


def test_reconstruction_equals_the_double_integral_written_out() -> None:
    batch, mean, log_std = problem("bernoulli", 1)
    z = np.linspace(-9, 9, 4001)
    q = np.exp(-0.5 * ((z - mean[0].numpy()) / np.exp(log_std[0].numpy())) ** 2) / np.exp(log_std[0].numpy())
    q /= np.sqrt(2 * np.pi)
    x = batch.x_MNP[0].numpy()
    decoded = (q / q.sum(axis=0)).T @ x
    cost = -(x[:, None] * np.log(decoded) + (1 - x[:, None]) * np.log(1 - decoded)) @ batch.weight_MP[0].numpy()
    expected = (q * cost).sum() * (z[1] - z[0]) / 6
    got = reconstruction(batch, mean, log_std, make_grid(mean, log_std))[0][0]
    assert float(got) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_no_other_decoder_is_better(likelihood: str) -> None:
    # the same posteriors with decoders perturbed at random, by Monte Carlo with common draws
    batch, mean, log_std = problem(likelihood, 1)
    rng = np.random.default_rng(3)
    x, weight = batch.x_MNP[0].numpy(), batch.weight_MP[0].numpy()
    m, s = mean[0, :, 0].numpy(), np.exp(log_std[0, :, 0].numpy())
    image = rng.integers(6, size=20_000)
    z = m[image] + s[image] * rng.normal(size=len(image))
    log_q = -0.5 * ((z[:, None] - m) / s) ** 2 - np.log(s)
    q = np.exp(log_q - log_q.max(axis=1, keepdims=True))
    best = (q / q.sum(axis=1, keepdims=True)) @ x

    def cost(decoded: np.ndarray) -> float:
        own = x[image]
        if likelihood == "gaussian":
            return float((0.5 * (own - decoded) ** 2 @ weight).mean())
        return float((-(own * np.log(decoded) + (1 - own) * np.log(1 - decoded)) @ weight).mean())

    exact = float(reconstruction(batch, mean, log_std, make_grid(mean, log_std))[0][0])
    assert cost(best) == pytest.approx(exact, rel=0.02)
    for _ in range(20):
        wave = 0.3 * np.sin(rng.normal(size=x.shape[1]) * z[:, None] + 6 * rng.random(x.shape[1]))
        other = best + wave if likelihood == "gaussian" else 1 / (1 + (1 - best) / best * np.exp(-wave))
        assert cost(other) > cost(best)


def test_nothing_held_costs_the_entropy_of_the_mean_image() -> None:
    batch, mean, log_std = problem("bernoulli", 1)
    collapsed = reconstruction(batch, mean * 0, log_std * 0, make_grid(mean * 0, log_std * 0))
    torch.testing.assert_close(collapsed[0], batch.collapsed_nats_M, rtol=1e-6, atol=0)
    assert float(kl_nats(mean * 0, log_std * 0).abs().max()) == 0


def test_padding_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    small, large = (reduce_traversal(rng.random((6, pixels)), Bernoulli()) for pixels in (5, 90))
    _, mean, log_std = problem("bernoulli", 1)
    padded = make_batch([small, large], Bernoulli(), "cpu")
    alone = make_batch([small], Bernoulli(), "cpu")
    assert padded.x_MNP.shape[2] >= 90 > alone.x_MNP.shape[2]
    grid = make_grid(mean, log_std)
    one = torch.tensor([0])
    expected = reconstruction(alone, mean[:1], log_std[:1], grid.take(one))[0]
    torch.testing.assert_close(reconstruction(padded, mean, log_std, grid)[0][:1], expected, rtol=1e-12, atol=0)
