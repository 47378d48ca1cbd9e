"""Sprites against the published formula, 100 images of the real dSprites, and dSprites' published statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ifp.datasets import sprites
from ifp.datasets.sprites import SPACE, Sprites, sprite_masks
from ifp.factors import FactorSpace

REAL = Path(__file__).parents[2] / "../shared/fixtures/real-dsprites-100.npz"
PUBLISHED_MEAN = 0.042494  # of dSprites' 0/1 pixels, over all 737,280 images
PUBLISHED_AREAS = (369, 290, 224)  # pixels at scale 1: square, ellipse, heart


def one_mask_by_the_formula(shape: int, scale: int, orientation: int, pos_x: int, pos_y: int) -> np.ndarray:
    """The design's formula, one image and all of its 256 x 256 sub-samples at a time."""
    fine = (np.arange(256) + 0.5) / 256
    dx = fine[None, :] - (0.2595 + 0.4948 * pos_x / 31)
    dy = fine[:, None] - (0.2595 + 0.4948 * pos_y / 31)
    angle, size = 2 * np.pi * orientation / 39, 0.5 + 0.1 * scale
    u = (np.cos(angle) * dx - np.sin(angle) * dy) / size
    v = (np.sin(angle) * dx + np.cos(angle) * dy) / size
    if shape == 0:
        inside = np.maximum(abs(u), abs(v)) <= 0.1506
    elif shape == 1:
        inside = (u / 0.1926) ** 2 + (v / 0.1189) ** 2 <= 1
    else:
        a, b = u / 0.1213, -(v + 0.0055) / 0.1213
        inside = (a**2 + b**2 - 1) ** 3 - a**2 * b**3 <= 0
    return inside.reshape(64, 4, 64, 4).sum(axis=(1, 3)) >= 8


def every_shape_at_some_positions() -> np.ndarray:
    """Positions [N, F]: all shapes, scales and orientations at 9 positions spread over the image."""
    index = np.arange(len(SPACE)).reshape(SPACE.sizes)[..., ::14, ::14]
    return SPACE.unravel(index.ravel())


def test_images_equal_the_formula() -> None:
    rng = np.random.default_rng(0)
    corners = np.array([[shape, 5, 5, x, y] for shape in range(3) for x in (0, 31) for y in (0, 31)])
    positions = np.vstack([corners, SPACE.unravel(rng.integers(len(SPACE), size=60))])
    expected = np.stack([one_mask_by_the_formula(*position) for position in positions])
    np.testing.assert_array_equal(sprite_masks(positions), expected)


def test_no_shape_reaches_out_of_its_window() -> None:
    """The window's radius is an upper bound, and not a loose one, of the farthest point of each shape."""
    u, v = np.meshgrid(*2 * [np.linspace(-0.25, 0.25, 2001)])
    for shape in range(3):
        inside = sprites._inside(shape, u.copy(), v.copy())
        reach = np.hypot(u, v)[inside].max()
        assert reach < sprites._REACH[shape] < reach + 0.002


def test_positions_move_the_sprite_right_and_down() -> None:
    rows, columns = np.mgrid[:64, :64]
    left, right, low = sprite_masks(np.array([[0, 5, 0, 3, 16], [0, 5, 0, 28, 16], [0, 5, 0, 3, 28]]))
    step = 64 * 0.4948 / 31
    assert columns[right].mean() - columns[left].mean() == pytest.approx(25 * step, abs=0.5)
    # not equal: the corner pixels depend on where the sub-samples fall
    assert rows[right].mean() == pytest.approx(rows[left].mean(), abs=0.1)
    assert rows[low].mean() - rows[left].mean() == pytest.approx(12 * step, abs=0.5)


def test_traversals_of_every_factor() -> None:
    data = Sprites()
    for factor, size in zip(SPACE.names, SPACE.sizes, strict=True):
        for traversal in data.sample_traversals(factor, 5, seed=3):
            images = data.traversal_images(traversal)
            assert images.shape == (size, 1, 64, 64)
            assert images.dtype == np.uint8
            assert set(np.unique(images)) == {0, 255}
            areas = (images > 0).sum(axis=(1, 2, 3))
            if factor == "scale":
                assert (np.diff(areas) > 0).all()
                assert areas[-1] / areas[0] == pytest.approx(4, rel=0.15)  # (1 / 0.5) squared, up to whole pixels
            if factor == "orientation":
                np.testing.assert_array_equal(images[0], images[-1])
                assert areas.min() > 0.85 * areas.max()


def test_mean_pixel_and_areas_are_those_of_dsprites() -> None:
    """Over the whole grid the rendered mean is 0.043167: 1.6 % above the published one (areas 375, 297, 223)."""
    positions = every_shape_at_some_positions()
    areas = sprite_masks(positions).sum(axis=(1, 2))
    assert areas.mean() / 4096 == pytest.approx(0.043167, rel=0.002)
    assert areas.mean() / 4096 == pytest.approx(PUBLISHED_MEAN, rel=0.02)
    for shape, published in enumerate(PUBLISHED_AREAS):
        largest = areas[(positions[:, 0] == shape) & (positions[:, 1] == 5)]
        assert largest.mean() == pytest.approx(published, rel=0.03)


