"""WholeResponse: what `ifp.anneal_whole(..., method="multi-rate")` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ifp.analysis.figures.style import FORMATS, first_looks
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.joint.points import FACTOR
from ifp.analysis.joint.report import Report
from ifp.analysis.joint.response_measure import ABOUT, read_response_tables
from ifp.analysis.joint.response_report import MARK, response_report
from ifp.analysis.joint.whole_result import WholeResult
from ifp.analysis.tables import json_rows
from ifp.errors import counted
from ifp.system.files import write_json
from ifp.system.progress import Progress, silent
from ifp.training.outcome import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IN_JSON = ("response_points", "response_summary", "response_objective", "spectrum", "joint_edges")
"""Tables that `ifp anneal --whole --method multi-rate --json` prints."""


@dataclass(frozen=True, eq=False, repr=False)
class WholeResponse(WholeResult):
    """Networks trained on a whole data set at all betas at once: KL of every latent and information on every factor.

    `outcome` says how the training ended; None for a result that was read from a folder. Tables: `response_curves`
    (every network at every beta), `response_points`, `response_summary`, `response_objective`, and the closed form's.
    """

    outcome: Outcome | None = None

    def headline(self) -> str:
        """Data set, networks, the highest and lowest joint freezing point, and what the curve is."""
        networks = len(self.about["seeds"])
        what = f"the whole of {self.dataset}, {networks} multi-rate network{'s' if networks != 1 else ''}"
        known = self.tables["response_summary"].dropna(subset="median")
        if self.nothing_froze():
            found = "nothing froze"
        elif known.empty:
            found = f"{counted(self._held_latents(), 'latent')} froze" if not self.factor_names else "no factor froze"
        else:
            ends = known.sort_values("median", ascending=False).iloc[[0, -1] if len(known) > 1 else [0]]
            spans = " to ".join(f"{beta:.3g} ({name})" for name, beta in ends[["factor", "median"]].to_numpy())
            found = f"joint freezing points at beta {spans}"
        return f"{what}, {found}; amortised response, no bracket"

    def _held_latents(self) -> int:
        points = self.tables["response_points"]
        of_seed = points[points["kind"] != FACTOR].groupby("seed")["beta_ifp"].count()
        return int(of_seed.median()) if len(of_seed) else 0

    def table(self) -> pd.DataFrame:
        """One row per factor: its joint freezing point, its edges, and its place in the bracket of a run beside.

        Without factors, one row per latent of each network.
        """
        if not len(self.tables["response_summary"]):
            return self.tables["response_points"].copy()
        return self.in_order("response_summary", "factor")

    def factors_in_order(self) -> list[str]:
        """The factors of `order`, then the others, highest freezing point first."""
        there = self.tables["response_summary"]["factor"].astype(str).tolist()
        first = [name for name in self.order if name in there]
        return first + [name for name in there if name not in first]

    def in_order(self, name: str, column: str) -> pd.DataFrame:
        """A table whose rows are one per factor, in the order of figure and report."""
        rank = {factor: place for place, factor in enumerate(self.factors_in_order())}
        return self.tables[name].sort_values(
            column, key=lambda names: names.map(rank), kind="stable", ignore_index=True
        )

    def report(self) -> Report:
        """What the command prints: sentences and tables as texts, in order."""
        return response_report(self.tables, self.about, self.factors_in_order())

    def nothing_froze(self) -> str:
        """Why no latent took up information, and what to change; "" where one did."""
        curves, threshold = self.tables["response_curves"], float(self.about["threshold_nats"])
        largest = float(curves.filter(regex=r"^kl_nats_\d+$").to_numpy().max())
        if largest >= threshold:
            return ""
        return (
            f"Nothing froze: no latent's KL reached {threshold:g} nats at any beta (the largest {largest:.3g}, down to "
            f"beta {curves['beta'].min():.3g}); lower `beta_min`, or raise `steps`."
        )

    @property
    def diverged(self) -> bool:
        """Whether a network diverged."""
        return self.outcome is not None and bool(self.outcome.diverged)

    def to_json(self) -> dict[str, Any]:
        """How the training ended, how it was measured, and the tables as rows that strict JSON can hold."""
        ended = self.outcome.to_json() if self.outcome is not None else {}
        tables = {name: json_rows(self.tables[name]) for name in IN_JSON}
        return {**ended, **self.about, "mark": MARK, **tables}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the figure, or the KL of every latent into `ax`, and return its (first) axes; nothing is saved."""
        from ifp.analysis.joint.plot_response import plot_response

        with first_looks(self.order):
            return plot_response(self, ax=ax)

    def written(
        self,
        folder: Path,
        *,
        width: str | float = "icml",
        formats: Sequence[str] = FORMATS,
        progress: Progress = silent,
    ) -> Self:
        """Write tables and figure into `folder`, factors in the order of the report."""
        from ifp.analysis.joint.plot_response import draw_response

        tables = dict(self.tables)
        if len(tables["response_summary"]):
            tables |= {name: self.in_order(name, "factor") for name in ("response_summary", "joint_edges")}
        result = replace(self, tables=tables).with_tables_in(folder)
        if not (folder / ABOUT).is_file():  # it is there where the run was measured in this folder
            write_json(folder / ABOUT, self.about)
        return result.drawn_in(folder, draw_response, width=width, formats=formats, progress=progress)


def read_response(folder: Path) -> WholeResponse:
    """The result in a folder; raises IfpError where there are no such tables."""
    tables, about = read_response_tables(folder)
    return WholeResponse(tables, about, read_about(folder), path=folder)
