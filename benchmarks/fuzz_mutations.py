"""Changes to files that keep their form: what is changed is a value, a shape or an entry, and checksums fit again.

Most bytes of a zip or a JSON text changed at random give a file that no reader opens; these changes go deeper.
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

Mutate = Callable[[bytes, random.Random], bytes]

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.5, 1e-320, 1e300, 1e308, float("nan"),
    float("inf"), float("-inf"), "", "x", "0", "-1", "a" * 10_000, "\x1b[2J", "\u202e", "\ud800", "[/]", "=1", "$x$",
    "../../x", "nan", [], {}, [[]], [0], ["x"], [None], {"": 0}, {"x": {"x": {}}},
)  # fmt: skip
"""What stands in the place of a value."""
CELLS = (
    b"", b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"1e-320", b"1.5", b"x", b"True", b'"', b'"a,b"', b"'=1",
    b"\0",    b"\xff", b"\x1b[2J", b"9" * 400, b"a\rb", b"=1+1", "é".encode(), b"factor", b"frozen", b"$", b" ",
)  # fmt: skip
"""What stands in the place of a cell of a csv."""
DTYPES = ("<f8", "<f4", "<f2", ">f8", "<i8", "<i4", "|i1", "<u8", "|b1", "<U3", "|S4", "<M8[D]", "<c16", "|O", "<V4")


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bits flipped, bytes set, parts cut, doubled, moved or filled."""
    raw = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at, size = rng.randrange(len(raw)), rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(6)
        if kind == 0:
            raw[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            raw[at : at + size] = rng.choice((b"\0", b"\xff", b"\x7f", rng.randbytes(1))) * size
        elif kind == 2:
            del raw[at : at + size]
        elif kind == 3:
            raw[at:at] = raw[at : at + size]
        elif kind == 4:
            raw[at : at + 8] = struct.pack("<q", rng.choice((0, -1, 2**31, 2**40, 2**63 - 1, len(raw))))
        else:
            raw = raw[:at]
        if not raw:
            return b""
    return bytes(raw)


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Values and keys of a JSON text replaced, removed, doubled, exchanged or buried; now and then its bytes."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng)
    if rng.random() < 0.1:
        return mutate_bytes(data, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = _place(content, rng)
        if place is None:
            content = copy.deepcopy(rng.choice(VALUES))
        else:
            _change(*place, rng, content)
    if rng.random() < 0.01:
        depth = rng.choice((30, 63, 64, 65, 900, 100_000))
        return b"[" * depth + b"]" * depth
    return json.dumps(content).encode()


def _place(content: Any, rng: random.Random) -> tuple[Any, Any] | None:
    """A dictionary or list within `content`, and one of its keys; None where there is none."""
    holder, key = None, None
    while isinstance(content, dict | list) and content and (holder is None or rng.random() < 0.75):
        holder, key = content, rng.choice(list(content)) if isinstance(content, dict) else rng.randrange(len(content))
        content = content[key]
    return None if holder is None else (holder, key)


def _change(holder: Any, key: Any, rng: random.Random, content: Any) -> None:
    kind = rng.randrange(8)
    if kind <= 3:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 4:
        del holder[key]
    elif kind == 5 and isinstance(holder, dict):
        holder[str(rng.choice(VALUES))[:99]] = holder.pop(key)
    elif kind == 6 and isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        other, at = _place(content, rng) or (holder, key)
        if not isinstance(other[at], dict | list):
            holder[key] = other[at]


def mutate_csv(data: bytes, rng: random.Random) -> bytes:
    """Cells replaced, rows and columns removed or doubled, headings renamed; now and then bytes."""
    if rng.random() < 0.1:
        return mutate_bytes(data, rng)
    rows = [line.split(b",") for line in data.split(b"\n")]
    for _ in range(rng.choice((1, 1, 2, 4))):
        row = rng.choice((0, rng.randrange(len(rows))))
        column = rng.randrange(len(rows[row]))
        kind = rng.randrange(7)
        if kind <= 2:
            rows[row][column] = rng.choice(CELLS)
        elif kind == 3:
            for cells in rows:
                del cells[column : column + 1]
        elif kind == 4:
            for cells in rows[1:]:
                cells[column : column + 1] = [rng.choice(CELLS)]
        elif kind == 5:
            rows.insert(row, list(rows[row]))
        else:
            del rows[row + rng.randrange(2) :]
        rows = [cells or [b""] for cells in rows] or [[b""]]
    return b"\n".join(b",".join(cells) for cells in rows)


def mutate_zip(data: bytes, rng: random.Random, entry: Mutate = mutate_bytes) -> bytes:
    """Entries of a zip changed, removed, renamed or doubled, their checksums right; now and then its bytes."""
    known = _entries(data)
    if known is None:
        return mutate_bytes(data, rng)
    entries = list(known)
    if rng.random() < 0.15 or not entries:
        return mutate_bytes(data, rng)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(entries))
        name, content = entries[at]
        kind = rng.randrange(8)
        if kind == 0 and len(entries) > 1:
            del entries[at]
        elif kind == 1:
            entries[at] = (rng.choice((entries[rng.randrange(len(entries))][0], "../x", name + "x")), content)
        else:
            entries[at] = (name, entry(content, rng))
    if rng.random() < 0.8:
        return _stored(dict(entries))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in dict(entries).items():
            archive.writestr(name, content)
    return held.getvalue()


@lru_cache(2000)  # of the same few files changes begin a million times
def _entries(data: bytes) -> tuple[tuple[str, bytes], ...] | None:
    """Names and contents within a zip; None where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return tuple((member.filename, archive.read(member)) for member in archive.infolist())
    except Exception:
        return None


def _stored(entries: dict[str, bytes]) -> bytes:
    """A zip without compression, as `zipfile` writes it in ten times the time."""
    parts, directory, at = [], [], 0
    for name, content in entries.items():
        encoded = name.encode()
        common = struct.pack(
            "<HHHHHIIIHH", 20, 0x800, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(encoded), 0
        )
        directory.append(b"PK\1\2\x14\0" + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + encoded)
        parts += [b"PK\3\4" + common + encoded, content]
        at += 30 + len(encoded) + len(content)
    end = b"".join(directory)
    return b"".join(
        (*parts, end, struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(entries), len(entries), len(end), at, 0))
    )


def mutate_npy(data: bytes, rng: random.Random) -> bytes:
    """Values, shape, type or header of an array changed."""
    array = _array(data)
    if array is None:
        return mutate_bytes(data, rng)
    kind = rng.randrange(8)
    if kind == 0:
        return mutate_bytes(data, rng)
    if kind == 1:
        array = array[None] if rng.random() < 0.5 else array.reshape(-1)
    elif kind == 2:
        array = array[: rng.choice((0, 1, -1))] if array.ndim else array
    elif kind == 3:
        array = np.array(rng.choice((0, -1, 1e300, float("nan"), "x")))
    elif kind == 4 and array.size and array.dtype.kind in "iuf":
        array = array.copy()
        limits = (0, 1, 127) if array.dtype.kind != "f" else (0, -1, 1e30, 1e-30, float("nan"), float("inf"))
        array.flat[rng.randrange(array.size)] = rng.choice(limits)
    elif kind == 5 and array.size and array.dtype.kind in "iuf":
        array = np.full_like(array, rng.choice((0, 1, 127) if array.dtype.kind != "f" else (0, float("nan"), -1e30)))
    elif kind == 6 and array.dtype.kind == "U" and array.size:
        array = array.astype("<U40")
        array.flat[rng.randrange(array.size)] = rng.choice(("", "x", "\x1b[2J", "[/]", "=1", "1" * 40, "+", "cool"))
    held = io.BytesIO()
    np.lib.format.write_array(held, array, allow_pickle=False)
    written = held.getvalue()
    if kind == 7:  # another type than the bytes are of
        old, new = array.dtype.str.encode(), rng.choice(DTYPES).encode()
        return written.replace(b"'" + old + b"'", b"'" + new + b"'", 1)
    return written


@lru_cache(4000)
def _array(data: bytes) -> np.ndarray | None:
    """The array in an npy file, which is not to be written to; None where it is none."""
    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception:
        return None


def mutate_npz(data: bytes, rng: random.Random) -> bytes:
    """Arrays of an npz file changed, one by one."""
    return mutate_zip(data, rng, mutate_npy)


def splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The start of one file and the end of another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
