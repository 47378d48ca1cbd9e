"""ShownTable: a table of texts as a person reads it, for the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class ShownTable:
    """A table of text with its title and a note on what its cells mean.

    Attributes
    ----------
    left : headings of columns that are aligned to the left. repeated : how many columns name a row.
    run_status : "running" or "stopped" of a run that has not finished, which a csv says in a column of its own.
    exact : what a csv holds in the table's place, where the table's texts are no numbers for a spreadsheet.
    """

    title: str
    table: pd.DataFrame
    note: str = ""
    left: Sequence[str] = ()
    repeated: int = 1
    run_status: str = ""
    exact: pd.DataFrame | None = None
