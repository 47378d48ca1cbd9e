"""Exact annealing against analytic curves and independent minimisation, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtri

from ifp.errors import IfpError
from ifp.exact.annealing import exact_annealing
from ifp.exact.lowest import exact_minimum
from ifp.likelihood import binary_entropy_nats
from ifp.theory.closed_form import freezing_bounds

from .curves import crossings
from .written_out import lowest_of_random_starts

QUANTILES = ndtri((np.arange(200) + 0.5) / 200)[:, None] * np.array([[3.0, 4.0]])


@pytest.mark.parametrize("latents", [1, 2])
def test_gaussian_quantiles_follow_the_linear_vae(latents: int) -> None:
    trace = exact_annealing(QUANTILES, "gaussian", sigma=0.5, latents=latents)
    edge = trace.beta_closed_form_M[0]
    assert edge == pytest.approx(25 * np.mean(QUANTILES[:, 0] ** 2) / 9 / 0.25, rel=1e-9)
    for row in range(3):
        # deeper, posteriors are as narrow as the distance of the 200 quantiles
        known = trace.total_kl_nats_MT[row] < 1.4
        beta, kl, recon = trace.beta_MT[row][known], trace.total_kl_nats_MT[row][known], trace.recon_nats_MT[row][known]
        np.testing.assert_allclose(kl, np.maximum(0, 0.5 * np.log(edge / beta)), atol=1e-3)
        # what is left of the variance edge sigma^2 is its share beta / edge
        np.testing.assert_allclose(recon, np.minimum(beta, edge) / 2, rtol=2e-3)
        assert (beta < edge).sum() >= 8
    for beta in crossings(trace).values():
        assert beta[0] == pytest.approx(edge * np.exp(-0.2), rel=0.01)


def objective(x: np.ndarray, u: np.ndarray, beta: float, z: np.ndarray) -> float:
    """recon + beta KL of one latent, written out afresh: posteriors u = (means, log stds), trapezoid on z."""
    n = len(x)
    mean, log_std = u[:n, None], u[n:, None]
    q = np.exp(-0.5 * ((z - mean) / np.exp(log_std)) ** 2 - log_std) / np.sqrt(2 * np.pi)
    p = q.mean(axis=0)
    decoded = np.clip((q / (n * p + 1e-300)).T @ x, 0, 1)
    recon = (p * binary_entropy_nats(decoded).sum(axis=1)).sum() * (z[1] - z[0])
    return float(recon + beta * (0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std).mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_three_images_agree_with_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.random((3, 12)) < 0.5).astype(float) if seed else rng.random((3, 12))
    bounds = freezing_bounds(x)
    betas = bounds.beta_closed_form_M[0] * np.array([0.5, 0.85, 1.02])
    for beta, least in zip(betas, exact_minimum(x, betas), strict=True):
        assert least == pytest.approx(lowest_of_random_starts(x, beta, 12, rng), abs=2e-4 * beta)


def test_two_images_agree_with_brute_force() -> None:
    # by symmetry means are +-m and both stds s: a minimum over two numbers
    x = np.repeat([[0.0], [1.0]], 40, axis=1)
    z = np.linspace(-8, 8, 641)
    trace = exact_annealing(x)
    for record in (7, 9, 12):
        beta = trace.beta_MT[0, record]

        def two(v: np.ndarray, b: float = beta) -> float:
            return objective(x, np.array([v[0], -v[0], v[1], v[1]]), b, z)

        best = minimize(two, np.array([0.5, -0.2]), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
        got = trace.recon_nats_MT[0, record] + beta * trace.total_kl_nats_MT[0, record]
        assert got == pytest.approx(best.fun, rel=1e-6)


def test_exact_minimum_is_below_any_posteriors() -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((5, 30)) < 0.4).astype(float)
    beta = 0.7 * freezing_bounds(x, upper=False).beta_closed_form_M[0]
    least = exact_minimum(x, [beta])[0]
    z = np.linspace(-9, 9, 801)
    for _ in range(200):
        u = np.concatenate([rng.normal(size=5), rng.normal(size=5) * 0.3 - 0.5])
        assert objective(x, u, beta, z) >= least - 1e-6


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"latents": 3}, "latents"),
        ({"threshold_nats": 0.0}, "threshold_nats"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"directions": ["up"]}, "up"),
        ({"directions": []}, "directions"),
        ({"likelihood": "poisson"}, "poisson"),
    ],
)
def test_bad_values_are_one_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(IfpError, match=says):
        exact_annealing(np.eye(3), **changes)
    with pytest.raises(IfpError, match="beta"):
        exact_minimum(np.eye(3), [0.0])


def test_progress_counts_traversals_and_may_stop() -> None:
    seen: list[tuple[int, int]] = []
    exact_annealing(
        [np.random.default_rng(n).random((3, 6)) for n in range(2)],
        progress=lambda text, done, total: seen.append((done, total)),
    )
    assert seen[0] == (0, 2)
    assert seen[-1] == (2, 2)

    def stop(text: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exact_annealing(np.eye(3), progress=stop)
