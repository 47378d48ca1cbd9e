"""Filled polygons against an evaluation in exact fractions, and cases that can be told by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ifp.datasets.polygons import SIDE, SUBPIXELS, fill_polygons

HALF = Fraction(1, 2)


def filled(x: list[int] | np.ndarray, y: list[int] | np.ndarray) -> np.ndarray:
    """One polygon, vertices in 1/256 pixel, as bool [64, 64]."""
    packed = fill_polygons(np.array([x], dtype=np.int32), np.array([y], dtype=np.int32))
    assert packed.dtype == np.uint8
    return np.unpackbits(packed).astype(bool).reshape(SIDE, SIDE)


def filled_exactly(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Every pixel by the definition: edges to the left of its centre, which is moved by less than any edge resolves."""
    step, more = Fraction(1, 10**12), Fraction(10_001, 10**16)
    xs, ys = ([Fraction(int(value), SUBPIXELS) for value in values] for values in (x, y))
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    for x1, y1, x2, y2 in zip(xs, ys, xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True):
        for row in range(SIDE):
            sample = row + HALF - more
            if (y1 > sample) != (y2 > sample):
                meets = x1 + (sample - y1) * (x2 - x1) / (y2 - y1)
                inside[row] ^= [column + HALF + step > meets for column in range(SIDE)]
    return inside


@pytest.mark.parametrize("grid", [1, 128], ids=["fine", "ties"])
def test_random_polygons_equal_exact_fractions(grid: int) -> None:
    """Self-intersecting ones too; with vertices on half pixels many centres lie on an edge or a vertex."""
    rng = np.random.default_rng(grid)
    for vertices in (3, 4, 7, 12):
        x, y = grid * rng.integers(0, SIDE * SUBPIXELS // grid + 1, size=(2, vertices))
        np.testing.assert_array_equal(filled(x, y), filled_exactly(x, y))
        np.testing.assert_array_equal(filled(x[::-1], y[::-1]), filled(x, y), "walked backwards")


def test_a_box_takes_the_centres_of_its_left_and_lower_border() -> None:
    left, right, top, bottom = (256 * pixel + 128 for pixel in (3, 7, 10, 15))  # all on centres
    expected = np.zeros((SIDE, SIDE), dtype=bool)
    expected[11:16, 3:7] = True
    np.testing.assert_array_equal(filled([left, right, right, left], [top, top, bottom, bottom]), expected)


def test_the_middle_of_a_pentagram_is_outside() -> None:
    angle = 2 * np.pi * 2 * np.arange(5) / 5
    mask = filled(np.rint(8192 + 7000 * np.sin(angle)), np.rint(8192 - 7000 * np.cos(angle)))
    assert not mask[28:36, 28:36].any()
    assert mask[8, 32]  # the upper tip


def test_the_whole_image_and_nothing() -> None:
    side = SIDE * SUBPIXELS
    assert filled([0, side, side, 0], [0, 0, side, side]).all()
    assert not filled([5, 5, 5], [0, 900, 400]).any()
    assert fill_polygons(np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int32)).shape == (0, 512)
