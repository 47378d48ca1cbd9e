"""Reads TensorFlow's checkpoints (tensor bundles) with NumPy alone.

A bundle consists of `PREFIX.index` and the data files `PREFIX.data-0000k-of-0000n`. The index is a LevelDB table
(`leveldb_table.py`). Its key "" holds a BundleHeaderProto. Every other key is the name of a variable and holds a
BundleEntryProto with its type, its shape and the place of its numbers in the data files.

Source: tensorflow/core/util/tensor_bundle and tensorflow/core/protobuf/tensor_bundle.proto (formats only).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ifp.checkpoints.files.crc32c import masked_crc32c
from ifp.checkpoints.files.leveldb_table import read_varint, table_entries
from ifp.checkpoints.files.limits import MAX_DIRECTORY_BYTES, MAX_ENTRIES, Budget, Unreadable
from ifp.checkpoints.files.tensors import (
    ITEM_BYTES,
    Storage,
    contiguous_stride,
    outline_tensor,
    read_tensors,
    whole_number,
)

_STRING = 7
"""The number of TensorFlow's type for texts."""
_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool",
    14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
"""The number types that are read, by their numbers in TensorFlow's DataType."""

Message = dict[int, list[int | bytes]]
"""A decoded protocol buffer: the values of each field, by its number, in order."""


def read_tensor_bundle(index: Path) -> tuple[dict[str, np.ndarray], set[str]]:
    """The array of every variable by its name, and the names of the text entries, which are left out.

    Raises
    ------
    Unreadable : if the index is damaged or compressed, a data file is missing or short, or sizes do not fit.
    """
    if index.stat().st_size > MAX_DIRECTORY_BYTES:
        raise Unreadable(f"is a TensorFlow index of more than {MAX_DIRECTORY_BYTES} bytes")
    entries = list(table_entries(index.read_bytes()))
    if not entries or entries[0][0] != b"":
        raise Unreadable("is a LevelDB table but not a TensorFlow checkpoint: it has no header")
    header = _message(entries[0][1])
    shards = _number(header, 1)
    if _number(header, 2):
        raise Unreadable("was written on a big-endian machine", "save it anew on a little-endian one")
    paths = [
        Path(f"{str(index)[: -len('.index')]}.data-{shard:05d}-of-{shards:05d}")
        for shard in range(min(shards, MAX_ENTRIES))
    ]
    file_bytes = {path.name: path.stat().st_size for path in paths if path.is_file()}
    budget, places, outlines, texts = Budget(sum(file_bytes.values())), {}, {}, set()
    for key, value in entries[1:]:
        name, entry = key.decode(), _message(value)
        dtype = _DTYPES.get(_number(entry, 1))
        if _number(entry, 1) == _STRING:
            texts.add(name)
            continue
        if dtype is None or 7 in entry:
            raise Unreadable(
                f"holds the variable {name!r} of a type that is not read (number {_number(entry, 1)}, or sliced)"
            )
        shape = _shape(entry)
        shard, offset, size = (_number(entry, field) for field in (3, 4, 5))
        if shard >= len(paths) or paths[shard].name not in file_bytes:
            raise Unreadable(
                f"is a TensorFlow index without its data file number {shard} of {shards}",
                "put the .index and all its .data files into one folder",
            )
        if offset + size > file_bytes[paths[shard].name]:
            raise Unreadable(f"is damaged: the variable {name!r} reaches beyond the end of {paths[shard].name}")
        if math.prod(shape) * ITEM_BYTES[dtype] != size:
            raise Unreadable(f"gives the variable {name!r} the shape {list(shape)} of {dtype} but {size} bytes")
        storage = Storage(name, "uint8", size)
        places[storage] = paths[shard], offset, _number(entry, 6)
        outlines[name] = outline_tensor(storage, dtype, 0, shape, contiguous_stride(shape), budget)

    def read_storage(storage: Storage) -> bytes:
        path, offset, checksum = places[storage]
        with path.open("rb") as stream:
            stream.seek(offset)
            raw = stream.read(storage.nbytes)
        if masked_crc32c(raw) != checksum:
            raise Unreadable(f"is damaged: the checksum of the variable {storage.key!r} is wrong")
        return raw

    arrays = read_tensors(outlines.values(), read_storage)
    return {name: arrays[outline] for name, outline in outlines.items()}, texts


def _message(data: bytes) -> Message:
    """The fields of a protocol buffer, without interpreting them."""
    fields: Message = {}
    position = 0
    while position < len(data):
        tag, position = read_varint(data, position)
        value: int | bytes
        match tag & 7:
            case 0:
                value, position = read_varint(data, position)
            case 2:
                length, position = read_varint(data, position)
                value, position = data[position : position + length], position + length
            case 5:
                value, position = int.from_bytes(data[position : position + 4], "little"), position + 4
            case wire:
                raise Unreadable(f"is a damaged TensorFlow index: a field of the unknown type {wire}")
        if position > len(data):
            raise Unreadable("is a damaged TensorFlow index: a field reaches beyond its message")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(message: Message, field: int) -> int:
    """The value of an integer field; 0 if the field is missing."""
    value = message.get(field, [0])[-1]
    return value if isinstance(value, int) else whole_number(None)


def _shape(entry: Message) -> tuple[int, ...]:
    shapes = [part for part in entry.get(2, []) if isinstance(part, bytes)]
    sizes = [_message(part) for shape in shapes for part in _message(shape).get(2, []) if isinstance(part, bytes)]
    return tuple(whole_number(_number(size, 1)) for size in sizes)
