"""Tables on disk and in JSON: written whole or not at all, numbers in full, and read as if by a stranger's hand.

A text that a spreadsheet would take for a formula is written with an apostrophe before it, and read without; a number
with its sign and the lone dash of what is not known are none.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from ifp.errors import IfpError
from ifp.system.checksums import check_unchanged
from ifp.system.files import cannot_read, cannot_write, replace_file
from ifp.system.printable import has_controls, printable

MAX_BYTES = 2**26
"""Maximum size of a csv of ours, 64 MiB."""
MAX_CELLS = 2**22
"""Maximum number of cells of a csv of ours, unless more are expected."""
MOST = 1e300
"""The largest number in a csv of ours that is drawn: figures are wider than what they show."""
Column = Literal["text", "number", "positive", "given positive", "whole", "flag"]
"""What a column holds. A cell of "text", "number" and "positive" may be empty, which is NaN."""
TEXT, NUMBER, POSITIVE, GIVEN_POSITIVE, COUNT, FLAG = get_args(Column)
_MAX_COLUMNS = 2**14
_EMPTY = ("", "nan", "NaN")
"""Cells without a number."""
_FORMULA = re.compile("'*[=+\\-@\t\r]")
"""Matches the start of a text that a spreadsheet would take for a formula, and of one that was quoted for that."""
_NO_FORMULA = re.compile(r"-|[-+](\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
"""A text that begins so and yet is no formula: the dash of a value that is not known, and a number with its sign."""


def write_csv(table: pd.DataFrame, path: Path, *, digits: int | None = None) -> None:
    """Write `table` to `path`: comma-separated, a header, no index, NaN empty; numbers in full or to `digits`.

    Raises
    ------
    IfpError : the file cannot be written, as on a full disk; what was at `path` is still there.
    """
    content = csv_bytes(table, digits=digits)
    try:
        replace_file(path, content)
    except OSError as error:
        raise cannot_write(path, error) from error


def csv_bytes(table: pd.DataFrame, *, digits: int | None = None) -> bytes:
    """What `write_csv` writes."""
    safe = table.copy(deep=False)
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if column.dtype.kind == "O":
            safe.isetitem(place, column.map(quoted).array)
    safe.columns = pd.Index([quoted(name) for name in table.columns])
    number = None if digits is None else f"%.{digits}g"
    text: str = safe.to_csv(index=False, lineterminator="\n", float_format=number)
    return text.encode("utf-8")


def quoted(value: Any) -> Any:
    r"""A cell as it is written: a text shows its escapes, and none is a formula; anything else as it is.

    >>> quoted("=1+1"), quoted("posX"), quoted("-posX"), quoted("a\x1b"), quoted(-1.5)
    ("'=1+1", 'posX', "'-posX", 'a\\x1b', -1.5)
    >>> quoted("-"), quoted("-0.25"), quoted("+1e-3"), quoted("-1+1")
    ('-', '-0.25', '+1e-3', "'-1+1")
    """
    return _quoted_text(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)  # a column has the same few names a thousand times
def _quoted_text(text: str) -> str:
    text = printable(text) if has_controls(text) else text
    return f"'{text}" if _FORMULA.match(text) and not _NO_FORMULA.fullmatch(text) else text


def unquoted(value: Any) -> Any:
    """The text that `quoted` wrote, without the apostrophe that it put before it.

    >>> unquoted("'=1+1"), unquoted("'tis"), unquoted(3)
    ('=1+1', "'tis", 3)
    """
    return value[1:] if isinstance(value, str) and value[:1] == "'" and _FORMULA.match(value) else value


def read_csv(
    path: Path,
    advice: str,
    columns: Mapping[str, Column] | None = None,
    *,
    texts: Sequence[str] = (),
    most_cells: int = MAX_CELLS,
    rows: bool = True,
) -> pd.DataFrame:
    """The table in a csv of ours.

    Parameters
    ----------
    advice : what to do with a damaged file; the end of the sentence.
    columns : what each column that is used must hold; a name that ends with * stands for all that begin so.
    texts : columns that hold texts where they are there, though these may look like numbers.
    most_cells : a table of more is refused.
    rows : whether there must be a row.

    Raises
    ------
    IfpError : the file cannot be read, lacks a column, holds another thing than declared, or is not as it was written.
    """
    check_unchanged(path)
    columns = columns or {}
    text_columns = [*texts, *(name for name, kind in columns.items() if kind == TEXT)]
    try:
        table = _parse(path, text_columns, most_cells)
    except (OSError, ValueError, OverflowError, Warning) as error:  # pandas' own errors of parsing are ValueErrors
        raise cannot_read(path, error, advice) from error
    if rows and table.empty:
        raise IfpError(f"{path} has no rows; {advice}.")
    for declared, kind in columns.items():
        prefix = declared.removesuffix("*")
        names = [declared] if prefix == declared else [name for name in table.columns if name.startswith(prefix)]
        for name in names:
            if name not in table:
                raise IfpError(f"{path} lacks the column {name!r}; {advice}.")
            wrong = _what_is_wrong(table[name], kind)
            if wrong:
                raise IfpError(f"The column {name!r} of {path} must {wrong}; {advice}.")
    return table


def _what_is_wrong(column: pd.Series, kind: Column) -> str:
    """What a column must do that it does not; "" where it is as declared. A column without rows is of any kind."""
    if kind == TEXT or column.empty:
        return ""
    if column.dtype.kind not in ("b" if kind == FLAG else "iuf"):
        return "hold True or False alone" if kind == FLAG else "hold numbers alone"
    values = column.to_numpy(float)
    if np.isinf(values).any():
        return "not be infinite"
    if kind == COUNT and not ((values >= 0) & (values % 1 == 0)).all():
        return "hold whole numbers of at least 0"
    if kind in (POSITIVE, GIVEN_POSITIVE) and (values <= 0).any():
        return "hold positive numbers"
    if kind == GIVEN_POSITIVE and np.isnan(values).any():
        return "hold a number in each row"
    return "" if np.nanmax(np.abs(values), initial=0) <= MOST else f"hold numbers of at most {MOST:g}"


def _parse(path: Path, texts: Sequence[str], most_cells: int) -> pd.DataFrame:
    """The table; raises OSError, ValueError or a warning of pandas' where it is none, or too large."""
    most_bytes = max(MAX_BYTES, 32 * most_cells)
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes // 2**20} MiB")
    if data.count(b",") + data.count(b"\n") > most_cells:
        raise ValueError(f"it holds more than {most_cells:,} cells")
    if data[: data.find(b"\n") + 1 or None].count(b",") >= _MAX_COLUMNS:
        raise ValueError(f"it holds more than {_MAX_COLUMNS:,} columns")
    with warnings.catch_warnings(action="error"):
        names = pd.read_csv(io.BytesIO(data), nrows=0, dtype=str).columns
        table = pd.read_csv(
            io.BytesIO(data), dtype={name: str for name in names if unquoted(name) in texts}, index_col=False,
            keep_default_na=False, low_memory=False,
            na_values={name: [""] if unquoted(name) in texts else list(_EMPTY) for name in names},
        )  # fmt: skip
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if column.dtype.kind == "O":
            if any(isinstance(value, str) and has_controls(value) for value in column):
                raise ValueError(f"the column {str(table.columns[place])!r} holds a text that does not print")
            table.isetitem(place, column.map(unquoted).astype(column.dtype).array)
    table.columns = pd.Index([unquoted(name) for name in table.columns])
    return table


def short_number(value: float) -> str:
    """Three digits of a number; from 1,000 on those before the point and one behind, which tell runs apart.

    >>> [short_number(value) for value in (0.123456, -0.0, 999.96, 2699.919, 123456.7, 1.5e12, float("nan"))]
    ['0.123', '0', '1,000.0', '2,699.9', '123,457', '1.5e+12', '-']
    """
    if math.isnan(value):
        return "-"
    size = abs(value)
    if not 999.5 <= size < 1e9:
        return f"{value + 0.0:.3g}"
    return f"{value:,.1f}" if size < 1e5 else f"{value:,.0f}"


def json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain dictionaries that strict JSON can hold; what is not finite becomes None.

    >>> json_rows(pd.DataFrame({"factor": ["posX"], "n": [3], "median": [float("nan")]}))
    [{'factor': 'posX', 'n': 3, 'median': None}]
    """
    return [
        {
            str(key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }
        for row in table.astype(object).to_dict("records")
    ]
