"""XYSquares: every image by its definition, and what makes it hard: all moves cost the same."""

from __future__ import annotations

import numpy as np

from ifp.datasets.xysquares import SPACE, XYSquares


def test_each_square_lies_where_its_factors_say(rng: np.random.Generator) -> None:
    positions = SPACE.unravel(rng.integers(len(SPACE), size=40))
    images = XYSquares().render(positions, np.zeros(40, int))
    assert images.shape == (40, 3, 64, 64)
    for image, place in zip(images, positions, strict=True):
        expected = np.zeros((3, 64, 64), np.uint8)
        for channel in range(3):
            x, y = 8 * place[2 * channel], 8 * place[2 * channel + 1]
            expected[channel, y : y + 8, x : x + 8] = 255
        np.testing.assert_array_equal(image, expected)


def test_the_grid_and_its_order() -> None:
    data = XYSquares()
    assert len(SPACE) == data.num_images == 262_144
    assert data.space.names == ("x_R", "y_R", "x_G", "y_G", "x_B", "y_B")


def test_all_moves_of_a_square_cost_the_same() -> None:
    (traversal,) = XYSquares().sample_traversals("x_G", 1, seed=0)
    images = XYSquares().traversal_images(traversal).reshape(8, -1) / 255.0
    squared = ((images[:, None] - images[None]) ** 2).sum(-1)
    assert (squared[~np.eye(8, dtype=bool)] == 2 * 64).all()
