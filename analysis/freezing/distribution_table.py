"""What a distribution figure shows, as numbers: one lane per factor, prepared before anything is drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ifp.analysis.figures.style import FactorLook, factor_looks
from ifp.analysis.freezing.by_measure import COOL, EXACT, HEAT, LOWER_EDGE, UPPER_EDGE, measured_values
from ifp.analysis.freezing.naming import check_names, factor_order
from ifp.analysis.freezing.points import ABOVE, BELOW
from ifp.analysis.freezing.summary import summarize
from ifp.errors import IfpError, unknown_name

SHOWN = {"exact": (EXACT,), "train": (COOL, HEAT), "closed-form": (LOWER_EDGE,)}
"""The measures whose members are drawn, by the method one asks for."""
FEWEST_FOR_DENSITY = 10
"""Fewest values of which a density is drawn; with fewer it would show the shape of the kernel."""
FEWEST_BINS, MOST_BINS = 8, 20
"""Limits of the number of bins of a histogram: in one column of a paper 20 bars are 3 mm wide each."""


@dataclass(frozen=True)
class Lane:
    """One factor of a distribution figure.

    Attributes
    ----------
    factor, label, look : its name, what the figure calls it, and its appearance.
    shown : the measures whose members are the subject.
    members : the factor's rows of `measured_values`. medians : its rows of `summarize`, by measure.
    """

    factor: str
    label: str
    look: FactorLook
    shown: tuple[str, ...]
    members: pd.DataFrame
    medians: Mapping[str, pd.Series]

    def values(self, measure: str) -> np.ndarray:
        """The betas of the frozen members, ascending."""
        return self.marked_values(measure)[0]

    def marked_values(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """The betas of the frozen members, ascending, and whether each froze in a first-order transition."""
        rows = self.members[(self.members["measure"] == measure) & self.members["beta"].notna()]
        rows = rows.sort_values("beta", kind="stable")
        return rows["beta"].to_numpy(dtype=float), rows["first_order"].to_numpy(dtype=bool)

    @property
    def contexts(self) -> int:
        """How many contexts its shown members are of."""
        return int(self._shown()["context"].nunique())

    @property
    def flat_contexts(self) -> int:
        """In how many of them all images are equal, so that nothing freezes at any beta."""
        rows = self._shown()
        return int(rows.loc[rows["flat"], "context"].nunique())

    @property
    def flat(self) -> bool:
        """Whether all of them are."""
        return 0 < self.contexts == self.flat_contexts

    def _shown(self) -> pd.DataFrame:
        return self.members[self.members["measure"].isin(self.shown)]

    def censored(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """The bounds of members frozen below, and above, the betas that were tried; not of those that cannot freeze."""
        rows = self.members[(self.members["measure"] == measure) & ~self.members["flat"].astype(bool)]
        below = rows.loc[rows["status"].isin(BELOW), "bound_high"].dropna().to_numpy(dtype=float)
        above = rows.loc[rows["status"].isin(ABOVE), "bound_low"].dropna().to_numpy(dtype=float)
        return np.sort(below), np.sort(above)


def prepare_lanes(
    points: pd.DataFrame,
    *,
    method: str | None = None,
    summary: pd.DataFrame | None = None,
    looks: Mapping[str, FactorLook] | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> list[Lane]:
    """The lanes of a distribution figure, from the top.

    Parameters
    ----------
    points : what `freezing_points` returned. method : whose members to show: "exact", "train" or "closed-form";
        None for the first of these that is there. summary : what `summarize` returned; computed if None.
    looks : appearance per factor; by order of appearance if None. order : see `factor_order`.
    labels : what the figure calls a factor; its name if left out.

    Raises
    ------
    IfpError : an unknown method, one without any member in `points`, or an unknown factor in `order` or `labels`.
    """
    values = measured_values(points)
    there = set(values["measure"])
    if method is None:
        method = next((name for name, measures in SHOWN.items() if there & set(measures)), "closed-form")
    if method not in SHOWN:
        raise unknown_name("method", method, SHOWN)
    shown = tuple(measure for measure in SHOWN[method] if measure in there)
    if not shown:
        raise IfpError(f"The run holds no {method!r} freezing points; draw one of the methods it was made with.")
    if summary is None:
        summary = summarize(points)
    looks = looks or factor_looks(points["factor"].unique())
    labels = labels or {}
    check_names([*order, *labels], looks)
    return [
        Lane(
            factor=factor,
            label=labels.get(factor, factor),
            look=looks[factor],
            shown=shown,
            members=values[values["factor"] == factor],
            medians={row["measure"]: row for _, row in summary[summary["factor"] == factor].iterrows()},
        )
        for factor in factor_order(summary, order)
    ]


def lanes_table(lanes: list[Lane]) -> pd.DataFrame:
    """What the figure shows, for its csv: every member, then every median with its interval."""
    members = [lane.members.assign(role="member") for lane in lanes]
    medians = [
        pd.DataFrame(
            {
                "role": "median",
                "factor": lane.factor,
                "measure": measure,
                "beta": row["median"],
                "status": row["bound"],
                "bound_low": row["low"],
                "bound_high": row["high"],
                "n": row["n"],
                "n_censored": row["n_censored"],
                "n_first_order": row["n_first_order"],
            },
            index=[0],
        )
        for lane in lanes
        for measure, row in lane.medians.items()
    ]
    columns = ["role", "factor", "measure", "context", "seed", "first_order", "beta", "status", "bound_low",
               "bound_high", "n", "n_censored", "n_first_order"]  # fmt: skip
    return pd.concat([*members, *medians], ignore_index=True).reindex(columns=columns)


def has_density(values: np.ndarray, *, scale: str = "log") -> bool:
    """Whether a density of these betas says something: at least 10 of them, not all the same."""
    x = np.log(values) if scale == "log" else values
    return len(x) >= FEWEST_FOR_DENSITY and bool(np.ptp(x) >= 1e-6 * max(1.0, abs(float(x.mean()))))


def bin_edges(lanes: list[Lane], *, scale: str = "log") -> np.ndarray:
    """Bins common to all factors: Freedman and Diaconis' width for the typical factor, 8 to 20 of them.

    One empty bin where no member froze.
    """
    groups = [lane.values(measure) for lane in lanes for measure in lane.shown]
    groups = [np.log(group) if scale == "log" else group for group in groups if len(group)]
    if not groups:
        return np.array(beta_range(lanes, lanes[0].shown, scale=scale))
    pooled = np.concatenate(groups)
    low, high = float(pooled.min()), float(pooled.max())
    if high - low < 1e-9:
        low, high = low - 0.1 * (1 + abs(low)), high + 0.1 * (1 + abs(high))
    widths = [2 * np.subtract(*np.percentile(group, [75, 25])) / len(group) ** (1 / 3) for group in groups]
    width = float(np.median(widths)) or (high - low)
    edges = np.linspace(low, high, int(np.clip(np.ceil((high - low) / width), FEWEST_BINS, MOST_BINS)) + 1)
    return np.exp(edges) if scale == "log" else edges


def beta_range(lanes: list[Lane], measures: Collection[str], *, scale: str = "log") -> tuple[float, float]:
    """Lowest and highest beta to show: all members of these measures and their bounds, with a little room."""
    drawn = [lane.members[lane.members["measure"].isin(measures)] for lane in lanes]
    rows = [part[~part["flat"].astype(bool)] for part in drawn]  # over betas of others: see `ifp.theory.flat`
    tried = [part[["beta", "bound_low", "bound_high"]].to_numpy(dtype=float).ravel() for part in rows]
    numbers = np.concatenate(tried)
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    if len(numbers) == 0:
        return 1.0, 100.0
    low, high = float(numbers.min()), float(numbers.max())
    if scale == "log":
        room = max((high / low) ** 0.04, 1.05)
        return low / room, high * room
    room = max(0.04 * (high - low), 0.02 * high)
    return max(0.0, low - room), high + room


def has_upper_edge(lane: Lane) -> bool:
    """Whether both edges are known."""
    return LOWER_EDGE in lane.medians and UPPER_EDGE in lane.medians
