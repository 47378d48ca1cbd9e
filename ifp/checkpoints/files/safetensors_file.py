"""Reads the safetensors format: 8 bytes with the length of the header, a JSON header, and the raw numbers."""

from __future__ import annotations

from typing import IO

import numpy as np

from ifp.checkpoints.files.limits import MAX_DIRECTORY_BYTES, Budget, Unreadable
from ifp.checkpoints.files.tensors import (
    ITEM_BYTES,
    Storage,
    contiguous_stride,
    outline_tensor,
    read_tensors,
    whole_number,
)
from ifp.system.json_text import parse_json

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "U8": "uint8",
    "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U16": "uint16", "U32": "uint32", "U64": "uint64",
}  # fmt: skip
"""The number types of safetensors that are read, by their names in the header."""


def looks_like_safetensors(head: bytes) -> bool:
    """Whether a file with these first bytes may be a safetensors file: a length, then the brace of a JSON object."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= MAX_DIRECTORY_BYTES


def read_safetensors(stream: IO[bytes], length: int) -> tuple[dict[str, np.ndarray], set[str]]:
    """The arrays by name, and a description of each array whose type is not read.

    Raises
    ------
    Unreadable : if the file is cut short or damaged, or if sizes do not fit.
    """
    stream.seek(0)
    header_bytes = int.from_bytes(stream.read(8), "little")
    header = parse_json(stream.read(min(header_bytes, MAX_DIRECTORY_BYTES)))
    start, budget = 8 + header_bytes, Budget(length)
    outlines, foreign, places = {}, set(), {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            foreign.add(f"the tensor {name} of the type {entry['dtype']}")
            continue
        dtype, shape = _DTYPES[entry["dtype"]], tuple(map(whole_number, entry["shape"]))
        first, last = map(whole_number, entry["data_offsets"])
        if not first <= last <= length - start or (last - first) % ITEM_BYTES[dtype]:
            raise Unreadable(f"is cut short or damaged: the tensor {name!r} reaches beyond its end")
        storage = Storage(name, "uint8", last - first)
        places[storage] = start + first
        outlines[name] = outline_tensor(storage, dtype, 0, shape, contiguous_stride(shape), budget)

    def read_storage(storage: Storage) -> bytes:
        stream.seek(places[storage])
        return stream.read(storage.nbytes)

    arrays = read_tensors(outlines.values(), read_storage)
    return {name: arrays[outline] for name, outline in outlines.items()}, foreign
