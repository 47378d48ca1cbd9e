"""What an annealing of a whole data set gives back, by training or in closed form: tables, report, figure, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ifp.analysis.figures.style import FORMATS, first_looks
from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.joint.prepared import (
    COOL,
    EDGE_TABLES,
    HEAT,
    MEASURE_AGAIN,
    WholeMeasured,
    read_study,
    read_whole_table,
)
from ifp.analysis.joint.report import Report, edges_report, images_read, whole_report, why_nothing_froze
from ifp.analysis.joint.whole_result import WholeResult
from ifp.analysis.tables import json_rows
from ifp.errors import IfpError
from ifp.system.files import write_json
from ifp.system.own_files import check_schema
from ifp.system.progress import Progress, silent
from ifp.training.outcome import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IN_JSON = ("peaks", "steps", "joint_freezing_points", "joint_summary", "pressures", "spectrum", "joint_edges")
"""Tables of a training that `ifp anneal --whole --json` prints."""


@dataclass(frozen=True, eq=False, repr=False)
class WholeAnnealing(WholeResult):
    """Networks trained on a whole data set while beta fell and rose: what freezes when, in the company of all factors.

    `outcomes` says how the training of each direction ended; it is empty for a result that was read from a folder.
    """

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)

    def headline(self) -> str:
        """Data set, networks, and the highest and lowest joint freezing point; the peaks where there is no factor."""
        networks = len(self.about["seeds"])
        what = f"the whole of {self.dataset}, {networks} network{'s' if networks != 1 else ''}"
        if self.nothing_froze():
            return f"{what}, nothing froze"
        if not self.factor_names or not len(self.tables["joint_summary"]):
            betas = ", ".join(f"{beta:.3g}" for beta in self.tables["peaks"]["beta"])
            return f"{what}, peaks of -dMI/dbeta at beta {betas}" if betas else f"{what}, no peak of -dMI/dbeta"
        summary = self.table()
        middle = np.exp(np.log(summary[["cool_median", "heat_median"]]).mean(axis=1))
        known = summary.assign(middle=middle)[middle.notna()].sort_values("middle", ascending=False)
        if known.empty:
            return f"{what}, no factor froze"
        ends = known.iloc[[0, -1]] if len(known) > 1 else known
        spans = " to ".join(f"{beta:.3g} ({factor})" for factor, beta in ends[["factor", "middle"]].to_numpy())
        return f"{what}, joint freezing points at beta {spans}"

    def table(self) -> pd.DataFrame:
        """One row per factor: its joint freezing points and edges; the peaks of -dMI/dbeta where there is no factor."""
        if not len(self.tables["joint_summary"]):
            return self.tables["peaks"].copy()
        return self.in_order("joint_summary", "factor")

    def report(self) -> Report:
        """What the command prints: sentences and tables as texts, in order."""
        if self.path is not None:  # as a stranger may have written it
            check_schema(self.about, WholeMeasured, self.path / "whole.json", MEASURE_AGAIN)
        named = self.run["config"].get("dataset") or self.dataset
        return whole_report(self.tables, self.about, str(named), self.order)

    def nothing_froze(self) -> str:
        """Why no latent took up information, and what to change; "" where one did."""
        return why_nothing_froze(self.tables["joint_information"], float(self.about["threshold_nats"]))

    @property
    def diverged(self) -> bool:
        """Whether a network diverged."""
        return any(outcome.diverged for outcome in self.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """How the training ended, how it was measured, and the tables as rows that strict JSON can hold."""
        cooled = self.outcomes[COOL].to_json() if COOL in self.outcomes else {}
        heated = {"heating": self.outcomes[HEAT].to_json()} if HEAT in self.outcomes else {}
        return {**cooled, **heated, **self.about, **{name: json_rows(self.tables[name]) for name in IN_JSON}}

    def plot(self, *, panel: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the figure, or one panel of it, and return its (first) axes; nothing is shown or saved.

        Parameters
        ----------
        panel : "mi", "slope", "latents", "kl", "information" or "points"; None for all of them, or, where `ax` is
            given, for the freezing points ("mi" where there is no factor).
        ax : where to draw a panel, in the style that is active; None makes a new figure.
        """
        from ifp.analysis.joint.plot_joint import plot_whole

        with first_looks(self.order):
            return plot_whole(self, panel=panel, ax=ax)

    def written(
        self,
        folder: Path,
        *,
        width: str | float = "icml",
        formats: Sequence[str] = FORMATS,
        progress: Progress = silent,
    ) -> Self:
        """Write tables and figure into `folder`, factors in the order of the report."""
        from ifp.analysis.joint.plot_joint import draw_joint

        tables = dict(self.tables)
        if len(tables["joint_summary"]):
            tables |= {name: self.in_order(name, "factor") for name in ("joint_summary", "joint_edges")}
            tables["joint_freezing_points"] = self._points_in_order()
        result = replace(self, tables=tables).with_tables_in(folder)
        if not (folder / "whole.json").is_file():  # it is there where the run was measured in this folder
            write_json(folder / "whole.json", self.about)
        return result.drawn_in(folder, draw_joint, width=width, formats=formats, progress=progress)

    def _points_in_order(self) -> pd.DataFrame:
        """`joint_freezing_points`: within each network factors in the order of the report, then its latents."""
        points = self.tables["joint_freezing_points"]
        rank = {factor: place for place, factor in enumerate(joint_order(self.tables["joint_summary"], self.order))}
        place = points["name"].map(rank).where(points["kind"] == "factor", len(rank))
        network = points.groupby(["direction", "seed"], sort=False).ngroup()
        order = np.lexsort([np.arange(len(points)), place.to_numpy(), network.to_numpy()])
        return points.iloc[order].reset_index(drop=True)


