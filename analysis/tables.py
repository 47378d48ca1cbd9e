"""Tables on disk and in JSON: written whole or not at all, numbers in full."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of `path` when the block ends well and vanishes when it does not.

    The final suffix is kept, because writers choose their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
