"""Factors of known shape for the metrics' known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Independent factors, uniform over their values: draw(sizes, N, seed) -> int [N, F]."""

    def factors(sizes: Sequence[int], num_images: int, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        return np.stack([generator.integers(0, size, num_images) for size in sizes], axis=1)

    return factors


@pytest.fixture(scope="session")
def grid() -> Draw:
    """Every combination of the factors' values once: grid(sizes) -> int [product, F]; no sampling error at all."""

    def factors(sizes: Sequence[int]) -> np.ndarray:
        return np.stack(np.meshgrid(*map(range, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))

    return factors
