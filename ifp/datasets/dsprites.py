"""dSprites from its official file: binary sprites on a full grid of five factors.

Source: L. Matthey, I. Higgins, D. Hassabis, A. Lerchner, dSprites: disentanglement testing sprites dataset, 2017
(google-deepmind/dsprites-dataset). Only the array `imgs` is read, as a stream: the file's `metadata` is a pickle, which
we never open, so the factors are written down here.

Shapes: N images, F factors.
"""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import PackedGrid, build_grid, cache_folder, open_grid
from ifp.datasets.download import default_data_dir, find_file
from ifp.datasets.factors import FactorSpace
from ifp.datasets.npy_header import read_npy_header
from ifp.datasets.npz_file import BROKEN_ZIP
from ifp.errors import IfpError
from ifp.system.progress import Progress

FILE_NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
"""The name of the official file, as it is published."""
MEMBER = "imgs.npy"
"""The member of the file that holds the images."""
SIDE = 64
"""Rows and columns of an image."""
SPACE = FactorSpace(("shape", "scale", "orientation", "posX", "posY"), (3, 6, 40, 32, 32))
"""The file's grid without its first factor, colour, which has one value."""


class DSprites(FactorDataset):
    """The official dSprites: 737,280 binary images, uint8 0 or 255, 64 x 64, the last factor varying fastest.

    The first use unpacks the file once into the user's cache folder, 512 bytes per image; later ones open it
    without copying.

    Parameters
    ----------
    data_dir : the folder with the official .npz; None means `default_data_dir()`.
    read : False only describes: no file is looked for.

    Raises
    ------
    IfpError : a file that is missing or damaged, a cache folder that cannot be written to.
    """

    name = "dsprites"
    image_shape = (1, SIDE, SIDE)

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        space: FactorSpace = SPACE,
        read: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.space = space
        if read:
            self.packed = _cached_grid(find_official(data_dir or default_data_dir()), space, progress)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 1, 64, 64], 0 or 255; the nuisance is ignored."""
        return self.packed.images(self.space.ravel(positions_NF))

    def checksum(self) -> str:
        """SHA-256 of all images in grid order, 8 pixels per byte."""
        return hashlib.sha256(self.packed.packed_NP.data).hexdigest()

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {**super().describe(), **READING}


READING: dict[str, object] = {
    "values": "0 and 255 (the file's 0 and 1)",
    "orientation": "values 0 and 39 coincide (0 and 360 degrees), so 39 of the 40 differ",
    "colour": "the file's factor of one value is left out",
    "terms": "Apache-2.0; cite Matthey et al., 2017",
}
"""How the file is read, as `ifp data describe` shows it."""


def find_official(data_dir: Path) -> Path:
    """The official file; raises IfpError saying how to get it."""
    path = find_file(data_dir, FILE_NAME)
    if path is None:
        raise IfpError(
            f"dSprites is not in {data_dir}: missing {FILE_NAME}; run `ifp data get dsprites`, or put that file "
            "there, or use `dataset='sprites'`, which renders the same design and needs no file."
        )
    return path


def read_blocks(path: Path, space: FactorSpace, images_per_block: int) -> Iterator[np.ndarray]:
    """The images, uint8 0 or 1 [images_per_block, 64, 64], block by block; memory holds one block.

    Neither the zip's nor the array's own header decides how much is read: both are compared with the grid first.

    Raises
    ------
    IfpError : no zip file, no `imgs`, another size or type, values other than 0 and 1, a checksum that does not fit.
    """
    assert len(space) % images_per_block == 0
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as stream:
            _check_header(path, archive.getinfo(MEMBER).file_size, stream, space)
            for _ in range(len(space) // images_per_block):
                # with the last byte zipfile compares the checksum of the whole
                data = stream.read(images_per_block * SIDE * SIDE)
                if len(data) < images_per_block * SIDE * SIDE:
                    raise _damaged(path, f"ends before the last of its {len(space):,} images")
                block = np.frombuffer(data, dtype=np.uint8).reshape(-1, SIDE, SIDE)
                if block.max() > 1:
                    raise _damaged(path, f"has the pixel value {block.max()}, where only 0 and 1 are possible")
                yield block
    except KeyError as error:
        raise _damaged(path, f"holds no array {MEMBER!r}") from error
    except BROKEN_ZIP as error:
        raise _damaged(path, f"is not a whole zip file ({error})") from error


def _check_header(path: Path, member_bytes: int, stream: IO[bytes], space: FactorSpace) -> None:
    shape = (len(space), SIDE, SIDE)
    try:
        found, by_columns, dtype = read_npy_header(stream)
    except ValueError as error:
        raise _damaged(path, f"has no readable array header ({error})") from error
    if by_columns:
        raise _damaged(path, "holds images column by column, where rows are expected")
    if dtype != np.uint8 or found != shape:
        raise _damaged(path, f"holds {dtype} images of shape {found} instead of uint8 {shape}")
    expected = stream.tell() + len(space) * SIDE * SIDE
    if member_bytes != expected:
        raise _damaged(path, f"has {member_bytes:,} bytes of images where {expected:,} are promised")


def _damaged(path: Path, what: str) -> IfpError:
    return IfpError(f"{path} {what}; delete it and run `ifp data get dsprites`, or put the official file there.")


def _cached_grid(path: Path, space: FactorSpace, progress: Progress | None) -> PackedGrid:
    stat = path.stat()
    identity = repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns, space))
    cached = cache_folder() / f"dsprites-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.grid"
    image_shape = (1, SIDE, SIDE)
    found = open_grid(cached, identity, len(space), image_shape)
    if found is not None:
        return found
    size = space.sizes[-1] * space.sizes[-2]
    block_at = _BlockAt(read_blocks(path, space, size))
    return build_grid(cached, identity, image_shape, len(space) // size, block_at, size, progress)


class _BlockAt:
    """Packed block by number from a stream, for threads that ask almost in order; what is early waits for its asker."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self.blocks, self.lock = blocks, threading.Lock()
        self.waiting: dict[int, np.ndarray] = {}
        self.next = 0

    def __call__(self, number: int) -> np.ndarray:
        with self.lock:
            while number not in self.waiting:
                self.waiting[self.next] = next(self.blocks)
                self.next += 1
            block = self.waiting.pop(number)
        return np.packbits(block.reshape(len(block), -1), axis=1)
