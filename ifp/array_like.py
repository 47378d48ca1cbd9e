"""What callers may hand in as an array: numpy's own, lists, and tensors, without an import of their library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ifp.errors import IfpError


def as_array(values: Any, what: str, *, objects: bool = False) -> np.ndarray:
    """`values` as a numpy array; a tensor is taken off its device and out of its graph first.

    Parameters
    ----------
    values : an array, nested lists, or a tensor. what : its name in errors. objects : whether Python objects may be
        in it, of which the caller then says what is wrong.

    Raises
    ------
    IfpError : rows of unequal length, or something that is no array at all.

    >>> as_array([[1, 2], [3, 4]], "mean").shape
    (2, 2)
    """
    if hasattr(values, "detach"):  # a torch tensor; numpy knows no bfloat16, so it is widened
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise IfpError(f"{what} must be an array, a tensor or lists of equal length, got {_told(values)}.") from error
    if array.dtype.kind == "O" and not objects:
        raise IfpError(f"{what} must be an array, a tensor or lists of equal length, got {_told(values)}.")
    return array


def as_numbers(values: Any, what: str) -> np.ndarray:
    """`values` as float64; raises IfpError, as `as_array` does, and for what is not numbers."""
    array = as_array(values, what)
    if array.dtype.kind not in "fiub":
        raise IfpError(f"{what} must be numbers, got {array.dtype} values.")
    return array.astype(np.float64, copy=False)


def as_traversals(images: Any) -> Sequence[Any]:
    """One traversal, an array or a tensor [N, ...], or a sequence of them, as a sequence whose items are not read yet.

    Raises IfpError for what is neither; each item is to be taken by `as_array`.
    """
    if isinstance(images, np.ndarray) or hasattr(images, "detach"):
        return [images]
    if isinstance(images, str | bytes | Mapping) or not all(hasattr(images, of) for of in ("__len__", "__getitem__")):
        raise IfpError(f"images must be an array [images, ...], or a list of such arrays, got {_told(images)}.")
    if not len(images):
        raise IfpError("images holds no traversal; give an array [images, ...], or a list of such arrays.")
    return images


def _told(values: Any) -> str:
    return f"a {type(values).__name__}" + (f" of {len(values)}" if hasattr(values, "__len__") else "")
