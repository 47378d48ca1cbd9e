"""Tables on disk and in JSON: written whole or not at all, numbers in full."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ifp.errors import IfpError
from ifp.system.checksums import check_unchanged
from ifp.system.files import whole_file

MAX_BYTES = 2**30
"""Maximum size of a csv of ours."""


def write_csv(table: pd.DataFrame, path: Path, *, digits: int | None = None) -> None:
    """Write `table` to `path`: comma-separated, a header, no index, NaN empty; numbers in full or to `digits`."""
    number = None if digits is None else f"%.{digits}g"
    with whole_file(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", float_format=number)


def read_csv(path: Path, advice: str, *, texts: Sequence[str] = (), numbers: Sequence[str] = ()) -> pd.DataFrame:
    """The table in a csv of ours.

    Parameters
    ----------
    advice : what to do with a damaged file; the end of the sentence.
    texts : columns that hold texts where they are there, though these may look like numbers.
    numbers : columns that are there, of numbers.

    Raises
    ------
    IfpError : the file cannot be read, lacks a column, holds a text for a number, or is not as it was written.
    """
    check_unchanged(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 2**20} MiB")
        table = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    except (OSError, ValueError, OverflowError) as error:  # pandas' own errors of parsing are ValueErrors
        raise IfpError(f"{path} cannot be read ({error}); {advice}.") from error
    for name in numbers:
        if name not in table:
            raise IfpError(f"{path} lacks the column {name!r}; {advice}.")
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise IfpError(f"The column {name!r} of {path} must hold numbers alone; {advice}.")
    return table


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
