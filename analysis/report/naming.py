"""Order and names of factors in the sections of a report: of each run those that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.freezing.naming import factor_naming, in_order
from ifp.analysis.plot_one_run import known_factors
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
        return replace(shown, table=table)


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
