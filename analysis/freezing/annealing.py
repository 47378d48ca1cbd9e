"""Annealing: the curves of an annealing test with the settings without which they mean nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ifp.analysis.figures.conditions import conditions_of
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import FORMATS, first_looks
from ifp.analysis.freezing.by_measure import COOL, EXACT, HEAT, LOWER_EDGE
from ifp.analysis.freezing.consistency import consistency
from ifp.analysis.freezing.points import freezing_points, hysteresis
from ifp.analysis.freezing.pressures import pressure_stages
from ifp.analysis.freezing.report import report_sentences, report_table, why_nothing_froze
from ifp.analysis.freezing.summary import summarize
from ifp.system.out_folder import as_folder
from ifp.trace import AnnealTrace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OF_THE_TRACE = {*(field.name for field in fields(AnnealTrace)), "total_kl_nats_MT", "labels", "select"}

HOW = {
    EXACT: "exact freezing", COOL: "trained freezing (cooling)", HEAT: "trained freezing (heating)", LOWER_EDGE: "onset"
}  # fmt: skip
"""What the betas of the headline are, by their measure; the first measure that there is is taken."""


@dataclass(frozen=True, eq=False, repr=False)
class Annealing(Result):
    """An annealing test: what `ifp.anneal` and `ifp.exact_annealing` return, and `read_run` reads from a folder.

    The arrays of `trace` (`beta_MT`, `kl_nats_MTD`, ...), `select` and `labels` can be reached as attributes of this
    object too.

    Attributes
    ----------
    trace : the curves, one member per factor, context, seed, method and direction.
    run : the content of run.json: settings ("config"), data set, likelihood, versions.
    path : the folder that holds all this; None where it is in memory only.
    order, factor_labels : the factors that come first in tables and figures, and what figures call a factor.
    figures : the figures that were drawn into the folder.
    """

    trace: AnnealTrace
    run: dict[str, Any]
    path: Path | None = None
    order: tuple[str, ...] = ()
    factor_labels: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[Path, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_TRACE:
            return getattr(self.trace, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __len__(self) -> int:
        return len(self.trace)

    @property
    def config(self) -> dict[str, Any]:
        """The settings, as `AnnealConfig.to_json` wrote them."""
        config: dict[str, Any] = self.run["config"]
        return config

    @property
    def threshold_nats(self) -> float:
        """The total KL that counts as frozen."""
        return float(self.config.get("threshold_nats", 0.1))

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.run["dataset"]["name"])

    @property
    def likelihood(self) -> str:
        """The likelihood's name."""
        return str(self.run["likelihood"])

    @property
    def factor_names(self) -> tuple[str, ...]:
        """All factors of the data set, in storage order."""
        return tuple(self.run["dataset"]["factor_names"])

    @property
    def has_curves(self) -> bool:
        """Whether any member was followed in beta; a closed-form run has edges alone."""
        return bool(np.isfinite(self.trace.beta_MT).any())

    def headline(self) -> str:
        """Data set, likelihood, factors, and the highest and lowest freezing point, exact or trained."""
        factors = len(set(self.trace.factor_M.tolist()))
        what = f"{self.dataset}, {self.likelihood} likelihood, {factors} factor{'s' if factors != 1 else ''}"
        table = self.table()
        known = table[np.isfinite(table["median"]) & (table["bound"] == "") & (table["median"] > 0)]
        if known.empty and not (self._points["beta_closed_form"] > 0).any():
            return f"{what}, all images are equal, so that nothing freezes"
        if known.empty:
            return f"{what}, nothing froze"
        measure = next(name for name in HOW if (known["measure"] == name).any())
        known = known[known["measure"] == measure].sort_values("median", ascending=False)
        ends = known.iloc[[0, -1]] if len(known) > 1 else known
        spans = " to ".join(f"{median:.3g} ({factor})" for factor, median in ends[["factor", "median"]].to_numpy())
        return f"{what}, {HOW[measure]} at beta {spans}"

    def conditions(self) -> str:
        """What a freezing point means nothing without: data set, image shape, likelihood; for the label of an axis."""
        return conditions_of(self.run)

    @cached_property
    def _points(self) -> pd.DataFrame:
        return freezing_points(self.trace, threshold_nats=self.threshold_nats, dataset=self.dataset,
                               likelihood=self.likelihood, factor_names=self.factor_names)  # fmt: skip

    def freezing_points(self) -> pd.DataFrame:
        """One row per curve: the beta at which it freezes; see `ifp.analysis.freezing_points` for the columns."""
        return self._points.copy()

    def table(self) -> pd.DataFrame:
        """One row per factor and measure: the median freezing point with its interval; see `ifp.analysis.summarize`."""
        return summarize(self._points, order=self.order)

    def texts(self) -> pd.DataFrame:
        """The table as texts, one row per factor, with a column for each measure that there is."""
        return report_table(self.table())

    def pressures(self) -> pd.DataFrame:
        """One row per stage of DEFT: the suggested pressure; see `ifp.analysis.pressure_stages`."""
        return pressure_stages(self._points)

    def hysteresis(self) -> pd.DataFrame:
        """One row per traversal whose exact branches cross at different betas; see `ifp.analysis.hysteresis`."""
        return hysteresis(self._points)

    def consistency(self) -> pd.DataFrame:
        """One row per bound of the theory: how many members obey it; see `ifp.analysis.freezing.consistency`."""
        return consistency(self._points)

    def sentences(self) -> list[str]:
        """What the run says beside its table, one sentence each."""
        ends = bool(self.config.get("latents", 1) > 1 or self.config.get("exact_floor") is not None)
        return report_sentences(self._points, self.pressures(), self.hysteresis(), self.consistency(),
                                ended_M=self.trace.ended_M.tolist() if ends else ())  # fmt: skip

    def nothing_froze(self) -> str:
        """Why no curve has a freezing point, and what to change; "" where one has."""
        return why_nothing_froze(self._points, self.trace)

    def to_json(self) -> dict[str, Any]:
        """Every table as rows that strict JSON can hold."""
        from ifp.analysis.tables import json_rows

        tables = {"summary": self.table(), "pressures": self.pressures(), "hysteresis": self.hysteresis(),
                  "consistency": self.consistency()}  # fmt: skip
        return {name: json_rows(table) for name, table in tables.items()}

    def plot(
        self,
        *,
        kind: str = "kde",
        factor: str | None = None,
        method: str | None = None,
        scale: str = "log",
        order: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw one figure and return its axes; nothing is shown or saved.

        Parameters
        ----------
        kind : "kde", "strip", "ridge" or "hist" for the distribution of freezing points (see
            `ifp.analysis.plots.plot_freezing_points`), "trace" for KL against beta.
        factor : for "trace" the factor; None draws a panel for each, and returns the first, or, where `ax` is given,
            the factor that freezes first.
        method : whose members: "exact", "train" or "closed-form"; None for all that are there.
        scale : "log" or "linear" in beta. order, labels : in the place of the result's own.
        ax : where to draw, in the style that is active, without a legend; None makes a new figure with one, as
            `ifp plot` draws it.

        Raises
        ------
        IfpError : an unknown kind, method or factor.
        """
        from ifp.analysis.freezing.plot_result import plot_annealing

        order = self.order if order is None else tuple(order)
        with first_looks(order):
            return plot_annealing(
                self, kind=kind, factor=factor, method=method, scale=scale, ax=ax, order=order,
                labels=self.factor_labels if labels is None else labels,
            )  # fmt: skip

    def save(self, folder: str | Path, *, width: str | float = "icml", formats: str | Sequence[str] = FORMATS) -> Path:
        """Write what `ifp anneal --out` writes: run.json, trace.npz, the tables, and figures of this width.

        Raises
        ------
        IfpError : the folder holds something else, or an unknown width or format.
        """
        from ifp.analysis.freezing.saving import save_annealing

        path = as_folder(folder)
        save_annealing(self, path, width=width, formats=formats)
        return path
