"""A data set whose joint freezing points are known: four independent factors, Gaussian likelihood.

Each factor takes 9 values at the quantiles of a normal distribution, scaled to mean square 1, and moves its own quarter
of an 8 x 8 image along a pattern of signs: 16 pixels, so that its variance along its direction is 16 a^2 and its edge
16 a^2 / sigma^2, up to the rounding to 255 grey values. Where one Gaussian latent holds it alone, beta at mutual
information I nats is edge x exp(-2 I) for a normal factor; with 9 levels the crossing of 0.1 nat lies a little higher.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import ndtri

LEVELS, SIGMA, AMPLITUDES = 9, 0.2, (0.16, 0.11, 0.08, 0.055)
EDGES = (10.175, 4.791, 2.530, 1.169)
CROSSINGS = (8.413, 3.963, 2.093, 0.967)
"""Of 0.1 nat, exact, with 9 levels."""


def levels() -> np.ndarray:
    """The factor's values, mean square 1."""
    quantiles = ndtri((np.arange(LEVELS) + 0.5) / LEVELS)
    return np.asarray(quantiles / np.sqrt(np.mean(quantiles**2)))


def known_arrays(count: int = 4) -> dict[str, np.ndarray]:
    """`images` uint8 [9^F, 8, 8], `factors` [9^F, F] and `factor_names` of an npz data set with the first F factors."""
    index = np.array(list(itertools.product(range(LEVELS), repeat=count)))
    signs = np.random.default_rng(0).choice([-1, 1], size=(8, 8))
    images = np.full((len(index), 8, 8), 0.5)
    quarters = [(slice(4 * a, 4 * a + 4), slice(4 * b, 4 * b + 4)) for a, b in np.ndindex(2, 2)]
    for factor, (rows, columns) in enumerate(quarters[:count]):
        moved = AMPLITUDES[factor] * levels()[index[:, factor]]
        images[:, rows, columns] += moved[:, None, None] * signs[rows, columns]
    pixels = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return {"images": pixels, "factors": index, "factor_names": np.array(["a", "b", "c", "d"][:count])}
