"""Result: what everything that a call of this library returns can do, in a script and in a notebook."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Result:
    """Base of the results: a short repr, a table, a figure, files; in a notebook the table and the figure.

    A subclass says its `headline` and gives `table`, `plot` and `save`.
    """

    def headline(self) -> str:
        """What this is and what was found, in one line of plain text."""
        raise NotImplementedError

    def table(self) -> pd.DataFrame:
        """The main table; the subclass says what a row is."""
        raise NotImplementedError

    def short_table(self) -> pd.DataFrame:
        """What a notebook shows of the table: all of it, unless the subclass leaves columns out."""
        return self.table()

    def plot(self, *args: Any, **options: Any) -> Axes:
        """Draw the main figure into `ax`, or into a new figure, and return its axes; shows and saves nothing.

        Every subclass takes `ax` by name; what else it takes it says itself.
        """
        raise NotImplementedError

    def save(self, folder: str | Path) -> Path:
        """Write everything into a folder that `ifp plot` can read, and return the folder."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline()}>"

    def _repr_html_(self) -> str:
        from ifp.analysis.figures.plot_inline import inline_svg

        table = self.short_table().to_html(index=False, escape=True, border=0, float_format="{:.4g}".format, na_rep="")
        return f"<p><b>{escape(self.headline())}</b></p>{table}{inline_svg(lambda: self.plot())}"
