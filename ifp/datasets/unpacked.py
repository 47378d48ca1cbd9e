"""Images of official files, unpacked once into the user's cache folder, and what is remembered of files read in place.

A copy is an .npy file, and beside it a small .json with its size, its time of writing and the SHA-256 of its images.
Both are written whole or not at all. The copy's name is made of the sources' places, sizes and times, so that another
source gets another copy.

Shapes: N images, B images of a block, H W C rows, columns, channels.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ifp.datasets.cache import cache_folder
from ifp.datasets.image_file import ImageFile
from ifp.errors import IfpError
from ifp.system.disk import check_room
from ifp.system.files import read_json, whole_file, write_json
from ifp.system.progress import Progress

Shape = tuple[int, int, int, int]


def unpack_once(
    name: str,
    sources: Sequence[Path],
    shape: Shape,
    blocks: Callable[[], Iterator[np.ndarray]],
    progress: Progress,
    *,
    version: str = "1",
) -> ImageFile:
    """The unpacked copy of these images, made now where there is none.

    Parameters
    ----------
    name : of the data set; the copy's name begins with it. sources : the official files. shape : (N, H, W, C).
    blocks : gives the images in their order, uint8 [B, H, W, C] at a time; memory holds one block.
    version : what else decides the images, such as the release of a library.
    progress : called with the images unpacked and all.

    Raises
    ------
    IfpError : too little room on the disk, a cache folder that cannot be written to; what `blocks` raises.
    """
    path = cache_folder() / f"{name}-{_identity(sources, shape, version)}.npy"
    header = _npy_header(shape)
    record = path.with_suffix(".json")
    found = _remembered(record, path)
    if found is not None and path.stat().st_size == len(header) + math.prod(shape):
        return ImageFile(path, len(header), shape, found)
    needed = len(header) + math.prod(shape)
    check_room(path.parent, needed, f"{name}, unpacked", "set IFP_CACHE to a folder with room")
    sha, done = hashlib.sha256(), 0
    try:
        with whole_file(path) as partial, partial.open("wb") as file:
            file.write(header)
            for block_BHWC in blocks():
                assert block_BHWC.shape[1:] == shape[1:]
                assert block_BHWC.dtype == np.uint8
                data = np.ascontiguousarray(block_BHWC).data
                sha.update(data)
                file.write(data)
                done += len(block_BHWC)
                progress(f"Unpacking {name}, once ({needed / 1e9:.1f} GB)", done, shape[0])
            assert done == shape[0]
        _remember(record, path, sha.hexdigest())
    except OSError as error:
        raise IfpError(
            f"Cannot write the images of {name} ({needed / 1e9:.1f} GB) to {path}: {error.strerror or error}; "
            "set IFP_CACHE to a folder with room."
        ) from error
    return ImageFile(path, len(header), shape, sha.hexdigest())


def in_place(
    name: str, path: Path, offset: int, shape: Shape, blocks: Callable[[], Iterator[np.ndarray]], progress: Progress
) -> ImageFile:
    """Images that lie unpacked in `path`, from `offset` on; the first use reads them all, to check them.

    Parameters
    ----------
    blocks : as in `unpack_once`; it raises where a checksum of the file does not fit.

    Raises
    ------
    IfpError : what `blocks` raises.
    """
    record = cache_folder() / f"{name}-{_identity([path], shape, f'in place at {offset}')}.json"
    found = _remembered(record, path)
    if found is None:
        sha, done = hashlib.sha256(), 0
        for block_BHWC in blocks():
            sha.update(np.ascontiguousarray(block_BHWC).data)
            done += len(block_BHWC)
            progress(f"Checking {name}, once", done, shape[0])
        found = sha.hexdigest()
        with suppress(OSError):  # then it is read again the next time
            _remember(record, path, found)
    return ImageFile(path, offset, shape, found)


def _identity(sources: Sequence[Path], shape: Shape, version: str) -> str:
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    return hashlib.sha256(repr((version, shape, stats)).encode()).hexdigest()[:16]


def _npy_header(shape: Shape) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(held, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return held.getvalue()


def _remember(record: Path, path: Path, sha256: str) -> None:
    stat = path.stat()
    write_json(record, {"bytes": stat.st_size, "written_ns": stat.st_mtime_ns, "sha256": sha256})


def _remembered(record: Path, path: Path) -> str | None:
    """The SHA-256 of the images in `path`, where it is as it was when that was computed."""
    try:
        kept, stat = read_json(record, "delete it"), path.stat()
    except (OSError, IfpError):
        return None
    sha256 = kept.get("sha256")
    same = (kept.get("bytes"), kept.get("written_ns")) == (stat.st_size, stat.st_mtime_ns)
    return sha256 if same and isinstance(sha256, str) and len(sha256) == 64 else None
