"""The objective and its closed-form gradient. Shapes: M members, S draws, N images, P pixels, D latents."""

from __future__ import annotations

import pytest
import torch

from ifp.likelihood import Bernoulli, Gaussian, Likelihood
from ifp.networks.losses import gaussian_kl_nats, objective_gradients, reconstruction_nats

M, S, N, P, D = 3, 4, 5, 7, 2


def draws(seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {
        "out": torch.randn(M, S, N, P, generator=g, dtype=torch.float64, requires_grad=True),
        "mean": torch.randn(M, N, D, generator=g, dtype=torch.float64, requires_grad=True),
        "logvar": torch.randn(M, N, D, generator=g, dtype=torch.float64, requires_grad=True),
        "x": torch.rand(M, N, P, generator=g, dtype=torch.float64),
        "weight": torch.rand(M, P, generator=g, dtype=torch.float64) * 5,
        "beta": torch.rand(M, generator=g, dtype=torch.float64) * 50,
    }


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.3)])
def test_gradient_is_that_of_the_objective(likelihood: Likelihood) -> None:
    d = draws()
    recon = reconstruction_nats(d["out"], d["x"], d["weight"], likelihood).mean((1, 2))
    kl = gaussian_kl_nats(d["mean"], d["logvar"]).sum(2).mean(1)
    # members are independent, so the gradient of the sum is every member's own
    expected = torch.autograd.grad((recon + d["beta"] * kl).sum(), [d["out"], d["mean"], d["logvar"]])
    with torch.no_grad():
        got = objective_gradients(d["out"], d["mean"], d["logvar"], d["x"], d["weight"], d["beta"], likelihood)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e)


def test_kl_agrees_with_monte_carlo() -> None:
    g = torch.Generator().manual_seed(1)
    mean, logvar = torch.tensor([[[0.7]]]).double(), torch.tensor([[[-1.1]]]).double()
    z = mean + (0.5 * logvar).exp() * torch.randn(1, 400_000, 1, generator=g, dtype=torch.float64)
    log_q = -0.5 * ((z - mean) ** 2 / logvar.exp() + logvar)
    sampled = log_q + 0.5 * z**2
    error = sampled.std() / 400_000**0.5
    assert abs(sampled.mean() - gaussian_kl_nats(mean, logvar).item()) < 4 * error


def test_kl_is_never_negative_and_zero_at_the_prior() -> None:
    g = torch.Generator().manual_seed(2)
    mean, logvar = torch.randn(100, 10, 3, generator=g), torch.randn(100, 10, 3, generator=g)
    assert (gaussian_kl_nats(mean, logvar) >= 0).all()
    assert gaussian_kl_nats(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)).item() == 0


def test_bernoulli_is_cross_entropy_with_grey_values() -> None:
    d = draws(3)
    p = d["out"].sigmoid()
    x = d["x"][:, None]
    expected = (-(x * p.log() + (1 - x) * (1 - p).log()) * d["weight"][:, None, None]).sum(-1)
    torch.testing.assert_close(reconstruction_nats(d["out"], d["x"], d["weight"], Bernoulli()), expected)


def test_repeating_the_batch_leaves_the_scale_of_loss_and_gradient() -> None:
    d = draws(4)
    twice = {
        k: torch.cat([v, v], dim=2 if k == "out" else 1) for k, v in d.items() if k in ("out", "mean", "logvar", "x")
    }
    recon = reconstruction_nats(d["out"], d["x"], d["weight"], Bernoulli()).mean((1, 2))
    again = reconstruction_nats(twice["out"], twice["x"], d["weight"], Bernoulli()).mean((1, 2))
    torch.testing.assert_close(recon, again)
    with torch.no_grad():
        one = objective_gradients(d["out"], d["mean"], d["logvar"], d["x"], d["weight"], d["beta"], Bernoulli())
        two = objective_gradients(
            twice["out"], twice["mean"], twice["logvar"], twice["x"], d["weight"], d["beta"], Bernoulli()
        )
    # each of 2 N rows carries half the gradient
    torch.testing.assert_close(one[0], two[0][:, :, :N] * 2)
    torch.testing.assert_close(one[1], two[1][:, :N] * 2)


def test_changing_beta_changes_the_gradient_of_the_posterior_alone() -> None:
    d = draws(5)
    with torch.no_grad():
        args = (d["out"], d["mean"], d["logvar"], d["x"], d["weight"])
        low = objective_gradients(*args, d["beta"], Bernoulli())
        high = objective_gradients(*args, 2 * d["beta"], Bernoulli())
    torch.testing.assert_close(low[0], high[0])
    torch.testing.assert_close(2 * low[1], high[1])
    torch.testing.assert_close(2 * low[2], high[2])
