"""The checksum of TensorFlow's checkpoints: CRC-32C (Castagnoli), in NumPy."""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_LANE_BYTES = 1024
_FEW_BYTES = 4096


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
    # The checksum is linear over the field of two elements: the initial state is the same as four flipped bits a byte
    # at the start, zero bytes before those change nothing, and lanes can be taken side by side and joined afterwards.
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
    """What each byte of a state becomes after a lane of zero bytes."""
    states = np.concatenate([np.arange(256, dtype=np.uint32) << np.uint32(8 * place) for place in range(4)])
    for _ in range(_LANE_BYTES):
        states = _TABLE[states & 0xFF] ^ states >> 8
    return [[int(state) for state in part] for part in states.reshape(4, 256)]
