"""XYSquares: three squares, one in each colour channel, on a grid whose places do not overlap; rendered, no download.

After XYSquaresMinimalData of disent (N. Michlo et al., https://github.com/nmichlo/disent), whose factors, sizes and
order are kept: each 8 x 8 square moves in steps of 8 pixels, so that moving it changes the squared error by the same
amount whatever the distance. No pixel-wise likelihood can order its places.

Shapes: N images, C channels, rows, columns.
"""

from __future__ import annotations

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.factors import FactorSpace

SIDE, SQUARE = 64, 8
"""Pixels along an image's and a square's side."""
PLACES = SIDE // SQUARE
SPACE = FactorSpace(("x_R", "y_R", "x_G", "y_G", "x_B", "y_B"), (PLACES,) * 6)


class XYSquares(FactorDataset):
    """262,144 images of 3 x 64 x 64 pixels, 0 or 255, without nuisance."""

    name = "xysquares"
    space = SPACE
    image_shape = (3, SIDE, SIDE)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 3, 64, 64], 0 or 255; the nuisance is ignored."""
        place_NC2 = np.asarray(positions_NF).reshape(-1, 3, 2)
        at_P = np.arange(PLACES)
        column_NCP, row_NCP = (place_NC2[..., axis, None] == at_P for axis in (0, 1))
        cells_NCPP = (row_NCP[..., :, None] & column_NCP[..., None, :]) * np.uint8(255)
        return cells_NCPP.repeat(SQUARE, axis=2).repeat(SQUARE, axis=3)

    def checksum(self) -> str:
        """SHA-256 of 64 images spread over the grid."""
        return self._sample_checksum()

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {
            **super().describe(),
            "source": "rendered, as XYSquaresMinimalData of disent: one 8 x 8 square per channel in steps of 8 pixels",
            "places": "do not overlap, so all changes of a square's place cost the same squared error",
        }
