"""Polygons filled without antialiasing, as a graphics card does it: one sample at each pixel's centre, even-odd rule.

Vertices lie on a grid of 1/256 pixel, so that all of this is integer arithmetic: no image depends on the machine or on
what is drawn beside it.
Shapes: N images, V vertices of a polygon, K crossings of an edge with the centre line of a row of pixels.
"""

from __future__ import annotations

import numpy as np

SIDE = 64  # a row of pixels is one 64-bit integer
SUBPIXELS = 256  # steps of the vertices' grid along a pixel's side

# entry c has the bits of pixels c to 63, the first pixel in the highest bit; entry 64 has none
_FROM_COLUMN = np.array([(1 << (SIDE - column)) - 1 for column in range(SIDE + 1)], dtype=np.uint64)


def fill_polygons(x_NV: np.ndarray, y_NV: np.ndarray) -> np.ndarray:
    """One polygon an image, uint8 [N, 512]: 8 pixels per byte, row by row from the top, as `np.packbits` packs them.

    A pixel is on when its centre, moved by an infinitesimal step to the right and a slightly larger one up, is inside.

    Parameters
    ----------
    x_NV, y_NV : int32 vertices in 1/256 pixel from the left and upper border, from 0 to 64 * 256.
    """
    if len(x_NV):
        assert min(x_NV.min(), y_NV.min()) >= 0
        assert max(x_NV.max(), y_NV.max()) <= SIDE * SUBPIXELS
    rows = np.zeros(len(x_NV) * SIDE, dtype=np.uint64)
    row_K, column_K = _crossings(x_NV, y_NV)
    # each crossing turns every pixel to its right on or off: that is the even-odd rule
    np.bitwise_xor.at(rows, row_K, _FROM_COLUMN[column_K])
    return rows.astype(">u8").view(np.uint8).reshape(-1, SIDE * SIDE // 8)


def _crossings(x_NV: np.ndarray, y_NV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of each crossing (64 * image + row) and the first column whose centre lies to its right (64: none)."""
    # the last row whose centre is not below a vertex; moved up, centres level with an edge's lower end are on its line
    # and those level with its upper end are not
    last_NV = (y_NV - SUBPIXELS // 2) // SUBPIXELS
    next_last_NV = np.roll(last_NV, -1, axis=1)
    edge = np.flatnonzero(last_NV != next_last_NV)
    start, stop = last_NV.ravel()[edge], next_last_NV.ravel()[edge]
    times = np.abs(stop - start)
    first_of_edge = np.cumsum(times, dtype=np.int32) - times
    edge_K = np.repeat(edge, times)
    image_K = edge_K // x_NV.shape[1]
    row_K = np.repeat(np.minimum(start, stop) + 1 - first_of_edge, times) + np.arange(len(edge_K), dtype=np.int32)

    x_K, y_K = x_NV.ravel()[edge_K], y_NV.ravel()[edge_K]
    dx_K = np.roll(x_NV, -1, axis=1).ravel()[edge_K] - x_K
    dy_K = np.roll(y_NV, -1, axis=1).ravel()[edge_K] - y_K
    down_K = np.sign(dy_K)
    dx_K *= down_K
    dy_K *= down_K
    # in pixels from the first centre the edge meets the row at above / (256 dy); all of it is below 2^29
    above_K = (x_K - SUBPIXELS // 2) * dy_K + (SUBPIXELS * row_K + SUBPIXELS // 2 - y_K) * dx_K
    # a centre on the edge is to its right once moved, unless the edge rises to the right at 45 degrees or less
    above_K -= dx_K > -dy_K
    column_K = above_K // (SUBPIXELS * dy_K) + 1
    return SIDE * image_K + row_K, column_K
