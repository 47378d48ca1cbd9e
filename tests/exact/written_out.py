"""The ideal VAE's objective written out afresh, with its gradient, and the lowest state that random starts reach."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from ifp.datasets.factors import MOVING, FactorTraversal
from ifp.datasets.sprites import Sprites
from ifp.likelihood import binary_entropy_nats

Z = np.linspace(-6, 6, 401)


def value_and_gradient(u: np.ndarray, x: np.ndarray, count: np.ndarray, beta: float) -> tuple[float, np.ndarray]:
    """recon + beta KL of one latent in nats, written out afresh: u = (means, log stds), trapezoid on Z."""
    n = len(x)
    mean, log_std = u[:n], u[n:]
    t = (Z[:, None] - mean) / np.exp(log_std)
    q = np.exp(-0.5 * t**2 - log_std) / np.sqrt(2 * np.pi)
    weights = q / np.maximum(q.sum(axis=1, keepdims=True), 1e-300)
    decoded = np.clip(weights @ x, 1e-15, 1 - 1e-15)
    cost = -(np.log1p(-decoded) @ count)[:, None] - (np.log(decoded) - np.log1p(-decoded)) @ (x * count).T
    paid = q * cost * (Z[1] - Z[0]) / n
    kl = (0.5 * (mean**2 + np.expm1(2 * log_std)) - log_std).mean()
    by_mean = (paid * t / np.exp(log_std)).sum(axis=0) + beta * mean / n
    by_log_std = (paid * (t**2 - 1)).sum(axis=0) + beta * np.expm1(2 * log_std) / n
    return float(paid.sum() + beta * kl), np.concatenate([by_mean, by_log_std])


def distinct_pixels(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The varying pixels without repetitions [N, P], how often each stands, and the cost of the others."""
    x = images.reshape(len(images), -1)
    x = x / 255 if x.dtype == np.uint8 else x
    varies = (x != x[:1]).any(axis=0)
    patterns, count = np.unique(x[:, varies].T, axis=0, return_counts=True)
    return patterns.T, count.astype(float), float(binary_entropy_nats(x[0, ~varies]).sum())


def lowest_of_random_starts(images: np.ndarray, beta: float, starts: int, generator: np.random.Generator) -> float:
    """recon + beta KL, the lowest of descents from random posteriors and of the collapsed state."""
    x, count, constant = distinct_pixels(images)
    n = len(x)
    lowest = float((binary_entropy_nats(x.mean(axis=0)) * count).sum())
    for number in range(starts):
        mean = generator.normal(size=n) * generator.uniform(0.3, 1.5)
        if number % 2:
            mean = ndtri((generator.permutation(n) + 0.5) / n)
        start = np.concatenate([mean, np.full(n, np.log(generator.uniform(0.15, 0.9)))])
        bounds = [(-4.5, 4.5)] * n + [(np.log(0.06), 0.5)] * n
        found = minimize(
            value_and_gradient, start, args=(x, count, beta), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 400, "ftol": 1e-13, "gtol": 1e-8},
        )  # fmt: skip
        lowest = min(lowest, float(found.fun))
    return lowest + constant


def sprites_traversal(factor: str, context: tuple[int, ...]) -> np.ndarray:
    """The images of sprites as this factor moves, the others held at `context` (its own entry there is unused)."""
    dataset = Sprites()
    at = dataset.space.index_of(factor)
    held = tuple(MOVING if i == at else value for i, value in enumerate(context))
    values = tuple(range(dataset.space.sizes[at]))
    return dataset.traversal_images(FactorTraversal(factor, held, values, (0,) * len(values)))
