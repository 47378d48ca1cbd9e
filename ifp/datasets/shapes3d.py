"""3D Shapes from its official file: rooms in colours on a full grid of six factors.

Source: C. Burgess and H. Kim, 3D Shapes dataset, 2018 (google-deepmind/3d-shapes), `3dshapes.h5` with `images` uint8
[480000, 64, 64, 3] and `labels` float64 [480000, 6], one row of factor values per image.

Shapes: N images, B images of a block, F factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ifp.datasets.download import default_data_dir, find_file
from ifp.datasets.factors import FactorSpace
from ifp.datasets.hdf5_file import checked, member, opened
from ifp.datasets.stored_grid import StoredGrid
from ifp.datasets.unpacked import unpack_once
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

FILE_NAME = "3dshapes.h5"
"""The name of the official file, as it is published."""
SIDE = 64
"""Rows and columns of an image."""
SPACE = FactorSpace(("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"), (10, 10, 10, 8, 4, 15))
_BLOCK_BYTES = 2**26
"""Bytes of images that are read at a time, unless the file's chunks are larger."""
_ADVICE = "delete it and run `ifp data get shapes3d`, or put the official file there"


class Shapes3D(StoredGrid):
    """The official 3D Shapes: 480,000 images, uint8, 64 x 64, RGB.

    The first use unpacks the file once into the user's cache folder (5.9 GB); later ones read from there what is asked
    for.

    Parameters
    ----------
    data_dir : the folder with the official .h5; None means `default_data_dir()`.
    space : anything but the default serves to test the reader on small files.
    read : False only describes: no file is looked for.

    Raises
    ------
    IfpError : a file that is missing or damaged, no h5py, too little room in the cache folder.
    """

    name = "shapes3d"
    image_shape = (3, SIDE, SIDE)

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        space: FactorSpace = SPACE,
        read: bool = True,
        progress: Progress = silent,
    ) -> None:
        self.space = space
        if read:
            path = find_official(data_dir or default_data_dir())
            shape = (len(space), SIDE, SIDE, 3)
            self.stored = unpack_once(self.name, [path], shape, lambda: read_blocks(path, space), progress)

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {**super().describe(), **READING}


READING: dict[str, object] = {
    "values": "hues, scale and orientation (-30 to 30 degrees) in equal steps; shape is numbered 0 to 3",
    "first use": "unpacks the images once into the cache folder, 5.9 GB",
    "terms": "Apache-2.0; cite Burgess and Kim, 3D Shapes dataset, 2018",
}
"""How the file is read, as `ifp data describe` shows it."""


def find_official(data_dir: Path) -> Path:
    """The official file; raises IfpError saying how to get it."""
    path = find_file(data_dir, FILE_NAME)
    if path is None:
        raise IfpError(
            f"3D Shapes is not in {data_dir}: missing {FILE_NAME}; run `ifp data get shapes3d`, or put that file there."
        )
    return path


def read_blocks(path: Path, space: FactorSpace) -> Iterator[np.ndarray]:
    """The images, uint8 [B, 64, 64, 3], block by block in the order of the grid; memory holds one block.

    Raises
    ------
    IfpError : no HDF5 file, arrays that are missing or of another size or type, labels that are not the grid's.
    """
    with opened(path, _ADVICE) as file:
        images = _expected(file, "images", (len(space), SIDE, SIDE, 3), "u", path)
        labels = _expected(file, "labels", (len(space), len(space.sizes)), "f", path)
        _check_labels(labels[...], space, path)
        chunk = images.chunks[0] if images.chunks else 1
        rows = min(len(space), max(1, _BLOCK_BYTES // (chunk * SIDE * SIDE * 3)) * chunk)
        for start in range(0, len(space), rows):
            yield images[start : start + rows]


def _expected(file: Any, name: str, shape: tuple[int, ...], kind: str, path: Path) -> Any:
    found = member(file, name, path)
    if found is None:
        raise IfpError(f"{path} has no array {name!r}; {_ADVICE}.")
    found = checked(found, name, path)
    if found.shape != shape or found.dtype.kind != kind or (kind == "u" and found.dtype != np.uint8):
        raise IfpError(
            f"{path} has {name!r} of the shape {list(found.shape)} and type {found.dtype} instead of {list(shape)}; "
            f"{_ADVICE}."
        )
    return found


def _check_labels(labels_NF: np.ndarray, space: FactorSpace, path: Path) -> None:
    """Raise IfpError unless the rows of values go through the grid in its order."""
    for at, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        values, position_N = np.unique(labels_NF[:, at], return_inverse=True)
        expected_N = (np.arange(len(space)) // int(np.prod(space.sizes[at + 1 :]))) % size
        if len(values) != size or (position_N != expected_N).any():
            raise IfpError(f"The labels of {path} do not go through the values of {name!r} in order; {_ADVICE}.")
