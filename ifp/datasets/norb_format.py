"""The binary matrix format of the NORB files: a little-endian header, then the values.

Header: int32 magic (the type), int32 number of dimensions, then that many int32 sizes, but never fewer than three.
Source: F. J. Huang and Y. LeCun, the small NORB data set v1.0, cs.nyu.edu/~ylclab/data/norb-v1.0-small, "file format".

The header is only ever compared with what is expected, never believed: no size in it decides how much is read.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from ifp.errors import IfpError

MAGIC_OF = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}
NAME_OF_MAGIC = {
    0x1E3D4C51: "float32 matrix",
    0x1E3D4C52: "packed matrix",
    0x1E3D4C53: "float64 matrix",
    0x1E3D4C54: "int32 matrix",
    0x1E3D4C55: "uint8 matrix",
    0x1E3D4C56: "int16 matrix",
}
"""The first four bytes of a file say what its numbers are; SmallNORB uses two of these kinds."""
GZIP_START = b"\x1f\x8b"
"""The first two bytes of every gzip file."""


def matrix_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header of a matrix of this type and shape.

    >>> matrix_header("int32", (24300,)).hex(" ", 4)
    '544c3d1e 01000000 ec5e0000 01000000 01000000'
    """
    sizes = (*shape, 1, 1, 1)[: max(3, len(shape))]
    return struct.pack(f"<{2 + len(sizes)}i", MAGIC_OF[dtype], len(shape), *sizes)


def read_matrix_rows(path: Path, dtype: str, shape: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    """Read a matrix in blocks of `rows` first indices; the memory held is one block.

    A file that starts like gzip is unpacked on the way, whatever its name. After the last block the file must end:
    an error raised there takes back all blocks before it.

    Raises
    ------
    IfpError : another type or shape than expected, a file that is shorter or longer than its header says, broken gzip.
    """
    with open(path, "rb") as file:
        packed = file.read(2) == GZIP_START
        file.seek(0)
        if not packed:
            _check_header(file, path, dtype, shape)
            expected = len(matrix_header(dtype, shape)) + math.prod(shape) * np.dtype(dtype).itemsize
            found = path.stat().st_size
            if found != expected:
                raise _damaged(path, f"has {found:,} bytes where its header promises {expected:,}")
            yield from _blocks(file, path, dtype, shape, rows)
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            try:
                _check_header(unpacked, path, dtype, shape)
                yield from _blocks(unpacked, path, dtype, shape, rows)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise _damaged(path, f"is broken gzip ({error})") from error


def _check_header(file: BufferedIOBase, path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    expected = matrix_header(dtype, shape)
    found = file.read(len(expected))
    if found == expected:
        return
    if len(found) < len(expected):
        raise _damaged(path, f"ends after {len(found)} bytes, inside its header of {len(expected)}")
    magic, dimensions = struct.unpack_from("<Ii", found)
    if magic != MAGIC_OF[dtype]:
        kind = NAME_OF_MAGIC.get(magic, "no NORB matrix")
        raise _damaged(path, f"starts with 0x{magic:08X} ({kind}) instead of 0x{MAGIC_OF[dtype]:08X} ({dtype} matrix)")
    if dimensions != len(shape):
        raise _damaged(path, f"has {dimensions} dimensions instead of {len(shape)}")
    sizes = struct.unpack_from(f"<{len(shape)}i", found, 8)
    # sizes beyond the number of dimensions are padding, about which the format says nothing
    if sizes != shape:
        raise _damaged(path, f"has the sizes {_by(sizes)} instead of {_by(shape)}")


def _blocks(file: BufferedIOBase, path: Path, dtype: str, shape: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    row_bytes = math.prod(shape[1:]) * np.dtype(dtype).itemsize
    for start in range(0, shape[0], rows):
        count = min(rows, shape[0] - start)
        block = file.read(count * row_bytes)
        if len(block) < count * row_bytes:
            there = start + len(block) // row_bytes
            raise _damaged(path, f"ends after {there:,} of its {shape[0]:,} rows")
        yield np.frombuffer(block, dtype=np.dtype(dtype).newbyteorder("<")).reshape(count, *shape[1:])
    if file.read(1):
        raise _damaged(path, f"goes on after its {shape[0]:,} rows")


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def _damaged(path: Path, what: str) -> IfpError:
    return IfpError(f"{path} {what}; delete it and run `ifp data get smallnorb`, or put the official file there.")