def test_each_real_image_has_a_near_rendered_one() -> None:
    """Measured pixel distances to the nearest rendered image: mean 17.4, median 16.5, largest 35 (mean area 175).

    A sprite half a pixel off along both axes differs by about that much: the design's grid of positions lies up to
    half a step from the one of the real images.
    """
    if not REAL.exists():
        pytest.skip("shared/fixtures/real-dsprites-100.npz is not beside this checkout")
    real = np.load(REAL)["images"] > 0
    values, areas, offsets = poses()
    distances = np.array([nearest_distance(image, values, areas, offsets) for image in real])
    assert distances.mean() < 18
    assert distances.max() <= 35
    # the bound is worth something: a random rendered image is ten times as far
    strangers = sprite_masks(SPACE.unravel(np.random.default_rng(0).integers(len(SPACE), size=len(real))))
    assert (real != strangers).sum(axis=(1, 2)).mean() > 10 * distances.mean()


def centroids(masks: np.ndarray) -> np.ndarray:
    """Mean x and y of each mask, [N, 2], in units of the image's side."""
    centre = (np.arange(64) + 0.5) / 64
    x, y = (masks.sum(axis=axis) @ centre for axis in (1, 2))
    return np.stack([x, y], axis=1) / masks.sum(axis=(1, 2))[:, None]


def poses() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every shape, scale and orientation at one position: factor values, area, centroid less the position."""
    values = SPACE.unravel(np.arange(len(SPACE)).reshape(SPACE.sizes)[:, :, :39, 16, 16].ravel())
    masks = sprite_masks(values)
    return values, masks.sum(axis=(1, 2)), centroids(masks) - sprites._CENTRES[16]


def nearest_distance(image: np.ndarray, values: np.ndarray, areas: np.ndarray, offsets: np.ndarray) -> int:
    """Pixels in which `image` differs from the nearest sprite of like area at the four positions around its centroid.

    The same distances came out of a search over all 737,280 images.
    """
    near = np.abs(areas / image.sum() - 1) < 0.12
    step = sprites._CENTRES[1] - sprites._CENTRES[0]
    below = np.floor((centroids(image[None]) - offsets[near] - sprites._CENTRES[0]) / step).astype(np.int64)
    candidates = [
        np.hstack([values[near][:, :3], np.clip(below + corner, 0, 31)]) for corner in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    return int((sprite_masks(np.vstack(candidates)) != image).sum(axis=(1, 2)).min())


def test_checksum_is_pinned() -> None:
    """`Sprites().checksum()`, first computed by this file's `sprite_masks` on 2026-11-22, NumPy on x86-64.

    The images it covers equal the formula above (also checked here), so a change of this value is a change of data.
    """
    index = np.linspace(0, len(SPACE) - 1, 64).astype(np.int64)
    positions = SPACE.unravel(index)
    expected = np.stack([one_mask_by_the_formula(*position) for position in positions])
    np.testing.assert_array_equal(Sprites().render(positions, np.arange(64))[:, 0], 255 * expected.astype(np.uint8))
    assert Sprites().checksum() == "bd0a04a03214abfc6fba954df2448bba0e4caaed8d112365ae1e5cfa3c5386ea"


def test_description_says_what_to_know() -> None:
    lines = Sprites().describe()
    assert lines["images"] == 737_280
    assert "coincide" in str(lines["orientation"])


class TwoOrientations(Sprites):
    """The first 2,048 images of the grid: small squares at two orientations."""

    space = FactorSpace(("orientation", "posX", "posY"), (2, 32, 32))

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """As of the full grid, shape and scale being the first."""
        held = np.zeros((len(positions_NF), 2), dtype=np.int64)
        return super().render(np.hstack([held, positions_NF]), nuisance_N)


def test_grid_holds_the_rendered_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "new" / "folder"))
    seen: list[tuple[int, int]] = []
    data = TwoOrientations()
    grid = data.grid(lambda done, total: seen.append((done, total)))
    assert seen == [(1024, 2048), (2048, 2048)]
    assert (len(grid), grid.shape) == (2048, (2048, 1, 64, 64))
    index = np.array([2047, 0, 1024, 5, 5])
    np.testing.assert_array_equal(grid.images(index), data.render(data.space.unravel(index), index))

    seen.clear()
    again = data.grid(lambda done, total: seen.append((done, total)))
    assert not seen, "the second time the file is opened, not made"
    assert isinstance(again.packed_NP, np.memmap)
    np.testing.assert_array_equal(again.packed_NP, grid.packed_NP)
