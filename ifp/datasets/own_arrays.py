"""Arrays of ours in npz files, read as if a stranger had written them: kinds, shapes and ranges are declared.

An axis is a letter, which stands for one length in the whole file, as in the names of the arrays.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifp.datasets.npz_file import read_arrays
from ifp.errors import IfpError
from ifp.system.checksums import check_unchanged
from ifp.system.printable import has_controls

INT, FLOAT, TEXT = "iu", "f", "U"
_IN_WORDS = {INT: "whole numbers", FLOAT: "floating-point numbers", TEXT: "texts"}
MOST_BYTES = 2**30
"""Maximum size of what a compressed file may unpack to; a file without compression unpacks to its own size."""


@dataclass(frozen=True)
class Declared:
    """What an array of a file must be.

    Attributes
    ----------
    kind : of NumPy: "iu", "f" or "U". axes : one letter per axis; letters that are equal have equal lengths.
    low : the lowest number. finite : whether NaN and infinity are refused; `no_infinity` refuses infinity alone.
    among : the texts that are allowed, None for any. optional : whether a file may lack it.
    """

    kind: str
    axes: str
    low: float | None = None
    finite: bool = False
    no_infinity: bool = False
    among: tuple[str, ...] | None = None
    optional: bool = False


def read_own_arrays(path: Path, table: Mapping[str, Declared], advice: str) -> dict[str, np.ndarray]:
    """The arrays of a file of ours, each as it is declared.

    Parameters
    ----------
    advice : what to do with a damaged file; the end of the sentence.

    Raises
    ------
    IfpError : the file cannot be read, or an array is missing or not as declared; the sentence names both.
    """
    check_unchanged(path)
    _check_size(path, advice)
    try:
        arrays = read_arrays(path, table)
    except IfpError as error:
        reason = str(error).partition(";")[0].rstrip(".")
        raise IfpError(f"{path} cannot be read ({reason}); {advice}.") from error
    lengths: dict[str, tuple[int, str]] = {}
    for name, declared in table.items():
        if name not in arrays:
            if declared.optional:
                continue
            raise IfpError(f"{path} lacks the array {name!r}; {advice}.")
        wrong = _what_is_wrong(arrays[name], declared, name, lengths)
        if wrong:
            raise IfpError(f"The array {name!r} of {path} {wrong}; {advice}.")
    return arrays


def _check_size(path: Path, advice: str) -> None:
    """Raise IfpError where a file would unpack to much more than it holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
    except Exception:  # what is wrong with it is said by the reader
        return
    if unpacked > (path.stat().st_size if stored else MOST_BYTES):
        raise IfpError(f"{path} claims to unpack to {unpacked / 2**20:.0f} MiB, far more than it holds; {advice}.")


def _what_is_wrong(array: np.ndarray, declared: Declared, name: str, lengths: dict[str, tuple[int, str]]) -> str:
    """What is not as declared, in words that follow the name; "" where nothing is."""
    if array.dtype.kind not in declared.kind:
        return f"must hold {_IN_WORDS.get(declared.kind, 'numbers')}, got {array.dtype}"
    if array.ndim != len(declared.axes):
        return f"must have {len(declared.axes)} axes ({declared.axes}), got the shape {list(array.shape)}"
    for axis, length in zip(declared.axes, array.shape, strict=True):
        known, by = lengths.setdefault(axis, (length, name))
        if known != length:
            return f"must agree with {by!r} in the length of the axis {axis}: {length} here, {known} there"
    if declared.kind == TEXT:
        if any(map(has_controls, set(array.ravel().tolist()))):
            return "must hold no control characters"
        strangers = sorted(set(array.ravel().tolist()) - set(declared.among)) if declared.among is not None else []
        allowed = ", ".join(map(repr, declared.among or ()))
        return f"must hold {allowed} alone, got {strangers[0]!r}" if strangers else ""
    if declared.finite and not np.isfinite(array).all():
        return "must be finite"
    if declared.no_infinity and np.isinf(array).any():
        return "must not be infinite"
    if declared.low is not None and (array < declared.low).any():
        return f"must be at least {declared.low:g}, got {np.nanmin(array):g}"
    return ""
