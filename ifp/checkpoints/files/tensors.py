"""Tensors as a file describes them, checked against the bytes in it, and then read by NumPy alone.

An outline of a tensor (`TensorOutline`) states where its numbers lie and how they are arranged, before any is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ifp.checkpoints.files.limits import MAX_AXES, Budget, Unreadable

ITEM_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4,
    "int64": 8, "uint16": 2, "uint32": 4, "uint64": 8,
}  # fmt: skip
"""Bytes per number of the types that are read, all little-endian; floating-point types become float32."""

UNREAD_ITEM_BYTES = {"complex64": 8, "complex128": 16, "qint8": 1, "quint8": 1, "qint32": 4, "untyped": 1}
"""Bytes per number of the types that are not read, but whose storages can be skipped."""

_LARGEST = 2**62
"""Counts, offsets, sizes and strides must be smaller than this."""


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of `numel` numbers in the file; its type is "untyped" where each tensor states its own."""

    key: str
    dtype: str
    numel: int

    @property
    def nbytes(self) -> int:
        return self.numel * (ITEM_BYTES | UNREAD_ITEM_BYTES)[self.dtype]


@dataclass(frozen=True, eq=False)
class TensorOutline:
    """A strided view of a storage that has been checked to lie inside it; offset and strides are in elements."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self, raw: bytes) -> np.ndarray:
        """The tensor, given the bytes of its storage, as a C-contiguous array of float32, integers or bool."""
        code = {"bfloat16": "<u2", "bool": "u1"}.get(self.dtype) or np.dtype(self.dtype).newbyteorder("<").str
        if 0 in self.shape:
            view = np.empty(self.shape, code)
        else:
            flat = np.frombuffer(raw, code, len(raw) // ITEM_BYTES[self.dtype])[self.offset :]
            strides = [step * flat.itemsize for step in self.stride]
            view = np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)
        if self.dtype == "bfloat16":  # its bits are the upper half of a float32
            return np.left_shift(view.astype(np.uint32, order="C"), 16, dtype=np.uint32).view(np.float32)
        if self.dtype == "bool":
            return np.not_equal(view, 0, order="C")
        with np.errstate(over="ignore"):  # a double beyond the range of float32 becomes infinite
            return view.astype(np.float32 if view.dtype.kind == "f" else view.dtype.newbyteorder("="), order="C")


def whole_number(value: object) -> int:
    """`value` as a count, offset, size or stride; raises Unreadable if it cannot be one."""
    if type(value) is int and 0 <= value < _LARGEST:
        return value
    raise Unreadable("describes a tensor by something other than whole numbers of at least 0")


def outline_tensor(
    storage: Storage, dtype: str, offset: object, size: object, stride: object, budget: Budget
) -> TensorOutline:
    """The tensor that a file describes; raises Unreadable if it would reach beyond its storage."""
    if not isinstance(size, tuple | list) or not isinstance(stride, tuple | list) or len(size) != len(stride):
        raise Unreadable("describes a tensor whose shape and strides do not match")
    if len(size) > MAX_AXES:
        raise Unreadable(f"describes a tensor of {len(size)} axes, and at most {MAX_AXES} are read")
    start, shape, steps = whole_number(offset), tuple(map(whole_number, size)), tuple(map(whole_number, stride))
    # an empty tensor costs nothing, but NumPy refuses it if its other axes exceed what can be addressed
    elements = math.prod(length for length in shape if length)
    last = start + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
    available = storage.nbytes // ITEM_BYTES[dtype]
    if 0 not in shape and last >= available:
        raise Unreadable(
            f"describes a tensor of shape {list(shape)} that reaches element {last} of a storage of {available}"
        )
    budget.spend(elements * (4 if "float" in dtype else ITEM_BYTES[dtype]), f"a tensor of shape {list(shape)}")
    return TensorOutline(storage, dtype, start, shape, steps)


def read_tensors(
    outlines: Iterable[TensorOutline], read_storage: Callable[[Storage], bytes]
) -> dict[TensorOutline, np.ndarray]:
    """The array of every tensor; each storage is read once, and released once its tensors are made.

    Raises
    ------
    Unreadable : if `read_storage` returns fewer bytes than the storage should have.
    """
    by_storage: dict[Storage, list[TensorOutline]] = {}
    for outline in dict.fromkeys(outlines):
        by_storage.setdefault(outline.storage, []).append(outline)
    arrays = {}
    for storage, tensors in by_storage.items():
        raw = read_storage(storage) if storage.nbytes else b""
        if len(raw) != storage.nbytes:
            raise Unreadable(f"is cut short: it ends within the storage {storage.key!r}")
        arrays.update({outline: outline.array(raw) for outline in tensors})
    return arrays


def contiguous_stride(shape: Iterable[int]) -> tuple[int, ...]:
    """The strides, in elements, of a tensor whose last index varies fastest.

    >>> contiguous_stride((2, 3, 4))
    (12, 4, 1)
    """
    steps = [1]
    for length in reversed(list(shape)):
        steps.append(steps[-1] * length)
    return tuple(reversed(steps[:-1]))
