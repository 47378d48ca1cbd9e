"""ShiftResult: what `ifp.shift` returns, its files, and the table that is printed of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import FORMATS, checked_formats, figure_width
from ifp.analysis.shift.melting import FEWEST_PAIRS
from ifp.analysis.tables import json_rows, write_csv
from ifp.formats import BETA_CONVENTION
from ifp.system.files import write_json
from ifp.system.format_version import KEY, VERSION
from ifp.system.out_folder import SHIFT, writing_result
from ifp.system.versions import versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ifp.analysis.shift.probes import Probe
    from ifp.training.probe import ProbeConfig

SIDES = ("baseline", "mitigated")
FORMAT = "ifp shift 1"
FILE_NAME = "shift.json"
NOTE = (
    "beta at which the largest NMI passes half of its value at the lowest beta; compare only probes from the same "
    "beta; 95 % intervals over pairs of seeds"
)
"""What the numbers of the printed table mean."""


@dataclass(frozen=True, eq=False, repr=False)
class ShiftResult(Result):
    """How far the melting points of factors moved from the baseline to the mitigated models.

    Attributes
    ----------
    baseline, mitigated : the paths of the two sides.
    config : the settings of the probe.
    threshold_nats : KL of a latent above which it counts as frozen.
    shifts : one row per factor, see `ifp.analysis.shift.melting.shifts`.
    melting : one row per model and factor or latent, see `ifp.analysis.shift.melting.melting_points`; `side` and
        `number` say which model.
    dataset : name, checksum and image shape of the data. models : side, path, likelihood and beta of each model.
    probes : the finished probes, one per model.
    """

    baseline: str
    mitigated: str
    config: ProbeConfig
    threshold_nats: float
    shifts: pd.DataFrame
    melting: pd.DataFrame
    dataset: Mapping[str, Any]
    models: tuple[Mapping[str, Any], ...]
    probes: tuple[Probe, ...] = ()

    def headline(self) -> str:
        """The probe, and the mean melting points of each factor on both sides."""
        pairs = len(self.models) // 2
        moved = [
            f"{name} {before:.3g} to {after:.3g} ({verdict})" if np.isfinite(after) else f"{name} in no pair"
            for name, before, after, verdict in zip(
                self.shifts["name"], self.shifts["baseline"], self.shifts["mitigated"], self.verdicts(), strict=True
            )
        ]
        return (
            f"{pairs} pair{'s' * (pairs > 1)} of models on {self.dataset['name']}, probe {self.config.direction} from "
            f"beta {self.config.low:g} to {self.config.high:g}; melting points: {', '.join(moved)}"
        )

    def table(self) -> pd.DataFrame:
        """One row per factor: mean melting points of both sides, their difference and ratio with 95 % intervals."""
        return self.shifts.copy()

    def verdicts(self) -> pd.Series:
        """One sentence per factor: shifted, within noise, or too few pairs to tell."""
        return self.shifts["within_noise"].map(_verdict).rename("says")

    def title(self) -> str:
        """What stands above the printed table."""
        return (
            f"Melting points of factors in the trained models, probe {self.config.direction} from beta "
            f"{self.config.low:g} to {self.config.high:g}"
        )

    def printed_table(self) -> pd.DataFrame:
        """The table as it is printed: numbers as text, intervals in a column of their own."""
        printed = self.shifts[["name", "pairs"]].rename(columns={"name": "factor"})
        for side in SIDES:
            printed[side] = self.shifts[side].map(_number)
        for measure in ("shift", "ratio"):
            printed[measure] = self.shifts[measure].map(_number)
            bounds = zip(self.shifts[f"{measure}_low"], self.shifts[f"{measure}_high"], strict=True)
            printed[f"{measure}, 95 %"] = [_interval(low, high) for low, high in bounds]
        return printed.assign(**{"censored pairs": self.shifts["censored"], "says": self.verdicts()})

    def count_line(self) -> str:
        """How many melting points of factors were found, and how many are missing for which reason."""
        counts = self.melting[self.melting["kind"] == "factor"]["status"].value_counts()
        return ", ".join(f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items())

    def content(self) -> dict[str, Any]:
        """What shift.json holds."""
        return {
            "format": FORMAT,
            KEY: VERSION,
            "baseline": self.baseline,
            "mitigated": self.mitigated,
            "probe": dataclasses.asdict(self.config),
            "threshold_nats": self.threshold_nats,
            "dataset": dict(self.dataset),
            "models": [dict(model) for model in self.models],
            "convention": BETA_CONVENTION,
            "versions": versions(),
            "shifts": json_rows(self.shifts),
            "melting": json_rows(self.melting),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """One row per factor: melting points of both sides, a line between the models of each pair."""
        from ifp.analysis.figures.plot_page import paper_style
        from ifp.analysis.shift.plot_shift import plot_shift

        with paper_style() if ax is None else nullcontext():
            return plot_shift(self.melting, ax=ax)

    def save(
        self, folder: str | os.PathLike[str], *, width: str | float = "icml", formats: str | Sequence[str] = FORMATS
    ) -> Path:
        """Write shifts.csv, melting.csv, shift.json, the probes and the figure; returns the folder.

        Raises
        ------
        IfpError : the folder holds something else than a shift, or an unknown width or format.
        """
        self.write(folder, width=width, formats=formats)
        return Path(folder)

    def write(
        self, folder: str | os.PathLike[str], *, width: str | float = "icml", formats: str | Sequence[str] = FORMATS
    ) -> list[Path]:
        """As `save`; returns the paths of the tables and of the figure's files."""
        from ifp.analysis.shift.plot_shift import draw_shift

        figure_width(width)
        formats = checked_formats(formats)
        with writing_result(folder, SHIFT) as out:
            for probe in self.probes:
                probe.write(out)
            write_csv(self.melting, out / "melting.csv")
            write_csv(self.shifts, out / "shifts.csv")
            write_json(out / FILE_NAME, self.content())
            figures = draw_shift(out, width=width, formats=formats) if formats else []
            return [out / "shifts.csv", out / "melting.csv", *figures]


def _verdict(within_noise: bool | None) -> str:
    if within_noise is None:
        return f"too few pairs to tell (under {FEWEST_PAIRS})"
    return "within noise" if within_noise else "shifted"


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"


def _interval(low: float, high: float) -> str:
    return "" if not np.isfinite(low) else f"({low:.3g} to {high:.3g})"
