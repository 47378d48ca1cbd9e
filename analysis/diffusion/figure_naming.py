"""Which factors the figures of a diagnosis show, in which order, and what they call them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pandas as pd

from ifp.analysis.diffusion.results import Results
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.style import factor_looks
from ifp.analysis.freezing.naming import in_order, keep_factors


def factors_of(results: Results) -> list[str]:
    """The factors of a diagnosis, in the order of the data set; empty without labels."""
    tables = (results.table(name) for name in ("nmi", "series", "comparison"))
    return list(dict.fromkeys(name for table in tables if "factor" in table for name in table["factor"].dropna()))


@dataclass(frozen=True)
class DiagnosisNaming:
    """What a user chose of the factors.

    Attributes
    ----------
    order : the factors that come first. labels : what figures call a factor. factors : those that are shown, all if
        none is named. known : all factors, in the order of the data set.
    """

    order: tuple[str, ...]
    labels: Mapping[str, str]
    factors: tuple[str, ...]
    known: list[str]

    def labelled(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows to draw, in their order, with the factors called as figures call them."""
        if "factor" not in table:
            return table
        table = keep_factors(table, self.factors)
        if self.order:
            table = in_order(table, self.order)
        return table.assign(factor=table["factor"].replace(dict(self.labels))) if self.labels else table

    def unlabelled(self, table: pd.DataFrame) -> pd.DataFrame:
        """What a figure shows, with the data set's own names, as files have them."""
        names = {label: name for name, label in self.labels.items()}
        return table.assign(factor=table["factor"].replace(names)) if names and "factor" in table else table

    def looks(self) -> AbstractContextManager[None]:
        """Lets each factor look as its place in the data set says, whatever it is called and wherever it stands."""
        return looking({self.labels.get(name, name): look for name, look in factor_looks(self.known).items()})
