"""The global heaps of an HDF5 file, where its texts lie, are walked before the HDF5 library walks them.

The library trusts the sizes in a heap: free space of no size in a damaged file keeps it looking for the next object for
ever, where no time limit of Python reaches it. Layout: HDF5 File Format Specification, version 3.0, III.E.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ifp.errors import IfpError

SIGNATURE = b"GCOL"
_COLLECTION = struct.Struct("<4sB3xQ")
"""Signature, version, bytes of the whole collection."""
_OBJECT = struct.Struct("<HH4xQ")
"""Number (0 is free space), references, bytes without this header."""
_BLOCK_BYTES = 2**24
"""Of a file that is looked through, at a time (16 MiB)."""


def check_heaps(path: Path, advice: str) -> None:
    """Raise IfpError where the objects of a global heap do not fill it from end to end.

    Parameters
    ----------
    path : an HDF5 file. advice : what to do with a damaged file; the end of the sentence.
    """
    size = path.stat().st_size
    with path.open("rb") as searched, path.open("rb") as file:
        for at in _signatures(searched):
            file.seek(at)
            head = file.read(_COLLECTION.size)
            if len(head) < _COLLECTION.size:
                continue
            # what begins like a collection and is none, four letters in the data, is left to the library
            _, version, length = _COLLECTION.unpack(head)
            if version == 1 and _COLLECTION.size <= length <= size - at and not _is_whole(file, at + length):
                raise IfpError(f"{path} is damaged: the sizes in its heap of texts do not agree; {advice}.")


def _signatures(file: BinaryIO) -> Iterator[int]:
    """Where the signature stands in a file."""
    start, before = 0, b""
    while block := file.read(_BLOCK_BYTES):
        content = before + block
        at = content.find(SIGNATURE)
        while at >= 0:
            yield start - len(before) + at
            at = content.find(SIGNATURE, at + 1)
        start, before = start + len(block), content[1 - len(SIGNATURE) :]


def _is_whole(file: BinaryIO, end: int) -> bool:
    """Whether the objects from the file's position on lie one behind the other up to `end`."""
    place = file.tell()
    while end - place >= _OBJECT.size:  # fewer bytes than a header may be left over
        file.seek(place)
        head = file.read(_OBJECT.size)
        if len(head) < _OBJECT.size:
            return False
        number, _, length = _OBJECT.unpack(head)
        step = length if number == 0 else _OBJECT.size + -(-length // 8) * 8  # free space counts its own header
        if step < _OBJECT.size or place + step > end:
            return False
        place += step
    return True
