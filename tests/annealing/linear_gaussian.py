"""Linear-Gaussian data, for which everything is known: one direction, normal quantiles along it.

With a linear encoder and decoder beta_c = variance / sigma^2 and KL(beta) = max(0, 0.5 ln(beta_c / beta)), so the
0.1-nat crossing lies at beta_c exp(-0.2) (probabilistic PCA; docs/theory.md).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from ifp.annealing.members import Member

CROSSING = math.exp(-0.2)


def quantile_images(images: int = 64, pixels: int = 3, variance: float = 2.0, seed: int = 0) -> np.ndarray:
    """[images, pixels] float64 with exactly this variance along one random direction and none across."""
    direction = np.random.default_rng(seed).normal(size=pixels)
    along = norm.ppf((np.arange(images) + 0.5) / images)
    along *= math.sqrt(variance) / along.std()
    return along[:, None] * direction / np.linalg.norm(direction)


def linear_members(
    count: int, beta_c: float, directions: tuple[str, ...] = ("cool", "heat"), **kwargs: int
) -> list[Member]:
    """Members on the same data with different seeds."""
    images = quantile_images(**kwargs)  # type: ignore[arg-type]
    return [
        Member("line", (-1,), seed, direction, images, beta_c, beta_c)
        for seed in range(count)
        for direction in directions
    ]
