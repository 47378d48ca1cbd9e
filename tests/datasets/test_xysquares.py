"""XYSquares: every image by its definition, and what makes it hard: all moves cost the same."""

from __future__ import annotations

import numpy as np
import pytest

import ifp
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


def test_the_edges_of_freezing_are_those_of_eight_places_that_do_not_overlap() -> None:
    """Each of 8 places has 64 pixels, on in an eighth of the images: both edges are closed forms.

    Lower: the covariance of one-hot places, whitened by p (1 - p), has the eigenvalue 1 / (1 - p). Upper: the ratio of
    gain and cost of a single place, which costs ln 8.
    """
    (traversal,) = XYSquares().sample_traversals("y_B", 1, seed=0)
    bounds = ifp.freezing_bounds([XYSquares().traversal_images(traversal)])
    assert float(bounds.beta_closed_form_M[0]) == pytest.approx(64 / (1 - 1 / 8), rel=1e-9)
    assert float(bounds.beta_upper_M[0]) == pytest.approx(64 * (1 + 7 * np.log(8 / 7) / np.log(8)), rel=1e-4)


def test_all_moves_of_a_square_cost_the_same() -> None:
    (traversal,) = XYSquares().sample_traversals("x_G", 1, seed=0)
    images = XYSquares().traversal_images(traversal).reshape(8, -1) / 255.0
    squared = ((images[:, None] - images[None]) ** 2).sum(-1)
    assert (squared[~np.eye(8, dtype=bool)] == 2 * 64).all()
