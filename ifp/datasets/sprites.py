"""Sprites: dSprites rendered from its factor design, image by image or as a whole grid.

The geometry was fitted to the images of dSprites (Matthey et al., 2017, deepmind/dsprites-dataset); the measured
distances are in tests/data/test_sprites.py. A pixel is on when at least half of its 4 x 4 sub-samples lie in the shape.
Shapes: N images, F factors, S sub-samples along a window's side, W pixels along it (S = 4 W), H W of an image 64.
"""

from __future__ import annotations

import math

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import PackedGrid, Progress, build_grid, cache_folder, open_grid
from ifp.factors import FactorSpace

SIDE = 64
SHAPES = ("square", "ellipse", "heart")
SPACE = FactorSpace(("shape", "scale", "orientation", "posX", "posY"), (3, 6, 40, 32, 32))

# lengths in units of the image's side, at scale 1
_SQUARE_HALF_SIDE = 0.1506
_ELLIPSE_HALF_AXES = (0.1926, 0.1189)
_HEART_UNIT = 0.1213
_HEART_DROP = 0.0055
_REACH = (0.2131, 0.1927, 0.1772)  # no point of the shape lies farther from its centre

_SCALES = 0.5 + 0.1 * np.arange(6)
_ANGLES = 2 * np.pi * np.arange(40) / 39
_CENTRES = 0.2595 + 0.4948 * np.arange(32) / 31

_SUB = 4  # sub-samples along a pixel's side
_FINE = SIDE * _SUB
_HALF_OF_SUBSAMPLES = _SUB * _SUB // 2
_CHUNK_SUBSAMPLES = 200_000  # keeps the temporaries of a chunk in the processor's cache
_POSITIONS = 32 * 32


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
            "source": "rendered; geometry fitted to dSprites (Matthey et al., 2017)",
            "orientation": "first and last value coincide (0 and 360 degrees), as in dSprites",
        }

    def grid(self, progress: Progress | None = None) -> PackedGrid:
        """All 737,280 images, in the order of `space`, as a memory map; built once and cached (378 MB).

        `progress(done, total)` is called while it is being built. A file that is short or damaged is built anew.

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
        return build_grid(path, identity, self.image_shape, num_blocks, _block_masks, _POSITIONS, progress)


def sprite_masks(positions_NF: np.ndarray) -> np.ndarray:
    """Which pixels a sprite covers, bool [N, 64, 64] (row, column), at these values of the five factors of `SPACE`."""
    positions_NF = np.asarray(positions_NF)
    masks = np.zeros((len(positions_NF), SIDE, SIDE), dtype=bool)
    kind_N = positions_NF[:, 0] * len(_SCALES) + positions_NF[:, 1]
    for kind in np.unique(kind_N):
        members = np.flatnonzero(kind_N == kind)
        shape, scale = divmod(int(kind), len(_SCALES))
        window = _window_side(shape, scale)
        step = max(1, _CHUNK_SUBSAMPLES // (window * _SUB) ** 2)
        for start in range(0, len(members), step):
            chunk = members[start : start + step]
            _draw(masks, chunk, shape, scale, positions_NF[chunk])
    return masks


def _block_masks(block: int) -> np.ndarray:
    """The 1,024 images of all positions at the block's shape, scale and orientation."""
    return sprite_masks(SPACE.unravel(np.arange(block * _POSITIONS, (block + 1) * _POSITIONS)))


def _window_side(shape: int, scale: int) -> int:
    return math.floor(2 * SIDE * _REACH[shape] * _SCALES[scale]) + 2


def _draw(masks: np.ndarray, members: np.ndarray, shape: int, scale: int, positions_NF: np.ndarray) -> None:
    """Draw images of one shape and scale into masks[members]; only a window around each centre can be on."""
    size = float(_SCALES[scale])
    angle_N = _ANGLES[positions_NF[:, 2]]
    x_N, y_N = _CENTRES[positions_NF[:, 3]], _CENTRES[positions_NF[:, 4]]
    window = _window_side(shape, scale)
    left_N, top_N = (np.floor(SIDE * (centre_N - _REACH[shape] * size)).astype(np.int64) for centre_N in (x_N, y_N))
    assert min(left_N.min(), top_N.min()) >= 0
    assert max(left_N.max(), top_N.max()) + window <= SIDE

    fine_S = np.arange(window * _SUB) + 0.5
    dx_NS = (fine_S + _SUB * left_N[:, None]) / _FINE - x_N[:, None]
    dy_NS = (fine_S + _SUB * top_N[:, None]) / _FINE - y_N[:, None]
    cos_N1, sin_N1 = np.cos(angle_N)[:, None] / size, np.sin(angle_N)[:, None] / size
    u_NSS = (cos_N1 * dx_NS)[:, None, :] - (sin_N1 * dy_NS)[:, :, None]
    v_NSS = (sin_N1 * dx_NS)[:, None, :] + (cos_N1 * dy_NS)[:, :, None]
    on_NWW = _counts(_inside(shape, u_NSS, v_NSS)) >= _HALF_OF_SUBSAMPLES

    pixel_W = np.arange(window)
    rows, columns = top_N[:, None, None] + pixel_W[:, None], left_N[:, None, None] + pixel_W
    masks[members[:, None, None], rows, columns] = on_NWW


def _inside(shape: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether the points (u, v) lie in the shape at scale 1, unrotated; overwrites u and v to save memory traffic."""
    if shape == 0:
        return (np.abs(u, out=u) <= _SQUARE_HALF_SIDE) & (np.abs(v, out=v) <= _SQUARE_HALF_SIDE)
    if shape == 1:
        u *= 1 / _ELLIPSE_HALF_AXES[0]
        v *= 1 / _ELLIPSE_HALF_AXES[1]
        u *= u
        v *= v
        u += v
        return u <= 1
    # heart: (A^2 + B^2 - 1)^3 <= A^2 B^3
    v += _HEART_DROP
    v *= -1 / _HEART_UNIT
    u *= 1 / _HEART_UNIT
    u *= u
    b2 = v * v
    v *= b2
    v *= u
    u += b2
    u -= 1
    np.multiply(u, u, out=b2)
    b2 *= u
    return b2 <= v


def _counts(inside_NSS: np.ndarray) -> np.ndarray:
    """How many of each pixel's 4 x 4 sub-samples are inside, uint32 [N, W, W]."""
    # four booleans of a row are read as the bytes of one integer, in which no sum here can carry into the next byte
    quads_NSW = inside_NSS.view(np.uint32)
    quads_NWW = quads_NSW[:, 0::_SUB] + quads_NSW[:, 1::_SUB]
    quads_NWW += quads_NSW[:, 2::_SUB]
    quads_NWW += quads_NSW[:, 3::_SUB]
    # the product's highest byte is the sum of the four bytes (at most 16)
    quads_NWW *= np.uint32(0x01010101)
    quads_NWW >>= np.uint32(24)
    return quads_NWW
