"""CRC-32C (Castagnoli), the checksum in TensorFlow's checkpoints, computed with NumPy.

A flipped bit in a weight changes no shape and no offset, so that only the checksum shows it. That check must not depend
on whether an optional package (google-crc32c) is installed, and one container of one family does not justify a
required one; the few lines below therefore stay, at about the speed of reading the file.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
"""The Castagnoli polynomial with its bits reversed."""
_LANE_BYTES = 1024
"""Long data are cut into lanes of this many bytes, whose checksums are computed side by side."""
_FEW_BYTES = 4096
"""Data shorter than this are processed byte by byte, which is then faster than lanes."""


def _byte_table() -> np.ndarray:
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = table >> 1 ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


_TABLE = _byte_table()
_STEPS = [int(value) for value in _TABLE]


def masked_crc32c(data: bytes) -> int:
    """CRC-32C of `data`, masked as LevelDB and TensorFlow store it (rotated by 15 bits, plus 0xa282ead8)."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    if len(data) < _FEW_BYTES:
        state = 0xFFFFFFFF
        for byte in data:
            state = _STEPS[(state ^ byte) & 0xFF] ^ state >> 8
        return state ^ 0xFFFFFFFF
    # The checksum is linear over the field of two elements. The initial state is therefore equivalent to flipping all
    # bits of the first four bytes, zero bytes before those change nothing, and lanes can be computed side by side and
    # joined afterwards.
    lanes = np.zeros((-(-len(data) // _LANE_BYTES), _LANE_BYTES), np.uint8)
    flat = lanes.reshape(-1)[-len(data) :]
    flat[:] = np.frombuffer(data, np.uint8)
    flat[:4] ^= 0xFF
    states = np.zeros(len(lanes), np.uint32)
    for column in lanes.T:
        states = _TABLE[(states ^ column) & 0xFF] ^ states >> 8
    joined = 0
    for lane in states.tolist():
        for place, table in enumerate(_lane_shift()):
            lane ^= table[joined >> 8 * place & 0xFF]
        joined = lane
    return joined ^ 0xFFFFFFFF


@cache
def _lane_shift() -> list[list[int]]:
    """The state after a lane of zero bytes, for each of the four bytes of the state before it and each value of it."""
    states = np.concatenate([np.arange(256, dtype=np.uint32) << np.uint32(8 * place) for place in range(4)])
    for _ in range(_LANE_BYTES):
        states = _TABLE[states & 0xFF] ^ states >> 8
    return [[int(state) for state in part] for part in states.reshape(4, 256)]
