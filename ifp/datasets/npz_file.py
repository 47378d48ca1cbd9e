"""Reads arrays from an .npz file that may be damaged or hostile: sizes are checked before anything is allocated."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from ifp.datasets.npy_header import read_npy_header
from ifp.errors import IfpError

MAX_BYTES = 64 * 2**30
"""No array may be larger than this once unpacked (64 GiB)."""
_BLOCK = 1 << 24
"""Bytes that are unpacked at a time."""
BROKEN_ZIP = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError,
    UnicodeDecodeError,
)  # fmt: skip
"""The errors that zipfile raises when it opens or unpacks a damaged file; names that are no UTF-8 are among them."""


def check_there(path: Path) -> None:
    """Raise IfpError unless `path` is a file."""
    if not path.is_file():
        raise IfpError(f"There is no file {path}; give the path of an .npz file after 'npz:'.")


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the named arrays that the file at `path` holds.

    Raises
    ------
    IfpError : no file, not an .npz, damaged, an array of Python objects, or one larger than 64 GiB or than its data.
    """
    with _opened(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        return {name: _read(path, name, archive, members[f"{name}.npy"]) for name in names if f"{name}.npy" in members}


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; whatever is wrong with it or with what is read from it becomes one sentence."""
    check_there(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise IfpError(f"{path} is not an .npz file or is damaged ({error}); save it anew with numpy.savez.") from error
    except BROKEN_ZIP as error:
        raise IfpError(f"{path} is damaged or cannot be read ({error}); save it anew with numpy.savez.") from error


def names_in(path: Path) -> list[str]:
    """The names of the arrays in a file, of which nothing is read.

    Raises
    ------
    IfpError : as `read_arrays`.
    """
    with _opened(path) as archive:
        names = [member.filename for member in archive.infolist()]
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def _read(path: Path, name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    if member.file_size > MAX_BYTES:
        raise IfpError(
            f"The array {name!r} of {path} unpacks to {member.file_size / 2**30:.1f} GiB and at most "
            f"{MAX_BYTES // 2**30} GiB are read; split the file."
        )
    with archive.open(member) as stream:
        shape, fortran_order, dtype = _read_header(path, name, stream)
        claimed, there = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
        if claimed != there:
            raise IfpError(
                f"The array {name!r} of {path} claims the shape {list(shape)} of {dtype}, {claimed} bytes, but holds "
                f"{there}; the file is damaged, save it anew."
            )
        try:
            data = np.empty(claimed, dtype=np.uint8)
        except MemoryError as error:
            raise IfpError(
                f"The array {name!r} of {path} needs {claimed / 2**30:.1f} GiB of memory, which this machine cannot "
                "give; split the file."
            ) from error
        # to the very end, where zipfile compares the checksum
        for start in range(0, claimed, _BLOCK):
            size = min(_BLOCK, claimed - start)
            block = stream.read(size)
            if len(block) != size:
                raise EOFError(f"the array {name!r} is cut short")
            data[start : start + size] = np.frombuffer(block, np.uint8)
    if dtype.kind == "U":
        _check_text(path, name, data.view(np.dtype(np.uint32).newbyteorder(dtype.byteorder)))
    array = data.view(dtype).reshape(shape, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("=")) if dtype.kind == "U" and not dtype.isnative else array


def _check_text(path: Path, name: str, letters: np.ndarray) -> None:
    """Raise IfpError where a number of `letters` is no character: Python cannot make a text of it, or not print it."""
    if ((letters > 0x10FFFF) | ((letters >= 0xD800) & (letters < 0xE000))).any():
        raise IfpError(f"The array {name!r} of {path} holds a text that is none; the file is damaged, save it anew.")


def _read_header(path: Path, name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether the first index varies fastest, and type that an array claims."""
    try:
        shape, fortran_order, dtype = read_npy_header(stream)
    except ValueError as error:
        raise IfpError(f"The array {name!r} of {path} has no valid .npy header; save it anew.") from error
    if dtype.hasobject:
        raise IfpError(
            f"The array {name!r} of {path} holds Python objects, which are never unpickled; "
            "save it with a plain integer or text type."
        )
    if dtype.fields or dtype.subdtype or dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise IfpError(f"The array {name!r} of {path} must be of a plain type, got {dtype} {list(shape)}.")
    return shape, fortran_order, dtype
