"""The KL of each latent, in order, and what the whole KL is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ifp.analysis.diffusion.plot_heatmap import row_height_in
from ifp.analysis.figures.plot_layout import (
    EDGE_IN,
    LINE_IN,
    STATUSES,
    axes_at,
    beside,
    by_kl,
    kl_text,
    new_page,
    write_notes,
)
from ifp.analysis.figures.plot_names import text_width_in
from ifp.analysis.figures.plot_page import axes_or_new
from ifp.analysis.figures.style import BAND, INK, NEUTRAL, SMALL_PT

COLUMNS = ("latent", "kl_nats", "kl_low", "kl_high", "status")
LOWEST_SHARE = 0.1
"""The axis of the KL begins at this share of the threshold of collapse; below it there is nothing to tell apart."""
_LOOKS: dict[str, dict[str, Any]] = {
    "active": {"facecolor": "#56B4E9", "edgecolor": "#0072B2"},
    "weak": {"facecolor": "white", "edgecolor": "#0072B2", "hatch": "//////"},
    "collapsed": {"facecolor": "white", "edgecolor": NEUTRAL},
}
_LEFT_IN, _RIGHT_IN, _HEAD_IN, _FOOT_IN = 0.3, 0.42, 0.24, 0.34
_BOUND_SHARE = 0.12  # length of an arrow, in shares of the longest bar


def kl_figure(
    latents: pd.DataFrame, *, width_in: float, collapsed_nats: float, active_nats: float
) -> tuple[Figure, pd.DataFrame]:
    """A bar per latent, the largest KL on top, with its interval and its number; call within `paper_style`.

    At most 64 latents are drawn; the foot of the page says how many are not.

    Parameters
    ----------
    latents : one row per latent with `COLUMNS`. width_in : of the page.
    collapsed_nats, active_nats : the thresholds that part collapsed, weak and active latents.

    Returns
    -------
    The figure, and the rows it shows, in their order.
    """
    rows, left_out = by_kl(latents)
    row_in, notes_in = row_height_in(len(rows)), LINE_IN if left_out else 0.0
    height_in = _HEAD_IN + max(len(rows), 2) * row_in + _FOOT_IN + notes_in
    figure = new_page(width_in, height_in)
    ax = axes_at(figure, _LEFT_IN, _HEAD_IN, width_in - _LEFT_IN - _RIGHT_IN, max(len(rows), 2) * row_in)
    plot_kl(rows, collapsed_nats=collapsed_nats, active_nats=active_nats, ax=ax)
    write_notes(figure, [left_out] if left_out else [])
    return figure, rows[[*COLUMNS]]


def plot_kl(rows: pd.DataFrame, *, collapsed_nats: float, active_nats: float, ax: Axes | None = None) -> Axes:
    """Bars of KL in the order of `rows`, first on top, on a logarithmic axis from a tenth of `collapsed_nats`.

    Filled: active; hatched: weak; empty: collapsed. A latent below the axis has its number alone.
    """
    ax = axes_or_new(ax, 3.25, 0.5 + 0.16 * len(rows))
    kl, low, high = (rows[name].to_numpy(dtype=float) for name in ("kl_nats", "kl_low", "kl_high"))
    first = LOWEST_SHARE * collapsed_nats
    last = 1.6 * max(float(np.nanmax(np.concatenate([kl, high]), initial=0.0)), 3 * active_nats)
    ax.set_xscale("log")
    for status, look in _LOOKS.items():
        of = np.flatnonzero((rows["status"] == status).to_numpy() & (kl > first))
        ax.barh(of, kl[of] - first, left=first, height=0.66, linewidth=0.5, zorder=2, **look)
    for row in np.flatnonzero(np.isfinite(low + high) & (high > first)):
        ax.plot([max(low[row], first), high[row]], [row, row], color=INK, linewidth=0.9, zorder=4)
    for place, (value, status) in enumerate(zip(kl, rows["status"], strict=True)):
        color = NEUTRAL if status == STATUSES[-1] else INK
        ax.text(1, place, kl_text(value), transform=beside(ax, _RIGHT_IN - 0.05, x="axes", y="data"), ha="right",
                va="center_baseline", fontsize=SMALL_PT, color=color)  # fmt: skip
    ax.set_xlim(first, last)
    _mark_thresholds(ax, (first, collapsed_nats, active_nats, last))
    ax.set_ylim(max(len(rows), 2) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), [f"{latent}" for latent in rows["latent"]])
    for label, status in zip(ax.get_yticklabels(), rows["status"], strict=True):
        label.set_color(NEUTRAL if status == STATUSES[-1] else INK)
    ax.tick_params(axis="y", length=0, pad=2.5)
    ax.xaxis.set_major_locator(LogLocator())
    ax.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(f"KL (nats), logarithmic from {first:g}")
    for text, at in (("latent", beside(ax, -0.045, 0.04)), ("KL", beside(ax, _RIGHT_IN - 0.05, 0.04))):
        ax.text(0 if text == "latent" else 1, 1, text, transform=at, ha="right", va="bottom", fontsize=SMALL_PT,
                color=NEUTRAL)  # fmt: skip
    return ax


def _mark_thresholds(ax: Axes, edges: tuple[float, float, float, float]) -> None:
    """The thresholds as lines behind the bars, and the names of the classes between them."""
    for threshold in edges[1:3]:
        ax.axvline(threshold, color=NEUTRAL, linestyle=":", linewidth=0.8, zorder=1)
    for status, low, high in zip(reversed(STATUSES), edges[:-1], edges[1:], strict=True):
        ax.text(float(np.sqrt(low * high)), 1, status, transform=beside(ax, 0, 0.04, x="data", y="axes"), ha="center",
                va="bottom", fontsize=SMALL_PT, color=INK)  # fmt: skip


def decomposition_figure(
    parts: pd.DataFrame, *, width_in: float, cap_nats: float | None = None, saturated: bool = False
) -> tuple[Figure, pd.DataFrame]:
    """A bar per part of the KL, the last row being their sum; call within `paper_style`.

    Parameters
    ----------
    parts : columns part, nats, stderr_nats, in the order to draw; an estimate may be a little below 0.
    width_in : of the page. cap_nats : what the first part cannot exceed, marked on its bar where it is near.
    saturated : whether the first part is so near that the truth is larger and the second part, the total correlation,
        smaller: both are then drawn as bounds, hatched with an arrow to where the truth lies.

    Returns
    -------
    The figure, and the table of what it shows.
    """
    left_in, row_in = EDGE_IN + 0.05 + max(map(text_width_in, parts["part"])), 0.18
    figure = new_page(width_in, EDGE_IN + len(parts) * row_in + _FOOT_IN)
    ax = axes_at(figure, left_in, EDGE_IN, width_in - left_in - _RIGHT_IN, len(parts) * row_in)
    nats, stderr = parts["nats"].to_numpy(dtype=float), parts["stderr_nats"].to_numpy(dtype=float)
    is_sum = np.arange(len(parts)) == len(parts) - 1
    for rows, face, edge in ((~is_sum, "#56B4E9", "#0072B2"), (is_sum, BAND, INK)):
        ax.barh(np.flatnonzero(rows), nats[rows], height=0.62, facecolor=face, edgecolor=edge, linewidth=0.5, zorder=2)
    if saturated:
        _draw_bounds(ax, nats)
    bounded = np.arange(len(parts)) < (2 if saturated else 0)
    ax.errorbar(
        nats[~bounded],
        np.flatnonzero(~bounded),
        xerr=1.96 * stderr[~bounded],
        fmt="none",
        ecolor=INK,
        elinewidth=0.9,
        zorder=3,
    )
    for place, value in enumerate(nats):
        sign = (r"$\geq$ ", r"$\leq$ ")[place] if bounded[place] else ""
        at = beside(ax, _RIGHT_IN - 0.05, x="axes", y="data")
        ax.text(1, place, f"{sign}{value + 0.0:.2f}", transform=at, ha="right", va="center_baseline",
                fontsize=SMALL_PT)  # fmt: skip
    if cap_nats is not None and nats[0] > 0.5 * cap_nats:
        ax.plot([cap_nats, cap_nats], [-0.42, 0.42], color=INK, linestyle=":", linewidth=1.0, zorder=4)
        beyond = 1.1 * _BOUND_SHARE * float(nats.max()) if saturated else 0.0  # of the arrow
        name = "cap: ln N" if saturated else "at most ln N"
        # the axis goes on so far that the words end before the column of numbers
        words = min((0.08 + text_width_in(name)) / (width_in - left_in - _RIGHT_IN), 0.6)
        ax.set_xlim(right=max(ax.get_xlim()[1], (cap_nats + beyond) / (1 - words)))
        at = beside(ax, 0.04, x="data", y="data")
        ax.text(cap_nats + beyond, 0, name, transform=at, fontsize=SMALL_PT, color=NEUTRAL, va="center_baseline")
    ax.axvline(0, color=INK, linewidth=0.5, zorder=4)
    ax.spines["left"].set_visible(False)
    ax.set_yticks(range(len(parts)), parts["part"])
    ax.tick_params(axis="y", length=0, pad=2.5)
    ax.set_ylim(len(parts) - 0.5, -0.5)
    ax.set_xlabel("nats")
    return figure, parts.reset_index(drop=True)


def _draw_bounds(ax: Axes, nats: np.ndarray) -> None:
    """The first two bars as bounds: the first goes on to the right, the second ends somewhere to the left."""
    reach = _BOUND_SHARE * float(nats.max())
    for place, way in ((0, 1), (1, -1)):
        ax.barh([place], [nats[place]], height=0.62, facecolor="white", edgecolor="#0072B2", linewidth=0.5,
                hatch="//////", zorder=2.5)  # fmt: skip
        ax.annotate("", (nats[place] + way * reach, place), (nats[place], place), zorder=4,
                    arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 0.9, "shrinkA": 0,
                                "shrinkB": 0})  # fmt: skip
    ax.set_xlim(right=max(ax.get_xlim()[1], 1.05 * float(nats.max() + 0.0), float(nats[0]) + 1.3 * reach))
