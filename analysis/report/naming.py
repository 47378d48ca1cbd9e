"""Order and names of factors in the sections of a report: of each run those that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.freezing.naming import factor_naming, in_order
from ifp.analysis.plot_one_run import known_factors
from ifp.analysis.report.section import Section, one_line
from ifp.errors import IfpError


@dataclass(frozen=True)
class SectionNaming:
    """The factors that come first in a section, and what its figures and tables call them."""

    order: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """The arguments of `ifp.plot`; none where nothing was chosen, since not every figure takes them."""
        return {"order": self.order, "labels": self.labels} if self.order or self.labels else {}

    def table(self, shown: ShownTable) -> ShownTable:
        """A table with the rows of its factors in order, and factors called by their labels, also in headings.

        A cell of the column "factor" that is blank belongs to the factor above it.
        """
        table = shown.table
        if "factor" in table and self.order:
            of_row = table["factor"].replace("", None).ffill().rename("")
            table = in_order(table.assign(**{_PLACE: of_row}), self.order, _PLACE).drop(columns=_PLACE)
        if self.labels:
            table = table.rename(columns=self.labels)
            if "factor" in table:
                table = table.assign(factor=table["factor"].replace(dict(self.labels)))
            others = [name for name in table.columns if name != "factor" and not is_numeric_dtype(table[name])]
            for name in others if table.columns.is_unique else []:
                cells = [self.text(cell) if isinstance(cell, str) else cell for cell in table[name]]
                table[name] = pd.Series(cells, index=table.index, dtype=object)
        return replace(shown, table=table, title=self.text(shown.title), note=self.text(shown.note))

    def text(self, text: str) -> str:
        """A text of ours with every factor called by its label, but for those whose names are `OWN_WORDS`."""
        labels = {one_line(name): label for name, label in self.labels.items() if one_line(name) not in OWN_WORDS}
        if not labels:
            return text
        names = "|".join(re.escape(name) for name in sorted(labels, key=len, reverse=True))
        return re.sub(rf"(?<![\w-])(?:{names})(?![\w-])", lambda found: one_line(labels[found[0]]), text)

    def section(self, section: Section) -> Section:
        """A section with order and labels in its tables, and labels in its sentences."""
        kept = [f"{name} ({label} in figures and tables)" for name, label in self.labels.items() if name in OWN_WORDS]
        own = [f"Sentences call by the data set's own name, which is a word of theirs too: {', '.join(kept)}."]
        return replace(
            section,
            asked=self.text(section.asked),
            found=[*map(self.text, section.found), *(own if kept else [])],
            theory=self.text(section.theory),
            tables=list(map(self.table, section.tables)),
            checks=None if section.checks is None else self.table(section.checks),
        )


OWN_WORDS = frozenset((
    "beta", "bound", "branch", "case", "code", "context", "cooling", "curve", "data", "dataset", "decoder",
    "direction", "edge", "encoder", "estimator", "factor", "heating", "image", "images", "information", "interval",
    "latent", "latents", "loss", "measure", "model", "name", "nats", "network", "networks", "noise", "number",
    "pressure", "record", "run", "seed", "share", "side", "stage", "step", "threshold", "time", "training", "value",
    "weight",
))  # fmt: skip
"""Names of factors that are left in sentences, since these use the words otherwise."""


_PLACE = "\0place"


def namings_of(
    folders: Sequence[Path], order: str | Sequence[str], labels: Mapping[str, str] | Sequence[str] | None
) -> list[SectionNaming]:
    """The part of order and labels that each run takes.

    Raises
    ------
    IfpError : a factor that no run has, and what `ifp.plot` refuses.
    """
    if not isinstance(order, str | Sequence) or not isinstance(labels, str | Sequence | Mapping | None):
        raise IfpError(f"order and labels name factors, got order {order!r} and labels {labels!r}.")
    if not order and not labels:
        return [SectionNaming() for _ in folders]
    known = [_factors(folder) for folder in folders]
    everyone = list(dict.fromkeys(name for names in known for name in names))
    if not everyone:
        raise IfpError("No run here has factors, so that order and labels mean nothing; leave them out.")
    first, called = factor_naming(order, [labels] if isinstance(labels, str) else labels, everyone)
    return [
        SectionNaming(
            tuple(name for name in first if name in names),
            {name: text for name, text in called.items() if name in names},
        )
        for names in known
    ]


def _factors(folder: Path) -> list[str]:
    """The factors of a run, or of several diagnoses side by side."""
    inner = sorted(path.parent for path in folder.glob("[1-9]*-*/diagnosis.json"))
    if inner and not (folder / "diagnosis.json").is_file():
        return list(dict.fromkeys(name for each in inner for name in known_factors(each)))
    return known_factors(folder)
