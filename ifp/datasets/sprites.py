"""Sprites: dSprites rendered from its factor design, to the pixel, image by image or as a whole grid.

dSprites (Matthey et al., 2017, deepmind/dsprites-dataset) was drawn as vector shapes straight at 64 x 64 pixels,
without antialiasing, by a graphics card that rounds vertices to 1/256 pixel; the outlines were found from real images.
The agreement is measured in tests/datasets/test_sprites.py: 99 of 100 real images are equal, a heart is off by one
pixel. Shapes: N images, F factors, V vertices of a shape.
"""

from __future__ import annotations

import contextlib
import functools

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import PackedGrid, build_grid, cache_folder, open_grid
from ifp.datasets.factors import FactorSpace
from ifp.datasets.polygons import SIDE, SUBPIXELS, fill_polygons
from ifp.system.progress import Progress

SHAPES = ("square", "ellipse", "heart")
SPACE = FactorSpace(("shape", "scale", "orientation", "posX", "posY"), (3, 6, 40, 32, 32))

# lengths in units of the image's side, at scale 1
_UNIT = 0.15  # half the square's side
_STRETCH = 1.33  # of the ellipse's axes
_SCALES = 0.5 + 0.1 * np.arange(6)
_ANGLES = 2 * np.pi * np.arange(40) / 39
_CENTRES = 0.25 + 0.5 * np.arange(32) / 31

_CHUNK_VERTICES = 40_000  # keeps the temporaries of a chunk in the processor's cache
_POSITIONS = 32 * 32
_FIRST_GEOMETRY = "bd0a04a03214"  # begins the identity of the grids of an earlier, approximate geometry


class Sprites(FactorDataset):
    """dSprites re-rendered: 737,280 images of 1 x 64 x 64 pixels, 0 or 255, without noise or other nuisance."""

    name = "sprites"
    space = SPACE
    image_shape = (1, SIDE, SIDE)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 1, 64, 64], 0 or 255; the nuisance is ignored."""
        return sprite_masks(positions_NF)[:, None] * np.uint8(255)

    def checksum(self) -> str:
        """SHA-256 of 64 images spread over the grid."""
        return self._sample_checksum()

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {
            **super().describe(),
            "source": "rendered; dSprites (Matthey et al., 2017) to the pixel (measured: in 99 of 100 real images)",
            "orientation": "first and last value coincide (0 and 360 degrees), as in dSprites",
        }

    def grid(self, progress: Progress | None = None) -> PackedGrid:
        """All 737,280 images, in the order of `space`, as a memory map; built once and cached (378 MB).

        `progress(done, total)` is called while it is being built. A file that is short, damaged or of other images is
        built anew, and a grid of the first, approximate geometry is removed then.

        Raises
        ------
        IfpError : the cache folder cannot be written to.
        """
        identity = self.checksum()
        path = cache_folder() / f"sprites-{identity[:12]}.grid"
        found = open_grid(path, identity, len(self.space), self.image_shape)
        if found is not None:
            return found
        num_blocks = len(self.space) // _POSITIONS
        grid = build_grid(path, identity, self.image_shape, num_blocks, _packed_block, _POSITIONS, progress)
        with contextlib.suppress(OSError):
            path.with_name(f"sprites-{_FIRST_GEOMETRY}.grid").unlink(missing_ok=True)
        return grid


def sprite_masks(positions_NF: np.ndarray) -> np.ndarray:
    """Which pixels a sprite covers, bool [N, 64, 64] (row, column), at these values of the five factors of `SPACE`."""
    return np.unpackbits(_packed(np.asarray(positions_NF)), axis=1).view(bool).reshape(-1, SIDE, SIDE)


def _packed(positions_NF: np.ndarray) -> np.ndarray:
    """The same, 8 pixels per byte, uint8 [N, 512]."""
    packed = np.empty((len(positions_NF), SIDE * SIDE // 8), dtype=np.uint8)
    for shape in range(len(SHAPES)):
        members = np.flatnonzero(positions_NF[:, 0] == shape)
        x_SOV, y_SOV = _outlines(shape)
        step = _CHUNK_VERTICES // x_SOV.shape[2]
        for start in range(0, len(members), step):
            chunk = members[start : start + step]
            _, scale_N, orientation_N, x_N, y_N = positions_NF[chunk].T
            packed[chunk] = fill_polygons(
                _snapped(x_SOV[scale_N, orientation_N] + _CENTRES[x_N, None]),
                _snapped(y_SOV[scale_N, orientation_N] + _CENTRES[y_N, None]),
            )
    return packed


def _packed_block(block: int) -> np.ndarray:
    """The 1,024 images of all positions at the block's shape, scale and orientation."""
    return _packed(SPACE.unravel(np.arange(block * _POSITIONS, (block + 1) * _POSITIONS)))


def _snapped(length: np.ndarray) -> np.ndarray:
    # no vertex of any image lies within 7e-8 of a rounding boundary: the last digit of a cosine does not matter
    return np.rint(SIDE * SUBPIXELS * length).astype(np.int32)


@functools.cache
def _outlines(shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices about the sprite's position at every scale and orientation, x (right) and y (down), each [6, 40, V]."""
    u_V, v_V = _outline(shape)
    size, angle = _SCALES[:, None, None], _ANGLES[:, None]
    cos, sin = np.cos(angle), np.sin(angle)
    return size * (cos * u_V + sin * v_V), size * (cos * v_V - sin * u_V)


def _outline(shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of a shape at scale 1, unrotated."""
    if shape == 0:
        return _UNIT * np.array([1, 1, -1, -1]), _UNIT * np.array([1, -1, -1, 1])
    if shape == 1:
        t = 2 * np.pi * np.arange(100) / 100
        return _UNIT * _STRETCH * np.cos(t), _UNIT / _STRETCH * np.sin(t)
    t = 2 * np.pi * np.arange(200) / 200
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)  # spans 29
    return _UNIT * np.sin(t) ** 3, -_UNIT * (0.15 + 2 / 29 * height)
