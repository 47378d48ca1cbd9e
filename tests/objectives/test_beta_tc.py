"""beta-TCVAE: the parts of the KL against brute force and closed forms, their weights, stratified sampling."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from ifp.errors import IfpError
from ifp.objectives.base import Batch
from ifp.objectives.beta_tc import BetaTcVae, _log_weights, kl_parts

from .batches import make_batch, random_batch


def test_the_parts_of_the_kl_equal_brute_force(generator: torch.Generator) -> None:
    """log q(z) written as in the paper, one density at a time, by another library."""
    batch = random_batch(generator, members=2, images=5, latents=3)
    mean, logvar, z = (t.double() for t in (batch.mean_MBD, batch.logvar_MBD, batch.z_MBD))
    parts = kl_parts(mean, logvar, z, num_images=40)
    for member in range(2):
        density = np.array(
            [
                [norm.pdf(z[member, b], mean[member, c], (0.5 * logvar[member, c]).exp()) for c in range(5)]
                for b in range(5)
            ]
        )  # [draw, posterior, latent]
        log_q = np.log(density.prod(2).sum(1) / (40 * 5))
        log_factors = np.log(density.sum(1) / (40 * 5)).sum(1)
        log_given = np.log(np.array([density[b, b].prod() for b in range(5)]))
        log_prior = norm.logpdf(z[member]).sum(1)
        np.testing.assert_allclose(parts.index_code_mi_M[member], (log_given - log_q).mean())
        np.testing.assert_allclose(parts.total_correlation_M[member], (log_q - log_factors).mean())
        np.testing.assert_allclose(parts.dimwise_kl_M[member], (log_factors - log_prior).mean())


def gaussian_codes(covariance: Tensor, variance: float, shape: tuple[int, int], generator: torch.Generator) -> Batch:
    """Posteriors of one variance whose aggregate is N(0, covariance)."""
    root = torch.linalg.cholesky(covariance - variance * torch.eye(len(covariance), dtype=torch.float64))
    draws = torch.randn(2, *shape, len(covariance), generator=generator, dtype=torch.float64)
    mean = draws[0] @ root.mT
    return make_batch(mean, torch.full_like(mean, math.log(variance)), mean + math.sqrt(variance) * draws[1])


def test_the_parts_of_a_gaussian_aggregate_come_near_their_closed_forms(generator: torch.Generator) -> None:
    """I = ln(det S / v^D) / 2, TC = -ln(det R) / 2, and the KL of each marginal, at a data set of one batch's size."""
    covariance, variance = torch.tensor([[1.2, 0.7], [0.7, 0.9]], dtype=torch.float64), 0.15
    batch = gaussian_codes(covariance, variance, (8, 1000), generator)
    # with N = 1 the weighted estimate is the plain average over the batch, without the constant ln N
    parts = kl_parts(batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=1)
    diagonal = covariance.diagonal()
    expected = [
        0.5 * math.log(covariance.det() / variance**2),
        -0.5 * math.log(covariance.det() / diagonal.prod()),
        0.5 * float((diagonal - 1 - diagonal.log()).sum()),
    ]
    # 8,000 dependent draws of a log ratio of standard deviation near 1, and a bias of a few per 1,000
    np.testing.assert_allclose([float(part.mean()) for part in parts], expected, atol=0.04)


def test_beta_tc_at_one_is_the_kl_in_expectation(generator: torch.Generator) -> None:
    one = random_batch(generator, members=1, images=32)
    mean, logvar = (t.double().repeat(400, 1, 1) for t in (one.mean_MBD, one.logvar_MBD))
    z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=generator, dtype=torch.float64)
    penalty_M = BetaTcVae(beta=1.0).penalty(make_batch(mean, logvar, z), {})
    standard_error = float(penalty_M.std()) / 20
    assert standard_error < 0.02
    assert abs(float(penalty_M.mean() - one.kl_M)) < 4 * standard_error


def test_beta_tc_weighs_the_parts_and_the_estimates_constant_has_no_gradient(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    parts = kl_parts(batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=1000)
    objective = BetaTcVae(alpha=0.5, beta=6.0, gamma=2.0)
    expected_M = 0.5 * parts.index_code_mi_M + 6 * parts.total_correlation_M + 2 * parts.dimwise_kl_M
    torch.testing.assert_close(objective.penalty(batch, {}), expected_M)
    assert objective.pressure_M(0, 100, {}) == 0.5
    z = batch.z_MBD.clone().requires_grad_()
    gradients = [
        torch.autograd.grad(kl_parts(batch.mean_MBD, batch.logvar_MBD, z, num_images=n).total_correlation_M.sum(), z)[0]
        for n in (10, 100_000)
    ]
    torch.testing.assert_close(*gradients)


def test_stratified_sampling_has_no_bias(rng: np.random.Generator) -> None:
    """The average over all batches without replacement that hold the draw's own image is q(z), exactly."""
    density_N = rng.uniform(0.1, 2.0, 6)
    weight_B = _log_weights(4, 6, True, torch.device("cpu")).exp().numpy()
    for own in range(6):
        others = [n for n in range(6) if n != own]
        batches = [(own, *rest) for rest in itertools.permutations(others, 3)]
        estimates = [float(weight_B[0] @ density_N[list(batch)]) for batch in batches]
        np.testing.assert_allclose(np.mean(estimates), density_N.mean(), rtol=1e-6)


@pytest.mark.parametrize(("images", "num_images"), [(1, 1000), (16, 15)])
def test_stratified_sampling_says_which_batches_it_takes(
    images: int, num_images: int, generator: torch.Generator
) -> None:
    batch = random_batch(generator, images=images)
    with pytest.raises(IfpError, match=rf"stratified sampling needs batches .* {num_images}, got {images};"):
        kl_parts(batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=num_images, stratified=True)
