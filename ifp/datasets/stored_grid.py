"""StoredGrid: a full grid of factors whose images lie in a file in the grid's order."""

from __future__ import annotations

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.image_file import ImageFile


class StoredGrid(FactorDataset):
    """Images of every combination of factor values, the last factor varying fastest; read when asked for.

    Attributes
    ----------
    stored : the images; not there in a data set that is only described.
    """

    stored: ImageFile

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, C, H, W]; the nuisance is ignored."""
        return self.stored.images(self.space.ravel(positions_NF))

    def checksum(self) -> str:
        """SHA-256 of all images in the grid's order, [N, H, W, C]; computed once for a file, then remembered."""
        return self.stored.sha256


def stored_images(dataset: FactorDataset) -> ImageFile | None:
    """The file with the data set's images, where it has such."""
    return getattr(dataset, "stored", None)
