"""Reads the keys and values of a LevelDB table without compression, the format of a TensorFlow checkpoint's index.

A table consists of blocks of sorted keys. Each key is stored as its difference from the key before, and each block is
followed by its type and checksum. The footer at the end states where the block lies that lists all other blocks.

Source: the LevelDB table format (doc/table_format.md of google/leveldb).
"""

from __future__ import annotations

from collections.abc import Iterator

from ifp.checkpoints.files.crc32c import masked_crc32c
from ifp.checkpoints.files.limits import MAX_ENTRIES, Unreadable

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
"""The last 8 bytes of a table."""

_FOOTER_BYTES = 48
"""Length of the footer."""
_TRAILER_BYTES = 5
"""Length of the type and the checksum after each block."""
_MAX_KEY_BYTES = 1024
"""Maximum length of a key."""


def table_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a LevelDB table, in order.

    Raises
    ------
    Unreadable : if the table is damaged, compressed, or has more than MAX_ENTRIES entries.
    """
    if len(table) < _FOOTER_BYTES or table[-8:] != TABLE_MAGIC:
        raise Unreadable("is not a TensorFlow index, or is cut short")
    footer, position = table[-_FOOTER_BYTES:], 0
    handle = []
    for _ in range(4):  # offset and size of the block of metadata, which is empty, and of the block that lists blocks
        number, position = read_varint(footer, position)
        handle.append(number)
    count, end = 0, 0
    for _, value in _block_entries(table, *handle[2:]):
        offset, position = read_varint(value, 0)
        size, _ = read_varint(value, position)
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
        raise Unreadable("is a damaged TensorFlow index: the checksum of a block is wrong")
    if block[size]:
        raise Unreadable("is a compressed LevelDB table, which no TensorFlow checkpoint is")
    restarts = int.from_bytes(block[size - 4 : size], "little")
    end = size - 4 - 4 * restarts
    if end < 0:
        raise Unreadable("is a damaged TensorFlow index: a block is shorter than it states")
    key, position = b"", 0
    while position < end:
        shared, position = read_varint(block, position)
        unshared, position = read_varint(block, position)
        length, position = read_varint(block, position)
        if shared > len(key) or shared + unshared > _MAX_KEY_BYTES or position + unshared + length > end:
            raise Unreadable("is a damaged TensorFlow index: a name or value reaches beyond its block")
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """An integer stored in groups of 7 bits, the lowest group first, and the position after it."""
    number = 0
    for place in range(10):
        if position >= len(data):
            break
        number |= (data[position] & 0x7F) << 7 * place
        position += 1
        if data[position - 1] < 0x80:
            return number, position
    raise Unreadable("is a damaged TensorFlow index: a number in it does not end")
