"""TensorFlow's checkpoints (tensor bundles), read with NumPy alone.

`PREFIX.index` is a LevelDB table without compression: blocks of sorted keys, each key stored as what differs from the
key before, each block followed by its kind and checksum; a footer says where the block of blocks is. The key "" holds
a BundleHeaderProto, every other key is a variable's name and holds a BundleEntryProto with type, shape and the place
of the raw numbers in `PREFIX.data-0000k-of-0000n`.

Source: tensorflow/core/util/tensor_bundle and tensorflow/core/protobuf/tensor_bundle.proto (formats only).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ifp.checkpoints.files.crc32c import masked_crc32c
from ifp.checkpoints.files.limits import MAX_DIRECTORY_BYTES, MAX_ENTRIES, Budget, Unreadable
from ifp.checkpoints.files.tensors import (
    ITEM_BYTES,
    Storage,
    contiguous_stride,
    outline_tensor,
    read_tensors,
    whole_number,
)

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
"""The last 8 bytes of an index."""

_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_MAX_NAME_BYTES = 1024
_STRING, _DTYPES = 7, {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool",
    14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip

Message = dict[int, list[int | bytes]]
"""A protocol buffer: the values of each field number, in order."""


def read_tensor_bundle(index: Path) -> tuple[dict[str, np.ndarray], set[str]]:
    """Every variable by name, and the names of the text entries, which are left out.

    Raises
    ------
    Unreadable : a damaged or compressed index, a missing or short shard, or sizes that do not fit.
    """
    if index.stat().st_size > MAX_DIRECTORY_BYTES:
        raise Unreadable(f"is a TensorFlow index of more than {MAX_DIRECTORY_BYTES} bytes")
    entries = list(_table_entries(index.read_bytes()))
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
    there = {path.name: path.stat().st_size for path in paths if path.is_file()}
    budget, places, outlines, texts = Budget(sum(there.values())), {}, {}, set()
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
        if shard >= len(paths) or paths[shard].name not in there:
            raise Unreadable(
                f"is a TensorFlow index without its data file number {shard} of {shards}",
                "put the .index and all its .data files into one folder",
            )
        if offset + size > there[paths[shard].name]:
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
            raise Unreadable(f"is damaged: the numbers of the variable {storage.key!r} do not have their checksum")
        return raw

    arrays = read_tensors(outlines.values(), read_storage)
    return {name: arrays[outline] for name, outline in outlines.items()}, texts


def _table_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a LevelDB table, in order."""
    if len(table) < _FOOTER_BYTES or table[-8:] != TABLE_MAGIC:
        raise Unreadable("is not a TensorFlow index, or is cut short")
    footer, position = table[-_FOOTER_BYTES:], 0
    handle = []
    for _ in range(4):  # where the block of metadata is, which is empty, and where the block of blocks is
        number, position = _varint(footer, position)
        handle.append(number)
    count, end = 0, 0
    for _, value in _block_entries(table, *handle[2:]):
        offset, position = _varint(value, 0)
        size, _ = _varint(value, position)
        if offset < end:
            raise Unreadable("is a damaged TensorFlow index: its blocks overlap")
        end = offset + size
        for entry in _block_entries(table, offset, size):
            count += 1
            if count > MAX_ENTRIES:
                raise Unreadable(f"holds more than {MAX_ENTRIES} variables")
            yield entry


def _block_entries(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    block = table[offset : offset + size + _TRAILER_BYTES]
    if len(block) != size + _TRAILER_BYTES or size < 4:
        raise Unreadable("is a damaged TensorFlow index: a block reaches beyond its end")
    if masked_crc32c(block[:-4]) != int.from_bytes(block[-4:], "little"):
        raise Unreadable("is a damaged TensorFlow index: a block does not have its checksum")
    if block[size]:
        raise Unreadable("is a compressed LevelDB table, which no TensorFlow checkpoint is")
    restarts = int.from_bytes(block[size - 4 : size], "little")
    end = size - 4 - 4 * restarts
    if end < 0:
        raise Unreadable("is a damaged TensorFlow index: a block is shorter than it states")
    key, position = b"", 0
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or shared + unshared > _MAX_NAME_BYTES or position + unshared + length > end:
            raise Unreadable("is a damaged TensorFlow index: a name or value reaches beyond its block")
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _message(data: bytes) -> Message:
    """The fields of a protocol buffer, none of them interpreted."""
    fields: Message = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value: int | bytes
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
            case 2:
                length, position = _varint(data, position)
                value, position = data[position : position + length], position + length
            case 5:
                value, position = int.from_bytes(data[position : position + 4], "little"), position + 4
            case wire:
                raise Unreadable(f"is a damaged TensorFlow index: a field of the unknown kind {wire}")
        if position > len(data):
            raise Unreadable("is a damaged TensorFlow index: a field reaches beyond its message")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A whole number in groups of 7 bits, the lowest first, and the position behind it."""
    number = 0
    for place in range(10):
        if position >= len(data):
            break
        number |= (data[position] & 0x7F) << 7 * place
        position += 1
        if data[position - 1] < 0x80:
            return number, position
    raise Unreadable("is a damaged TensorFlow index: a number in it does not end")


def _number(message: Message, field: int) -> int:
    """A field that is a whole number; 0 where it is left out."""
    value = message.get(field, [0])[-1]
    return value if isinstance(value, int) else whole_number(None)


def _shape(entry: Message) -> tuple[int, ...]:
    shapes = [part for part in entry.get(2, []) if isinstance(part, bytes)]
    sizes = [_message(part) for shape in shapes for part in _message(shape).get(2, []) if isinstance(part, bytes)]
    return tuple(whole_number(_number(size, 1)) for size in sizes)
