"""What a distribution figure shows, as numbers: one lane per factor, prepared before anything is drawn.

Shapes: G grid points of a density.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import gaussian_kde

from ifp.analysis.freezing import ABOVE, BELOW
from ifp.analysis.measures import COOL, EXACT, HEAT, LOWER_EDGE, MEASURES, UPPER_EDGE, measured_values
from ifp.analysis.style import FactorLook, factor_looks
from ifp.analysis.summary import summarize
from ifp.errors import IfpError, unknown_name

SHOWN = {"exact": (EXACT,), "train": (COOL, HEAT), "closed-form": (LOWER_EDGE,)}
"""The measures whose members are drawn, by the method one asks for."""
FEWEST_FOR_DENSITY = 8
"""Below this a density would invent a shape: points only."""


@dataclass(frozen=True)
class Lane:
    """One factor of a distribution figure.

    Attributes
    ----------
    factor, look : its name and appearance. shown : the measures whose members are the subject.
    members : the factor's rows of `measured_values`. medians : its rows of `summarize`, by measure.
    """

    factor: str
    look: FactorLook
    shown: tuple[str, ...]
    members: pd.DataFrame
    medians: Mapping[str, pd.Series]

    def values(self, measure: str) -> np.ndarray:
        """The betas of the frozen members, ascending."""
        rows = self.members[self.members["measure"] == measure]
        return np.sort(rows["beta"].dropna().to_numpy(dtype=float))

    def censored(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """The bounds of members frozen below, and above, the betas that were tried."""
        rows = self.members[self.members["measure"] == measure]
        below = rows.loc[rows["status"].isin(BELOW), "bound_high"].dropna().to_numpy(dtype=float)
        above = rows.loc[rows["status"].isin(ABOVE), "bound_low"].dropna().to_numpy(dtype=float)
        return np.sort(below), np.sort(above)

    def center(self) -> float:
        """The median that orders the lanes; 0 where nothing is known."""
        known = (self.medians[m]["median"] for m in (*self.shown, *MEASURES) if m in self.medians)
        return next((float(median) for median in known if np.isfinite(median)), 0.0)


def prepare_lanes(
    points: pd.DataFrame,
    *,
    method: str | None = None,
    summary: pd.DataFrame | None = None,
    looks: Mapping[str, FactorLook] | None = None,
) -> list[Lane]:
    """The lanes of a distribution figure, highest freezing point first.

    Parameters
    ----------
    points : what `freezing_points` returned. method : whose members to show: "exact", "train" or "closed-form";
        None for the first of these that is there. summary : what `summarize` returned; computed if None.
    looks : appearance per factor; by order of appearance if None.

    Raises
    ------
    IfpError : an unknown method, or one without any member in `points`.
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
    factors = list(points["factor"].unique())
    looks = looks or factor_looks(factors)
    lanes = [
        Lane(
            factor=factor,
            look=looks[factor],
            shown=shown,
            members=values[values["factor"] == factor],
            medians={row["measure"]: row for _, row in summary[summary["factor"] == factor].iterrows()},
        )
        for factor in factors
    ]
    return sorted(lanes, key=lambda lane: -lane.center())


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
            },
            index=[0],
        )
        for lane in lanes
        for measure, row in lane.medians.items()
    ]
    columns = ["role", "factor", "measure", "context", "seed", "beta", "status", "bound_low", "bound_high", "n",
               "n_censored"]  # fmt: skip
    return pd.concat([*members, *medians], ignore_index=True).reindex(columns=columns)


def density(values: np.ndarray, *, scale: str = "log", bandwidths: float = 0.0) -> tuple[np.ndarray, np.ndarray] | None:
    """A Gaussian kernel density: beta [G] and density [G], per unit of ln beta (or of beta on a linear scale).

    Scott's bandwidth. Cut `bandwidths` beyond the data, 0 for the data's own range. None for fewer than 8 values, or
    values that are all the same.
    """
    x = np.log(values) if scale == "log" else values
    if len(x) < FEWEST_FOR_DENSITY or np.ptp(x) < 1e-6 * max(1.0, abs(float(x.mean()))):
        return None
    kernel = gaussian_kde(x)
    reach = bandwidths * float(np.sqrt(kernel.covariance[0, 0]))
    low = x.min() - reach if scale == "log" else max(x.min() - reach, 0.0)
    grid = np.linspace(low, x.max() + reach, 256)
    return (np.exp(grid) if scale == "log" else grid), kernel(grid)


def bin_edges(lanes: list[Lane], *, scale: str = "log") -> np.ndarray:
    """Bins common to all factors: Freedman and Diaconis' width for the typical factor, 8 to 40 of them.

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
    edges = np.linspace(low, high, int(np.clip(np.ceil((high - low) / width), 8, 40)) + 1)
    return np.exp(edges) if scale == "log" else edges


def beta_range(lanes: list[Lane], measures: Collection[str], *, scale: str = "log") -> tuple[float, float]:
    """Lowest and highest beta to show: all members of these measures and their bounds, with a little room."""
    rows = [lane.members[lane.members["measure"].isin(measures)] for lane in lanes]
    tried = [part[["beta", "bound_low", "bound_high"]].to_numpy(dtype=float).ravel() for part in rows]
    numbers = np.concatenate(tried)
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    if len(numbers) == 0:
        return 1.0, 100.0
    low, high = float(numbers.min()), float(numbers.max())
    if scale == "log":
        room = max((high / low) ** 0.04, 1.05)
        return low / room, high * room
    return max(0.0, low - 0.04 * (high - low)), high + max(0.04 * (high - low), 0.02 * high)


def has_upper_edge(lane: Lane) -> bool:
    """Whether both edges are known."""
    return LOWER_EDGE in lane.medians and UPPER_EDGE in lane.medians
