"""A grid of binary images in one file of the user's cache folder: packed 8 pixels per byte, checked, never copied.

The file is a 4,096-byte header (magic, number of images, bytes per image, SHA-256 of what the images are, SHA-256
of the packed images) and then the images. It is written beside its place and then moved there: it is whole or absent.
Shapes: N images, P bytes per image.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.system.cpus import granted_cpus
from ifp.system.files import whole_file
from ifp.system.progress import Progress

_MAGIC = b"IFPGRID1"
"""The first bytes of a file in the cache; another layout gets another number."""
_HEADER = struct.Struct("<8sQQ32s32s")
_HEADER_BYTES = 4096  # a whole page, so that the images start at one
_HASH_BLOCK = 1 << 24
"""Bytes that are hashed at a time."""


def cache_folder() -> Path:
    """The folder for what can be made again: $IFP_CACHE, else the system's usual place."""
    named = os.environ.get("IFP_CACHE")
    if named:
        return Path(named).expanduser()
    import pooch  # only for the folder's name: costs a tenth of a second

    return Path(pooch.os_cache("ifp"))


@dataclass(frozen=True)
class PackedGrid:
    """Binary images on disk; only those asked for are unpacked.

    Parameters
    ----------
    packed_NP : uint8, 8 pixels per byte, most significant bit first (np.packbits); a read-only memory map.
    image_shape : (C, H, W).
    path : the file.
    """

    packed_NP: np.ndarray
    image_shape: tuple[int, int, int]
    path: Path

    def __len__(self) -> int:
        return len(self.packed_NP)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return (len(self), *self.image_shape)

    def images(self, index_N: np.ndarray) -> np.ndarray:
        """Images uint8 [N, C, H, W], 0 or 255, at these flat indices; raises IndexError outside the grid."""
        bits = np.unpackbits(self.packed_NP[np.asarray(index_N)], axis=-1)
        bits *= 255
        return bits.reshape(-1, *self.image_shape)


def open_grid(path: Path, identity: str, count: int, image_shape: tuple[int, int, int]) -> PackedGrid | None:
    """The grid at `path`, or None if there is none or it is short, damaged, or of other images than `identity`."""
    row_bytes = int(np.prod(image_shape)) // 8
    try:
        if path.stat().st_size != _HEADER_BYTES + count * row_bytes:
            return None
        with path.open("rb") as file:
            header = _HEADER.unpack(file.read(_HEADER.size))
    except (OSError, struct.error):
        return None
    packed_NP = np.memmap(path, np.uint8, "r", _HEADER_BYTES, (count, row_bytes))
    if header != (_MAGIC, count, row_bytes, _digest(identity.encode()), _digest(packed_NP.data)):
        return None
    return PackedGrid(packed_NP, image_shape, path)


def build_grid(
    path: Path,
    identity: str,
    image_shape: tuple[int, int, int],
    num_blocks: int,
    packed_block: Callable[[int], np.ndarray],
    images_per_block: int,
    progress: Progress | None = None,
) -> PackedGrid:
    """Make every block of images, by a thread for each core, and write the grid to `path`.

    Parameters
    ----------
    identity : what the images are; a grid of another identity is not opened.
    num_blocks, packed_block, images_per_block : `packed_block(b)` gives images b * images_per_block and on, packed.
    progress : called with the images done and the images in all.

    Raises
    ------
    IfpError : the folder cannot be written to.
    """
    row_bytes = int(np.prod(image_shape)) // 8
    count = num_blocks * images_per_block
    try:
        with whole_file(path) as partial:
            _write(partial, identity, row_bytes, num_blocks, packed_block, images_per_block, progress)
    except OSError as error:
        raise IfpError(
            f"Cannot write the image grid ({count * row_bytes / 1e6:.0f} MB) to {path}: {error.strerror or error}; "
            "set IFP_CACHE to a folder with room."
        ) from error
    return PackedGrid(np.memmap(path, np.uint8, "r", _HEADER_BYTES, (count, row_bytes)), image_shape, path)


def _write(
    partial: Path,
    identity: str,
    row_bytes: int,
    num_blocks: int,
    packed_block: Callable[[int], np.ndarray],
    images_per_block: int,
    progress: Progress | None,
) -> None:
    count = num_blocks * images_per_block
    with partial.open("wb") as file:
        # reserves the room: a full disk is an error here, not a fault while the map is written to
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _HEADER_BYTES + count * row_bytes)
        else:
            file.truncate(_HEADER_BYTES + count * row_bytes)
    packed_NP = np.memmap(partial, np.uint8, "r+", _HEADER_BYTES, (count, row_bytes))

    def fill(block: int) -> None:
        start = block * images_per_block
        packed_NP[start : start + images_per_block] = packed_block(block)

    pool = ThreadPoolExecutor(granted_cpus())
    try:
        for done, _ in enumerate(pool.map(fill, range(num_blocks)), 1):
            if progress is not None:
                progress("Rendering images, once", done * images_per_block, count)
    finally:
        pool.shutdown(cancel_futures=True)
    packed_NP.flush()
    with partial.open("r+b") as finished:
        finished.write(_HEADER.pack(_MAGIC, count, row_bytes, _digest(identity.encode()), _digest(packed_NP.data)))


def _digest(data: bytes | memoryview) -> bytes:
    sha = hashlib.sha256()
    view = memoryview(data).cast("B")
    for start in range(0, len(view), _HASH_BLOCK):
        sha.update(view[start : start + _HASH_BLOCK])
    return sha.digest()


def grid_of(dataset: FactorDataset, progress: Progress) -> PackedGrid | None:
    """The data set's packed images, where it has such."""
    found = getattr(dataset, "packed", None)
    if found is None and hasattr(dataset, "grid"):
        found = dataset.grid(progress)
    return found if isinstance(found, PackedGrid) else None
