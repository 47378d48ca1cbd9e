"""The losses of GANs against closed forms and numerical integrals: information bounds, total correlation, signs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ifp.adversarial.evaluation import gaussian_total_correlation
from ifp.adversarial.losses import code_nll_BD, deceiving_loss, discriminator_loss, weighted_total_correlation
from ifp.codes import kl_nats
from ifp.objectives.base import ADVERSARY
from ifp.objectives.factor import FactorVae
from ifp.uniform_codes import CODE_ENTROPY_NATS, LOWEST_LOGVAR, handed_over, information_bound

UNIFORM = (torch.arange(200_000, dtype=torch.float64) + 0.5)[:, None] / 100_000 - 1
"""Midpoints of a fine grid on [-1, 1]: means over them are integrals over a uniform code."""


def test_a_blank_head_costs_the_entropy_of_its_gaussian() -> None:
    nll = code_nll_BD(UNIFORM, torch.zeros(1), torch.full((1,), -math.log(3), dtype=torch.float64)).mean().item()
    assert nll == pytest.approx(0.5 * math.log(2 * math.pi * math.e / 3), abs=1e-9)
    assert nll == pytest.approx(0.869632, abs=5e-7)
    assert 5 * nll == pytest.approx(4.348162, abs=5e-6)
    assert information_bound(nll) == pytest.approx(-0.176485, abs=5e-7)


def test_a_head_that_is_right_with_variance_1() -> None:
    assert code_nll_BD(UNIFORM, UNIFORM, torch.zeros(1)).mean().item() == pytest.approx(0.918939, abs=5e-7)


def truncated_normal(x: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of N(x, s^2) on [-1, 1], the posterior of a uniform code that is seen as x."""
    low, high = (-1 - x) / s, (1 - x) / s
    mass = np.where(low > 0, norm.sf(low) - norm.sf(high), norm.cdf(high) - norm.cdf(low))
    shift = (norm.pdf(low) - norm.pdf(high)) / mass
    return x + s * shift, s * s * (1 + (low * norm.pdf(low) - high * norm.pdf(high)) / mass - shift**2)


@pytest.mark.parametrize(
    ("s", "information", "best", "fixed"),
    [
        (0.05, 2.3151, 2.3033, 2.2699),
        (0.1, 1.6671, 1.6436, 1.5768),
        (0.2, 1.0643, 1.0173, 0.8836),
        (0.3, 0.7491, 0.6786, 0.4782),
        (0.4, 0.5518, 0.4580, 0.1905),
        (0.484, 0.4368, 0.3250, -0.0001),
    ],
)
def test_bounds_of_a_noisy_channel(s: float, information: float, best: float, fixed: float) -> None:
    """x = c + s e with c ~ U(-1, 1): the exact information, and the bounds of two heads below it."""
    x = np.linspace(-1 - 9 * s, 1 + 9 * s, 40_001)
    density = (norm.cdf((x + 1) / s) - norm.cdf((x - 1) / s)) / 2
    step = x[1] - x[0]
    entropy = -(density * np.log(np.maximum(density, 1e-300))).sum() * step
    assert entropy - 0.5 * math.log(2 * math.pi * math.e * s * s) == pytest.approx(information, abs=6e-5)

    node, node_weight = np.polynomial.hermite_e.hermegauss(40)
    code_Z1 = UNIFORM[::100].numpy()
    x_ZE = code_Z1 + s * node
    mean_ZE, variance_ZE = truncated_normal(x_ZE, s)
    weight_E = node_weight / node_weight.sum()

    def bound(mean_ZE: np.ndarray, variance_ZE: np.ndarray) -> float:
        nll = code_nll_BD(
            torch.from_numpy(code_Z1), torch.from_numpy(mean_ZE), torch.from_numpy(np.log(variance_ZE))
        ).numpy()
        return float(information_bound((nll * weight_E).sum(1).mean()))

    assert bound(mean_ZE, variance_ZE) == pytest.approx(best, abs=6e-5)
    assert bound(x_ZE, np.full_like(x_ZE, s * s)) == pytest.approx(fixed, abs=6e-5)
    assert fixed < best < information


def test_a_code_that_images_show_without_loss_keeps_the_loss_finite() -> None:
    logvar = torch.zeros(1, requires_grad=True)
    adam = torch.optim.Adam([logvar], lr=0.5)
    for _ in range(100):  # G(c) = c and Q the identity: the likelihood rises without end as the variance falls
        adam.zero_grad()
        loss = code_nll_BD(UNIFORM[::1000].float(), UNIFORM[::1000].float(), logvar).mean()
        loss.backward()
        assert loss.isfinite()
        assert logvar.grad is not None
        assert logvar.grad.isfinite()
        adam.step()
    assert logvar.item() < LOWEST_LOGVAR
    assert loss.item() == pytest.approx(0.5 * (math.log(2 * math.pi) + LOWEST_LOGVAR), abs=1e-5)