@dataclass(frozen=True, eq=False, repr=False)
class WholeEdges(WholeResult):
    """The closed form of a whole data set: its joint edge, the spectrum of the linear theory, each factor's edges."""

    def headline(self) -> str:
        """Data set, likelihood, joint edge, and what was read."""
        return (
            f"{self.dataset}, {self.run['likelihood']} likelihood, joint edge {self.run['joint_edge']:.3g} "
            f"({images_read(self.run)})"
        )

    def table(self) -> pd.DataFrame:
        """One row per factor: its edge alone and given all others; the spectrum where there is no factor."""
        if not len(self.tables["joint_edges"]):
            return self.tables["spectrum"].copy()
        return self.in_order("joint_edges", "factor")

    def report(self) -> Report:
        """What the command prints: sentences and a table as texts."""
        return edges_report(self.tables, self.run, self.order)

    def to_json(self) -> dict[str, Any]:
        """The content of run.json, and the tables as rows that strict JSON can hold."""
        return {**self.run, **{name: json_rows(table) for name, table in self.tables.items()}}

    def plot(self, *, panel: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the figure, or one panel of it, and return its (first) axes; nothing is shown or saved.

        Parameters
        ----------
        panel : "spectrum" or "factors"; None for both of them, or, where `ax` is given, for the spectrum.
        ax : where to draw a panel, in the style that is active; None makes a new figure.
        """
        from ifp.analysis.joint.plot_edges import plot_edges

        with first_looks(self.order):
            return plot_edges(self, panel=panel, ax=ax)

    def written(
        self,
        folder: Path,
        *,
        width: str | float = "icml",
        formats: Sequence[str] = FORMATS,
        progress: Progress = silent,
    ) -> Self:
        """Write run.json, tables and figure into `folder`, factors in the order of the report."""
        from ifp.analysis.joint.plot_edges import draw_edges

        tables = {**self.tables, "joint_edges": self.in_order("joint_edges", "factor")}
        result = replace(self, tables=tables).with_tables_in(folder)
        write_json(folder / "run.json", self.run)
        return result.drawn_in(folder, draw_edges, width=width, formats=formats, progress=progress)


def read_whole(folder: Path) -> WholeAnnealing | WholeEdges:
    """The result in a folder of `ifp anneal --whole`, of either method; raises IfpError as the two functions below."""
    return read_edges(folder) if _is_closed_form(folder) else read_annealing(folder)


def read_annealing(folder: Path) -> WholeAnnealing:
    """The training in a folder; raises IfpError where there are no such tables, or those of an earlier version."""
    tables, about = read_study(folder)
    return WholeAnnealing(tables, about, read_about(folder), path=folder)


def read_edges(folder: Path) -> WholeEdges:
    """The closed form in a folder; raises IfpError where there are no such tables."""
    for name in EDGE_TABLES:
        if not (folder / f"{name}.csv").is_file():
            raise IfpError(f"There is no {folder / name}.csv; give the folder of a closed form of a whole data set.")
    run = read_about(folder, ("dataset", "likelihood"))
    tables = {name: read_whole_table(folder, name) for name in EDGE_TABLES}
    return WholeEdges(tables, {}, run, path=folder)


def _is_closed_form(folder: Path) -> bool:
    # a training that is not measured yet has its edges already
    return (folder / "joint_edges.csv").is_file() and not any(
        (folder / name).is_file() for name in ("whole.json", "records.csv")
    )
