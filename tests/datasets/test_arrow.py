"""Arrow: the drawing against its polygon, and the training distribution against its Fourier series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ifp.datasets.arrow import SPACE, Arrow, angle_probabilities_XYA
from ifp.datasets.catalog import load_dataset


def rendered(positions: list[tuple[int, int, int]]) -> np.ndarray:
    """Images bool [N, 64, 64]."""
    images = Arrow().render(np.array(positions), np.zeros(len(positions), dtype=np.int64))
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 255}
    return np.asarray(images[:, 0] > 0)


def polygon_mask(pos_x: int, pos_y: int, angle: int) -> np.ndarray:
    """All 256 x 256 sub-samples tested against the three sides of the turned triangle, as complex numbers."""
    fine = (np.arange(256) + 0.5) / 4
    point = fine[None, :] - 1j * fine[:, None]  # the imaginary axis points up on the screen
    pointing = -1j * np.exp(2j * np.pi * angle / 32)  # down, turned counter-clockwise
    centre = (15.5 + pos_x) - 1j * (15.5 + pos_y)
    corners = [centre + pointing * corner for corner in (5.5, -5.5 + 3.75j, -5.5 - 3.75j)]
    inside = np.ones((256, 256), dtype=bool)
    for start, stop in zip(corners, corners[1:] + corners[:1], strict=True):
        inside &= (np.conj(stop - start) * (point - start)).imag >= 0
    return np.asarray(inside.reshape(64, 4, 64, 4).sum(axis=(1, 3)) >= 8)


def test_images_equal_the_polygon() -> None:
    corners = [(x, y, angle) for x, y, angle in ((0, 0, 20), (31, 0, 12), (0, 31, 28), (31, 31, 4))]
    positions = [((7 * angle) % 32, (11 * angle) % 32, angle) for angle in range(32)] + corners
    expected = np.stack([polygon_mask(*position) for position in positions])
    np.testing.assert_array_equal(rendered(positions), expected)


def test_places_are_one_pixel_apart_and_nothing_is_cut() -> None:
    for angle in range(32):
        first, right, down, last = rendered([(0, 0, angle), (1, 0, angle), (0, 1, angle), (31, 31, angle)])
        np.testing.assert_array_equal(right, np.roll(first, 1, axis=1))
        np.testing.assert_array_equal(down, np.roll(first, 1, axis=0))
        np.testing.assert_array_equal(last, np.roll(first, (31, 31), axis=(0, 1)))
        assert not any(image[edge].any() for image in (first, last, first.T, last.T) for edge in (0, -1))
        # the triangle's own area is 41.25 pixels
        assert first.sum() == pytest.approx(11 * 7.5 / 2, abs=4)


def test_angles_turn_counter_clockwise_from_down() -> None:
    images = rendered([(16, 16, angle) for angle in range(32)])
    patches = images[:, 24:39, 24:39]  # the middle of the pixel (31, 31) is the middle of the patch
    assert patches.sum() == images.sum()
    np.testing.assert_array_equal(patches[8:16], np.rot90(patches[:8], axes=(1, 2)))
    np.testing.assert_array_equal(patches[16:], patches[:16, ::-1, ::-1])
    assert len({patch.tobytes() for patch in patches}) == 32
    # a triangle's mass lies a sixth of its length behind the middle of its length
    offset = np.arange(15) - 7
    mass_right = (patches.sum(axis=1) @ offset) / patches.sum(axis=(1, 2))
    mass_down = (patches.sum(axis=2) @ offset) / patches.sum(axis=(1, 2))
    angle = np.radians(11.25) * np.arange(32)
    np.testing.assert_allclose(mass_right, -11 / 6 * np.sin(angle), atol=0.25)
    np.testing.assert_allclose(mass_down, -11 / 6 * np.cos(angle), atol=0.25)


def test_the_whole_grid_can_be_rendered() -> None:
    data = load_dataset("arrow")
    assert data.space.names == ("posX", "posY", "angle")
    assert len(data.space) == 32**3
    index = np.arange(0, len(SPACE), 7)
    images = data.render(SPACE.unravel(index), index)
    assert len({image.tobytes() for image in images}) == len(index)
    for factor in SPACE.names:
        (traversal,) = data.sample_traversals(factor, 1, seed=0)
        assert data.traversal_images(traversal).shape == (32, 1, 64, 64)


def test_training_angles_have_the_fourier_series_of_a_wrapped_normal() -> None:
    """Harmonic n of a normal angle cut into steps s is exp(i n mean - n^2 noise^2 / 2) sin(n s / 2) / (n s / 2).

    The angle is the middle of its step. The sum over 32 steps also holds harmonics n - 32, n + 32, ..., all below
    1e-34 here.
    """
    table = angle_probabilities_XYA()
    offset = np.arange(32) - 16
    # from the place to the centre: right is -dx and down -dy
    toward = np.angle(-offset[None, :] - 1j * offset[:, None])
    toward[16, 16] = math.pi
    step, noise = 2 * math.pi / 32, math.pi / 4
    middle = step * (np.arange(32) + 0.5)
    for n in range(17):
        found = table @ np.exp(1j * n * middle)
        size = math.exp(-(n**2) * noise**2 / 2) * np.sinc(n * step / 2 / math.pi)
        np.testing.assert_allclose(found, size * np.exp(1j * n * toward), rtol=0, atol=1e-13)
    assert table.min() > 0


def test_training_draws_depend_as_the_table_says() -> None:
    sampler = Arrow().correlated_sampler()
    draws = sampler.draw(200_000, np.random.default_rng(0))
    np.testing.assert_allclose(sampler.joint_table("posX", "posY"), 1 / 1024, rtol=1e-12)
    offset = draws[:, :2] - 16
    away = (offset != 0).any(axis=1)
    pointing = np.exp(2j * np.pi * (draws[away, 2] + 0.5) / 32)
    toward = -offset[away, 1] - 1j * offset[away, 0]
    # the first harmonic: exp(-noise^2 / 2) sin(s / 2) / (s / 2)
    assert (pointing * np.conj(toward / abs(toward))).mean() == pytest.approx(0.7334, abs=0.005)
    for at in range(2):
        assert np.bincount(draws[:, at]).tolist() == pytest.approx([200_000 / 32] * 32, abs=5 * math.sqrt(200_000 / 32))


def test_training_draws_follow_the_recipe() -> None:
    """The same distribution by drawing a normal angle, adding it and rounding down, as the recipe says."""
    rng = np.random.default_rng(1)
    table = angle_probabilities_XYA()
    for x, y in ((0, 0), (31, 4), (16, 20), (3, 16), (16, 16)):
        degrees = math.degrees(math.atan2(x - 16, y - 16)) + 180 + 45 * rng.standard_normal(100_000)
        counts = np.bincount(np.floor(degrees % 360 / 11.25).astype(int), minlength=32)
        # 31 degrees of freedom: mean 31, standard deviation 7.9; steps expected less than once are left out
        expected = 100_000 * table[x, y]
        seen = expected > 1
        assert ((counts - expected)[seen] ** 2 / expected[seen]).sum() < 31 + 5 * 7.9


def test_same_generator_same_training_draws() -> None:
    first, second = (Arrow().correlated_sampler().draw(100, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert Arrow().correlated_sampler().describe() == {"family": "arrow", "noise_degrees": 45.0}
