"""GanSweep: what `ifp.anneal_whole(..., objective="infogan")` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ifp.adversarial.objective import NAMED_AFTER
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import FORMATS, checked_formats, figure_width
from ifp.analysis.gan_freezing.points import SUMMARY_COLUMNS
from ifp.analysis.tables import json_rows, write_csv
from ifp.system.checksums import seal, unseal
from ifp.system.files import write_json
from ifp.system.format_version import KEY, VERSION
from ifp.system.out_folder import result_folder
from ifp.training.outcome import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARK = (
    "adversarial training, no equilibrium: the points depend on the speed of the sweep, have no edge in closed form, "
    "and their pressure, 1 / weight of information, is no beta of a VAE"
)
"""What is said wherever these points are shown."""
POINTS, SUMMARY, ABOUT = "gan_freezing_points", "gan_freezing_summary", "gan_sweep.json"
"""The tables and the settings as files."""


@dataclass(frozen=True, eq=False, repr=False)
class GanSweep(Result):
    """The freezing points of codes and factors in GANs whose weight of information was swept.

    Attributes
    ----------
    points, summary : see `ifp.analysis.gan_freezing.points`.
    records : every evaluation, as in records.csv.
    about : data set, objective, threshold, range of pressure and steps.
    path : the folder that holds all this; None where it is in memory only.
    outcome : how the training ended. figures : those that were drawn into the folder.
    """

    points: pd.DataFrame
    summary: pd.DataFrame
    records: pd.DataFrame
    about: dict[str, Any]
    path: Path | None = None
    outcome: Outcome | None = None
    factor_labels: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[Path, ...] = ()

    def headline(self) -> str:
        """What was swept, what froze first and last, and what these points are not."""
        froze = self.summary[self.summary["cool_median"].notna()]
        objective, data = self.about["objective"], self.about["dataset"]
        named = f" ({NAMED_AFTER})" if objective == "ic-gan" else ""
        what = f"{objective}{named} on {data}"
        if froze.empty:
            return f"{what}, nothing froze; adversarial training, no equilibrium"
        high, low = froze["cool_median"].max(), froze["cool_median"].min()
        return f"{what}, freezing at pressures from {high:.3g} to {low:.3g}; adversarial training, no equilibrium"

    def table(self) -> pd.DataFrame:
        """One row per factor, then one per code in the order of freezing: medians over seeds of both pressures."""
        return self.summary.copy()

    def notes(self) -> list[str]:
        """What the numbers mean, a sentence each."""
        low, high = self.about["pressure"]
        return [
            MARK,
            f"pressure from {high:g} to {low:g} (cool: the weight of information rises) and back (heat); a code is "
            f"frozen at an information bound of {self.about['threshold_nats']:g} nat, a factor at half of its NMI at "
            "the lowest pressure; held: at the highest pressure too; codes are numbered in the order in which each "
            "network froze them",
        ]

    def nothing_froze(self) -> str:
        """Why no code took up information, and what to change; "" where one did."""
        codes = self.points[(self.points["kind"] == "code") & (self.points["direction"] == "cool")]
        if codes["pressure"].notna().any() or (codes["status"] == "held throughout").any():
            return ""
        return (
            f"No code reached {self.about['threshold_nats']:g} nat of information; train longer (`steps`), or let the "
            "pressure fall further (`beta_min`)."
        )

    @property
    def diverged(self) -> bool:
        """Whether a network diverged."""
        return self.outcome is not None and bool(self.outcome.diverged)

    def to_json(self) -> dict[str, Any]:
        """The settings, how the training ended, and the tables as rows that strict JSON can hold."""
        ended = self.outcome.to_json() if self.outcome is not None else {}
        return {**ended, **self.about, "mark": MARK, SUMMARY: json_rows(self.summary), POINTS: json_rows(self.points)}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The information bound of every code against the pressure, down and up again."""
        from ifp.analysis.figures.plot_page import paper_style
        from ifp.analysis.gan_freezing.plot_sweep import plot_sweep

        with paper_style() if ax is None else nullcontext():
            return plot_sweep(self.records, self.about, ax=ax)

    def save(self, folder: str | Path, *, width: str | float = "icml", formats: str | Sequence[str] = FORMATS) -> Path:
        """Write tables, settings and figure into a new or an empty folder; the networks are kept by `out` alone."""
        figure_width(width)
        formats = checked_formats(formats)
        path = result_folder(folder)
        path.mkdir(parents=True, exist_ok=True)
        write_csv(self.records, path / "records.csv")
        self.write(path, width=width, formats=formats)
        return path

    def write(self, folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS) -> tuple[Path, ...]:
        """Write tables, settings and figure; returns the paths of the figures."""
        from ifp.analysis.gan_freezing.plot_sweep import draw_sweep

        unseal(folder)
        write_csv(self.points, folder / f"{POINTS}.csv")
        write_csv(self.summary[list(SUMMARY_COLUMNS)], folder / f"{SUMMARY}.csv")
        write_json(folder / ABOUT, {KEY: VERSION, **self.about, "mark": MARK})
        figures = draw_sweep(folder, width=width, formats=formats) if formats else ()
        seal(folder)
        return tuple(figures)
