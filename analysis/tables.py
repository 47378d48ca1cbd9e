"""Tables on disk and in JSON: written whole or not at all, numbers in full."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from ifp.system.files import whole_file


def write_csv(table: pd.DataFrame, path: Path, *, digits: int | None = None) -> None:
    """Write `table` to `path`: comma-separated, a header, no index, NaN empty; numbers in full or to `digits`."""
    number = None if digits is None else f"%.{digits}g"
    with whole_file(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", float_format=number)


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
