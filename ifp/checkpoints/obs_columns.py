"""Columns of `obs` in an AnnData file (.h5ad) as values per cell, in every layout that AnnData has written.

Layouts of a column: a group with `categories` and `codes` (AnnData 0.7 and later), a data set of codes whose categories
lie in obs/__categories (0.7 before 0.8), a field of one table with categories in uns/NAME_categories (before 0.7), a
group with `values` and `mask` (nullable numbers), and plain arrays of numbers, bool or text.

Shapes: N cells of the file, M cells that are read, K categories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifp.datasets.binning import Bins, bins_for, by_quantiles
from ifp.datasets.hdf5_file import MOST_TEXT_BYTES, checked, member, read_texts, text_attribute
from ifp.errors import IfpError, unknown_name

MOST_CATEGORIES = 10_000
"""Maximum number of categories of a column."""
MOST_INTEGERS = 100
"""A column of whole numbers with more different ones than this is no category; it needs bins."""
_BLOCK_ROWS = 1 << 16
_NOT_COLUMNS = ("_index", "index", "__categories")


@dataclass(frozen=True)
class ObsColumn:
    """The values of M cells, numbers or texts, and which of the cells have none."""

    values_M: np.ndarray
    missing_M: np.ndarray


def column_names(obs: Any) -> list[str]:
    """The names of the columns that the file holds."""
    names = obs.dtype.names or () if hasattr(obs, "dtype") else list(obs.keys())
    return [str(name) for name in names if name not in _NOT_COLUMNS]


def num_cells(obs: Any, path: Path) -> int:
    """The number of rows of `obs`."""
    if hasattr(obs, "dtype"):
        return len(checked(obs, "obs", path))
    name = text_attribute(obs, "_index", "_index")
    found = checked(member(obs, name, path), f"obs/{name}", path)
    if len(found.shape) != 1:
        raise IfpError(f"The names of cells under obs in {path} are no list; write the file anew with AnnData.")
    return int(found.shape[0])


def read_names(obs: Any, rows_M: np.ndarray, path: Path) -> np.ndarray | None:
    """The names [M] of the cells that are asked for, which say in several files which row is which cell; None where
    the file has none that are texts or whole numbers.

    Raises
    ------
    IfpError : over 64 MiB of names, or damage.
    """
    if hasattr(obs, "dtype"):  # one table, before AnnData 0.7
        field = next((name for name in ("_index", "index") if name in (obs.dtype.names or ())), None)
        if field is None or any(obs.dtype[name].kind == "O" for name in obs.dtype.names):
            return None
        column, dtype = checked(obs, "obs", path), obs.dtype[field]
    else:
        field = text_attribute(obs, "_index", "_index")
        column = checked(member(obs, field, path), f"obs/{field}", path)
        dtype = column.dtype
    if dtype.kind == "O":
        return read_texts(column, f"obs/{field}", path, rows_M)
    if dtype.kind not in "Siu":
        return None
    if dtype.itemsize * len(rows_M) > MOST_TEXT_BYTES:
        raise IfpError(f"The names of cells {field!r} of {path} have over 64 MiB; write shorter ones as obs_names.")
    values_M = _rows(column, rows_M)
    return _as_text(values_M[field] if values_M.dtype.names else values_M).astype(str)


def read_column(file: Any, name: str, rows_M: np.ndarray, count: int, bins: Bins, path: Path) -> ObsColumn:
    """The column `name` of `obs` at the rows that are asked for, in rising order, as levels.

    Parameters
    ----------
    count : N, which every column must have. bins : into how many a column of numbers is put; a number for all columns
        leaves those of categories as they are.

    Raises
    ------
    IfpError : no such column, damage, a column of numbers without bins, bins for one that has none.
    """
    found = _values(file, name, rows_M, count, path)
    numbers = found.values_M.dtype.kind in "iuf"
    if isinstance(bins, Mapping) and name in bins and not numbers:
        raise IfpError(f"The column {name!r} of {path} holds categories, which are not put into bins; leave bins out.")
    there_M = ~found.missing_M
    bin_count = bins_for(bins, name)
    if numbers and bin_count is not None:
        values_M = np.zeros(len(rows_M), dtype=np.int64)
        values_M[there_M] = by_quantiles(found.values_M[there_M].astype(np.float64), bin_count)
        return ObsColumn(values_M, found.missing_M)
    if numbers:
        different = len(np.unique(found.values_M[there_M]))
        if found.values_M.dtype.kind == "f" or different > MOST_INTEGERS:
            raise IfpError(
                f"The column {name!r} of {path} holds numbers ({different:,} different ones); put them into bins of "
                f"equally many cells with bins, such as {name}:5, or make it a category."
            )
    return found


def _values(file: Any, name: str, rows_M: np.ndarray, count: int, path: Path) -> ObsColumn:
    obs = member(file, "obs", path)
    if name not in column_names(obs):
        raise unknown_name(f"column of {path.name}", name, column_names(obs))
    if hasattr(obs, "dtype"):  # one table, before AnnData 0.7
        column = checked(obs, "obs", path)
        values = np.concatenate([part[name] for part in _parts(column, rows_M)] or [np.zeros(0)])
        categories = member(file, f"uns/{name}_categories", path)
        if categories is None:
            return _plain(_as_text(values), path, name)
        return _of_categories(values, categories, f"uns/{name}_categories", path)
    found = member(obs, name, path)
    if hasattr(found, "dtype"):
        column = _column(found, f"obs/{name}", count, path)
        categories = member(obs, f"__categories/{name}", path)
        if categories is not None and column.dtype.kind in "iu":
            return _of_categories(_rows(column, rows_M), categories, f"obs/__categories/{name}", path)
        if column.dtype.kind == "O":
            texts = read_texts(column, f"obs/{name}", path, rows_M)
            return _plain(texts, path, name)
        return _plain(_as_text(_rows(column, rows_M)), path, name)
    codes, numbers = member(found, "codes", path), member(found, "values", path)
    if codes is not None:
        column = _column(codes, f"obs/{name}/codes", count, path)
        categories = member(found, "categories", path)
        return _of_categories(_rows(column, rows_M), categories, f"obs/{name}/categories", path)
    if numbers is not None:
        column = _column(numbers, f"obs/{name}/values", count, path)
        mask = _column(member(found, "mask", path), f"obs/{name}/mask", count, path)
        plain = _plain(_rows(column, rows_M), path, name)
        return ObsColumn(plain.values_M, plain.missing_M | _rows(mask, rows_M).astype(bool))
    raise IfpError(f"The column {name!r} of {path} is stored in a way that is not known; make it a category.")


def _column(found: Any, name: str, count: int, path: Path) -> Any:
    column = checked(found, name, path)
    if column.shape != (count,):
        raise IfpError(f"{name!r} of {path} has the shape {list(column.shape)} for {count:,} cells; write it anew.")
    return column


def _of_categories(codes_M: np.ndarray, categories: Any, name: str, path: Path) -> ObsColumn:
    """The category of each cell; a code of -1 is a cell without one."""
    found = checked(categories, name, path)
    if len(found.shape) != 1 or not 1 <= found.shape[0] <= MOST_CATEGORIES:
        raise IfpError(
            f"{name!r} of {path} must be a list of 1 to {MOST_CATEGORIES:,} categories, got the shape "
            f"{list(found.shape)}."
        )
    if codes_M.dtype.kind not in "iu" or codes_M.min(initial=0) < -1 or codes_M.max(initial=0) >= found.shape[0]:
        raise IfpError(f"The codes of {name!r} in {path} are no numbers of its categories; write the file anew.")
    texts = read_texts(found, name, path) if found.dtype.kind == "O" else _as_text(found[...]).astype(str)
    codes_M = codes_M.astype(np.int64)
    return ObsColumn(texts[codes_M], codes_M == -1)


def _plain(values_M: np.ndarray, path: Path, name: str) -> ObsColumn:
    """Values as they are; NaN, and a text of nothing, are none."""
    if values_M.dtype.kind == "b":
        return ObsColumn(values_M.astype(np.int64).astype(str), np.zeros(len(values_M), dtype=bool))
    if values_M.dtype.kind == "f":
        return ObsColumn(values_M, ~np.isfinite(values_M))
    if values_M.dtype.kind == "U":
        return ObsColumn(values_M, values_M == "")
    if values_M.dtype.kind not in "iu":
        raise IfpError(f"The column {name!r} of {path} holds {values_M.dtype}, neither numbers nor text.")
    return ObsColumn(values_M, np.zeros(len(values_M), dtype=bool))


def _as_text(values: np.ndarray) -> np.ndarray:
    """Bytes as text; anything else as it is."""
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _rows(column: Any, rows_M: np.ndarray) -> np.ndarray:
    return np.concatenate(list(_parts(column, rows_M)) or [np.zeros(0, column.dtype)])


def _parts(column: Any, rows_M: np.ndarray) -> Iterator[np.ndarray]:
    """The rows asked for, in rising order, of one block of the file after the other."""
    for start in range(0, len(column), _BLOCK_ROWS):
        low, high = np.searchsorted(rows_M, (start, start + _BLOCK_ROWS))
        if high > low:
            yield column[start : start + _BLOCK_ROWS][rows_M[low:high] - start]


def rows_of_matrix(column: Any, rows_M: np.ndarray) -> np.ndarray:
    """The rows asked for, in rising order, of a checked data set [N, D]."""
    return _rows(column, rows_M)
