"""One array of bytes from a MATLAB 5 .mat file that a stranger wrote: its header is compared, never believed.

Layout: a header of 128 bytes, then elements, each a tag (type, bytes) and its content; a compressed element is a zlib
stream with one element in it. An array is an element with sub-elements: flags, sizes, name, numbers by columns.
Source: The MathWorks, MAT-File Format (level 5).
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import BinaryIO

import numpy as np

_HEADER_BYTES = 128
_INT8, _UINT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 2, 5, 6, 14, 15
"""Types of elements."""
_UINT8_CLASS, _COMPLEX = 9, 0x0800
"""The class of an array of bytes, and the flag of complex numbers."""
_TAG = struct.Struct("<II")
_FRONT_BYTES = 1024
"""Flags, sizes, name and the tag of the numbers lie within as many bytes."""


class BrokenMat(Exception):
    """Why a .mat file is not read: a clause that follows its name."""


def read_bytes_array(file: BinaryIO, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array `name`, uint8 of this shape, as NumPy orders it; no other array of the file is unpacked.

    Raises
    ------
    BrokenMat : no such file, no such array, or one of another type or shape.
    """
    header = file.read(_HEADER_BYTES)
    if header[:8] == b"\x89HDF\r\n\x1a\n" or header[:19] == b"MATLAB 7.3 MAT-file":
        raise BrokenMat("is a MATLAB 7.3 file, where level 5 is expected")
    if len(header) < _HEADER_BYTES or header[126:128] != b"IM":
        raise BrokenMat("is no MATLAB 5 file")
    limit = _FRONT_BYTES + math.prod(shape)
    while tag := file.read(_TAG.size):
        if len(tag) < _TAG.size:
            raise BrokenMat("ends inside an element")
        kind, size = _TAG.unpack(tag)
        if kind == _COMPRESSED:
            found = _from_compressed(file, size, name, shape, limit)
        elif kind == _MATRIX:
            front = file.read(min(size, _FRONT_BYTES))
            found = None
            if _name_of(front) == name:
                found = _array(front + file.read(max(0, min(size, limit) - len(front))), shape)
            else:
                file.seek(size - len(front), 1)
        else:
            raise BrokenMat(f"holds an element of type {kind}, where arrays are expected")
        if found is not None:
            return found
    raise BrokenMat(f"holds no array {name!r}")


def _from_compressed(file: BinaryIO, size: int, name: str, shape: tuple[int, ...], limit: int) -> np.ndarray | None:
    """The array out of a compressed element, or None where it is another one; at most `limit` bytes are unpacked."""
    unpacker = zlib.decompressobj()
    left, unpacked, known = size, bytearray(), False
    try:
        while left > 0 and len(unpacked) < limit:
            data = file.read(min(left, 1 << 16))
            if not data:
                raise BrokenMat("ends inside an element")
            left -= len(data)
            unpacked += unpacker.decompress(data, limit - len(unpacked))
            if not known and (len(unpacked) >= _FRONT_BYTES or left == 0):
                known = True
                if len(unpacked) < _TAG.size or _TAG.unpack_from(unpacked)[0] != _MATRIX:
                    raise BrokenMat("holds a compressed element that is no array")
                if _name_of(bytes(unpacked[_TAG.size : _TAG.size + _FRONT_BYTES])) != name:
                    file.seek(left, 1)
                    return None
    except zlib.error as error:
        raise BrokenMat(f"is packed in a way that cannot be unpacked ({error})") from error
    return _array(bytes(unpacked[_TAG.size :]), shape)


def _elements(front: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Flags, sizes and name, each as type and content, and where the numbers' element begins."""
    parts, at = [], 0
    for _ in range(3):
        if at + _TAG.size > len(front):
            raise BrokenMat("ends inside an array's header")
        kind, size = _TAG.unpack_from(front, at)
        if kind >> 16:  # a small element: size and type in one word, up to four bytes of content in the next
            parts.append((kind & 0xFFFF, front[at + 4 : at + 4 + min(4, kind >> 16)]))
            at += _TAG.size
        else:
            parts.append((kind, front[at + _TAG.size : at + _TAG.size + min(size, _FRONT_BYTES)]))
            at += _TAG.size + -(-size // 8) * 8
    return parts, at


def _name_of(front: bytes) -> str:
    parts, _ = _elements(front)
    kind, text = parts[2]
    return text.decode("latin-1") if kind == _INT8 else ""


def _array(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    ((flags_kind, flags), (sizes_kind, sizes), _), at = _elements(data)
    if flags_kind != _UINT32 or len(flags) != 8 or sizes_kind != _INT32 or len(sizes) % 4:
        raise BrokenMat("has an array without type or sizes")
    flag = struct.unpack("<II", flags)[0]
    found = struct.unpack(f"<{len(sizes) // 4}i", sizes)
    if flag & 0xFF != _UINT8_CLASS or flag & _COMPLEX or found != shape:
        raise BrokenMat(
            f"holds numbers of class {flag & 0xFF} and the sizes {list(found)} instead of uint8 {list(shape)}"
        )
    if at + _TAG.size > len(data):
        raise BrokenMat("ends before the numbers of its array")
    kind, size = _TAG.unpack_from(data, at)
    count = math.prod(shape)
    if kind >> 16:
        kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
    else:
        start = at + _TAG.size
    if kind != _UINT8 or size != count or start + count > len(data):
        raise BrokenMat(f"has {min(size, max(0, len(data) - start)):,} bytes of numbers instead of {count:,}")
    return np.frombuffer(data, np.uint8, count, start).reshape(shape, order="F")
