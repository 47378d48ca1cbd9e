"""Freezing points of the hotspots: a lane each, every channel with a trace as a point, their median across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.figures.plot_layout import beside
from ifp.analysis.figures.plot_legend import BOUND, INTERVAL, MEDIAN, mark_style
from ifp.analysis.figures.plot_page import axes_or_new, beta_axis
from ifp.analysis.figures.style import BETA, INK, NEUTRAL, PALE, SMALL_PT, FactorLook
from ifp.analysis.freezing.median_interval import FEWEST_CLUSTERS
from ifp.analysis.freezing.plot_lanes import crowding, spread
from ifp.analysis.freezing.points import ABOVE, BELOW, FROZEN

_POINT_SIZE, _ARROW_SIZE = 2.6, 3.4
_PLAIN = FactorLook(NEUTRAL, "o", "-", "")


def told_channels(freezing: pd.DataFrame, channels: Sequence[int]) -> pd.DataFrame:
    """The rows of these channels; a latent of one training, met at several of its checkpoints, once: the last."""
    of_it = freezing[freezing["channel"].isin(list(channels))]
    return of_it.sort_values("member", kind="stable").drop_duplicates(["run", "latents"], keep="last")


def plot_hotspot_freezing(
    lanes: Sequence[tuple[str, FactorLook | None, pd.DataFrame]],
    medians: Sequence[pd.Series | None] | None = None,
    *,
    pressure: str = BETA,
    ax: Axes | None = None,
) -> Axes:
    """Points at the betas where channels froze; open arrows at the bound of those that froze beyond the trace.

    The tick is the median, the bar its interval (none with fewer than 6 runs); an open arrow in its place where the
    median is only a bound.

    Parameters
    ----------
    lanes : top first: a hotspot's name, the look of its factor (None: grey), and rows of `channel_freezing`.
    medians : for each the row of `hotspot_freezing`, None without one.
    pressure : what beta is called. ax : where to draw; a new figure if None.
    """
    ax = axes_or_new(ax, 3.25, 0.4 + 0.17 * len(lanes))
    seen: list[float] = []
    for lane, (name, look, rows) in enumerate(lanes):
        ax.axhline(lane, color=PALE, linewidth=0.3, zorder=1)
        seen += _draw_points(ax, rows, look or _PLAIN, lane)
        for text, x, shift_in, side in ((name, 0, -0.05, "right"), (_counted(rows), 1, 0.05, "left")):
            ax.text(x, lane, text, transform=beside(ax, shift_in, y="data"), fontsize=SMALL_PT, ha=side,
                    va="center_baseline", color=INK if side == "right" else NEUTRAL)  # fmt: skip
    low, high = min(seen, default=1.0), max(seen, default=100.0)
    room = max((high / low) ** 0.04, 1.05)
    beta_axis(ax, low / room, high * room, most_labels=5)
    for lane, row in enumerate(medians or ()):
        if row is not None and np.isfinite(row["median"]):
            _draw_median(ax, row, lane)
    ax.set_ylim(len(lanes) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    threshold = {f"{value:g}" for _, _, rows in lanes for value in rows["threshold_nats"]}
    ax.set_xlabel(rf"{pressure} at which the KL passes {', '.join(sorted(threshold))} nat", labelpad=1)
    ax.text(1, 1, "frozen", transform=beside(ax, 0.05, 0.03), fontsize=SMALL_PT, color=NEUTRAL)
    return ax


def _draw_points(ax: Axes, rows: pd.DataFrame, look: FactorLook, lane: float) -> list[float]:
    """The betas drawn."""
    values = np.sort(rows.loc[rows["status"] == FROZEN, "beta_ifp"].to_numpy(dtype=float))
    crowd = crowding(len(values))
    ax.plot(values, lane + spread(len(values), 0.5), look.marker, color=look.color, markeredgewidth=0, zorder=3,
            markersize=_POINT_SIZE * max(crowd, 0.7), alpha=0.75 * max(crowd, 0.5))  # fmt: skip
    seen = values.tolist()
    for statuses, bound, arrow in ((BELOW, "bracket_high", "<"), (ABOVE, "bracket_low", ">")):
        bounds = np.sort(rows.loc[rows["status"].isin(statuses), bound].to_numpy(dtype=float))
        ax.plot(bounds, lane + spread(len(bounds), 0.5), arrow, markerfacecolor="white", markeredgecolor=look.color,
                markeredgewidth=0.6, markersize=_ARROW_SIZE, zorder=4)  # fmt: skip
        seen += bounds.tolist()
    return seen


def _draw_median(ax: Axes, row: pd.Series, lane: float) -> None:
    """A bar to the end of the axis where the interval is open, none where there is none."""
    median = float(row["median"])
    if row["bound"]:
        ax.plot(median, lane, marker=row["bound"], **mark_style(BOUND, INK), zorder=6)
        return
    if row["runs"] >= FEWEST_CLUSTERS:
        left, right = ax.get_xlim()
        ends = [row["low"] if np.isfinite(row["low"]) else left, row["high"] if np.isfinite(row["high"]) else right]
        ax.plot(ends, [lane, lane], **mark_style(INTERVAL, INK), zorder=2.5)
    ax.plot([median] * 2, [lane - 0.36, lane + 0.36], **mark_style(MEDIAN, INK), zorder=6)


def _counted(rows: pd.DataFrame) -> str:
    """How many froze, of how many.

    >>> _counted(pd.DataFrame({"status": ["frozen", "never_froze", "frozen"]}))
    '2/3'
    """
    return f"{int((rows['status'] == FROZEN).sum())}/{len(rows)}"
