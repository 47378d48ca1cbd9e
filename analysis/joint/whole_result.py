"""What the results of a whole data set share: tables by name, the report's sentences, a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ifp.analysis.figures.conditions import conditions_of
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import FORMATS, checked_formats, figure_width, first_looks
from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint.report import Report
from ifp.analysis.tables import write_csv
from ifp.system.checksums import seal, unseal
from ifp.system.files import write_json
from ifp.system.out_folder import result_folder
from ifp.system.progress import Progress, silent


@dataclass(frozen=True, eq=False, repr=False)
class WholeResult(Result):
    """What the results of trainings and of the closed form share.

    Attributes
    ----------
    tables : by name, as the csv files hold them. about : how they were measured. run : the content of run.json.
    path : the folder that holds all this; None where it is in memory only.
    order, factor_labels : the factors that come first, and what figures call a factor.
    figures : the figures that were drawn into the folder.
    """

    tables: dict[str, pd.DataFrame]
    about: dict[str, Any]
    run: dict[str, Any]
    path: Path | None = None
    order: tuple[str, ...] = ()
    factor_labels: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[Path, ...] = ()

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.run["dataset"]["name"])

    @property
    def factor_names(self) -> tuple[str, ...]:
        """All factors of the data set, in storage order; empty for data without labels."""
        return tuple(self.run["dataset"]["factor_names"])

    def conditions(self) -> str:
        """Data set, image shape and likelihood, for the label of an axis."""
        return conditions_of(self.run)

    def report(self) -> Report:
        """What the command prints: sentences and tables as texts, in order."""
        raise NotImplementedError

    def sentences(self) -> list[str]:
        """The sentences of the report."""
        return [part for part in self.report() if isinstance(part, str)]

    def written(
        self,
        folder: Path,
        *,
        width: str | float = "icml",
        formats: Sequence[str] = FORMATS,
        progress: Progress = silent,
    ) -> Self:
        """Write tables and figure into `folder`, and return the result as it lies there."""
        raise NotImplementedError

    def save(self, folder: str | Path, *, width: str | float = "icml", formats: str | Sequence[str] = FORMATS) -> Path:
        """Write run.json, the tables and the figure into a folder of its own, which `ifp plot` can read.

        The networks themselves are kept by `ifp.anneal_whole(..., out=folder)` alone.

        Raises
        ------
        IfpError : the folder is a file or holds something already, or an unknown width or format.
        """
        figure_width(width)
        formats = checked_formats(formats)
        path = result_folder(folder)
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "run.json", self.run)
        self.written(path, width=width, formats=formats)
        return path

    def in_order(self, name: str, column: str) -> pd.DataFrame:
        """A table whose rows are one per factor, in the order of figure and report."""
        summary = self.tables["joint_summary" if "joint_summary" in self.tables else "joint_edges"]
        rank = {factor: place for place, factor in enumerate(joint_order(summary, self.order))}
        return self.tables[name].sort_values(
            column, key=lambda names: names.map(rank), kind="stable", ignore_index=True
        )

    def with_tables_in(self, folder: Path) -> Self:
        """Write every table as csv, and return the result as it lies in the folder."""
        unseal(folder)
        for name, table in self.tables.items():
            write_csv(table, folder / f"{name}.csv")
        return replace(self, path=folder)

    def drawn_in(
        self,
        folder: Path,
        draw: Callable[..., list[Path]],
        *,
        width: str | float,
        formats: Sequence[str],
        progress: Progress,
    ) -> Self:
        """Draw the figure of the tables in `folder` by `draw`, if there is a format, and write the checksums."""
        figures = list[Path]()
        if formats:
            progress("Figures", 0, 1)
            with first_looks(self.order):
                figures = draw(folder, width=width, formats=formats, order=self.order, labels=self.factor_labels)
            progress("Figures", 1, 1)
        seal(folder)
        return replace(self, figures=tuple(figures))