def test_scaled_codes_of_a_blank_head_are_the_prior() -> None:
    mean, logvar = np.zeros((1, 1)), np.full((1, 1), -math.log(3))
    assert kl_nats(*handed_over(mean, logvar))[0, 0] == pytest.approx(0, abs=1e-15)
    assert kl_nats(mean, logvar)[0, 0] == pytest.approx(0.2160, abs=5e-5)
    assert kl_nats(mean, logvar)[0, 0] == pytest.approx(0.5 * (1 / 3 - 1 + math.log(3)), abs=1e-15)


def test_discriminator_losses_at_chance_and_their_signs() -> None:
    zero = torch.zeros(8)
    assert discriminator_loss(zero, zero, torch.ones(8)).item() == pytest.approx(2 * math.log(2))
    assert deceiving_loss(zero, torch.ones(8)).item() == pytest.approx(math.log(2))
    real, fake = torch.zeros(8, requires_grad=True), torch.zeros(8, requires_grad=True)
    discriminator_loss(real, fake, torch.full((8,), 0.9)).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()  # D is to rise on real images
    assert (fake.grad > 0).all()  # and to fall on generated ones
    fake.grad = None
    deceiving_loss(fake, torch.full((8,), 0.9)).backward()
    assert fake.grad is not None
    assert (fake.grad < 0).all()  # the generator wants the opposite


class TestTotalCorrelation:
    def test_of_a_gaussian(self) -> None:
        z_N2 = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 200_000)
        # the standard error of a sample correlation is (1 - r^2) / sqrt(N), its effect on TC r / (1 - r^2) times that
        assert gaussian_total_correlation(z_N2) == pytest.approx(0.8304, abs=4 * 0.9 / math.sqrt(200_000) + 5e-5)
        assert gaussian_total_correlation(z_N2[:, :1]) == 0
        assert gaussian_total_correlation(np.c_[z_N2[:, 0], np.ones(len(z_N2))]) == 0

    def test_weighted_sampling_differs_from_the_batch_estimate_by_its_constant(self) -> None:
        generator = torch.Generator().manual_seed(0)
        mean, noise = (torch.randn(64, 3, generator=generator) for _ in range(2))
        logvar = torch.full((64, 3), -1.0)
        draws = mean + (0.5 * logvar).exp() * noise
        of_batch = weighted_total_correlation(mean, logvar, draws, 1)
        of_set = weighted_total_correlation(mean, logvar, draws, 1000)
        assert (of_set - of_batch).item() == pytest.approx((3 - 1) * math.log(1000), abs=1e-4)

    def test_weighted_sampling_of_independent_and_of_equal_codes(self) -> None:
        generator = torch.Generator().manual_seed(0)
        mean = 1.5 * torch.randn(512, 2, generator=generator)
        noise = torch.randn(512, 2, generator=generator)
        equal = mean[:, :1].expand(-1, 2)
        found = [weighted_total_correlation(m, torch.zeros(512, 2), m + noise, 1).item() for m in (mean, equal)]
        # z = m + e with m shared: correlation 2.25 / 3.25
        assert found[0] == pytest.approx(0, abs=0.06)
        assert found[1] == pytest.approx(-0.5 * math.log(1 - (2.25 / 3.25) ** 2), abs=0.06)

    def test_a_ratio_that_sees_no_difference(self) -> None:
        ratio, state = small_ratio()
        state[f"{ADVERSARY}2.weight"].zero_()
        z = torch.randn(1, 32, 2, generator=torch.Generator().manual_seed(0))
        assert ratio.adversary_loss_M(z, z, state).item() == pytest.approx(math.log(2))
        assert ratio.total_correlation_M(z, state).item() == 0


def small_ratio() -> tuple[FactorVae, dict[str, torch.Tensor]]:
    ratio = FactorVae(hidden=16, layers=2)
    found = ratio.initial_adversary(2, torch.Generator().manual_seed(0))
    return ratio, {ADVERSARY + name: value[None] for name, value in found.items()}


def test_the_public_code_would_raise_total_correlation() -> None:
    """The trap that detaching mends: the ratio's own loss outweighs the penalty of the generator's at its weights."""
    logits = torch.zeros(1, 2, requires_grad=True)
    tc_weight = 1e-4
    attached = tc_weight * (logits[:, 0] - logits[:, 1]) - 0.5 * logits.log_softmax(1)[:, 0]
    attached.sum().backward()
    assert logits.grad is not None
    towards_t0 = logits.grad[0, 0].item()
    assert towards_t0 == pytest.approx(tc_weight - 0.25, abs=1e-7)
    assert towards_t0 < 0


def test_the_entropy_of_a_code() -> None:
    assert pytest.approx(0.693147, abs=5e-7) == CODE_ENTROPY_NATS
