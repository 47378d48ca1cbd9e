"""The distribution figure: at which betas does each factor freeze, over contexts?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from ifp.analysis.lanes import FEWEST_FOR_DENSITY, Lane, beta_range, bin_edges, density, prepare_lanes
from ifp.analysis.measures import COOL, HEAT, MEASURES
from ifp.analysis.plot_lanes import draw_bracket, draw_lane, draw_median, draw_members, label_lanes
from ifp.analysis.plot_style import axes_or_new, beta_axis
from ifp.analysis.style import INK, PALE, SMALL_PT, FactorLook
from ifp.errors import unknown_name

DENSITY_LANES = 3.2
"""Height of the kde's density panel, in lanes."""
_ROW_TOP = 0.7
"""Height of the tallest density or bin of a ridge or histogram row, in rows: it stays clear of the row above."""


def plot_freezing_points(
    points: pd.DataFrame,
    *,
    kind: str = "kde",
    method: str | None = None,
    summary: pd.DataFrame | None = None,
    looks: Mapping[str, FactorLook] | None = None,
    scale: str = "log",
    conditions: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of freezing points per factor; returns the Axes, shows and saves nothing.

    - "kde": a density per factor, and below it a lane per factor with every member as a point, their median with its
      95 % interval, the trained bracket (cooling and heating medians; members as small arrows), the edges as a grey
      band, and censored members as open arrows at their bound.
    - "strip": the lanes alone.
    - "ridge": a row per factor, its density cut at the data's own range, every member below it.
    - "hist": a row per factor, its histogram in bins common to all, the tallest with its count.

    Below 8 values a factor has points only, and a note. Fonts and sizes are those of the style that is active;
    `paper_style()` gives ours.

    Parameters
    ----------
    points : what `freezing_points` returned. kind : see above.
    method : whose members: "exact", "train" or "closed-form"; None for the first of these that is there.
    summary : what `summarize` returned; computed if None. looks : appearance per factor.
    scale : "log" or "linear" in beta; densities are per unit of ln beta or of beta accordingly.
    conditions : data set, image shape and likelihood, for the axis label. ax : where to draw; a new figure if None.

    Raises
    ------
    IfpError : an unknown kind, or a method without any member.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): the figure of densities of freezing points per factor.
    """
    if kind not in _KINDS:
        raise unknown_name("kind", kind, _KINDS)
    lanes = prepare_lanes(points, method=method, summary=summary, looks=looks)
    how = _KINDS[kind]
    ax = axes_or_new(ax, 5.5, 1.0 + 0.4 * len(lanes) + how.extra_in)
    shown = MEASURES if how.with_bracket else lanes[0].shown
    beta_axis(ax, *beta_range(lanes, shown, scale=scale), scale=scale)
    how.draw(ax, lanes, scale)
    threshold = f"{float(points['threshold_nats'].iloc[0]):g}"
    lines = [rf"freezing point $\beta$ at {threshold} nat (nats per nat)", *([conditions] if conditions else [])]
    fewest = min(len(lane.values(measure)) for lane in lanes for measure in lane.shown)
    if kind != "strip" and fewest < FEWEST_FOR_DENSITY:
        lines.append(f"fewer than {FEWEST_FOR_DENSITY} values: points only")
    ax.set_xlabel("\n".join(lines), linespacing=1.35)
    return ax


def _draw_kde(ax: Axes, lanes: list[Lane], scale: str) -> None:
    curves = [
        (lane, measure, curve)
        for lane in lanes
        for measure in lane.shown
        if (curve := density(lane.values(measure), scale=scale, bandwidths=2.5)) is not None
    ]
    if curves:
        ends = np.concatenate([curve[0][[0, -1]] for _, _, curve in curves])
        low, high = ax.get_xlim()
        beta_axis(ax, min(low, ends.min()), max(high, ends.max()), scale=scale)
    base = -0.35
    unit = max((float(curve[1].max()) for _, _, curve in curves), default=1.0) / DENSITY_LANES
    for lane, measure, (beta, height) in curves:
        line, look, heating = base + height / unit, lane.look, measure == HEAT
        if not heating:
            ax.fill_between(beta, base, line, color=look.color, alpha=0.16, linewidth=0, zorder=2)
        ax.plot(beta, line, color=look.color, linestyle=look.linestyle, linewidth=0.7 if heating else 1.2, zorder=3)
    heights = [-1.0 - number for number in range(len(lanes))]
    for lane, y in zip(lanes, heights, strict=True):
        draw_lane(ax, lane, y, 0.92)
    label_lanes(ax, lanes, heights, key=bool(curves))
    ax.set_ylim(heights[-1] - 0.6, base)
    if curves:
        ax.set_ylim(top=base + 1.03 * DENSITY_LANES)
        ax.axhline(base, color=PALE, linewidth=0.4, zorder=1)
        ax.text(-0.02, base + DENSITY_LANES / 2, "density", transform=ax.get_yaxis_transform(), rotation=90,
                ha="right", va="center", fontsize=SMALL_PT)  # fmt: skip


def _draw_strip(ax: Axes, lanes: list[Lane], scale: str) -> None:
    for number, lane in enumerate(lanes):
        draw_lane(ax, lane, -number, 0.92)
    label_lanes(ax, lanes, [-number for number in range(len(lanes))])
    ax.set_ylim(0.4 - len(lanes), 0.6)


def _draw_ridge(ax: Axes, lanes: list[Lane], scale: str) -> None:
    curves = {
        (lane.factor, measure): curve
        for lane in lanes
        for measure in lane.shown
        if (curve := density(lane.values(measure), scale=scale)) is not None
    }
    unit = max((float(curve[1].max()) for curve in curves.values()), default=1.0) / _ROW_TOP
    _draw_rows(ax, lanes)
    for number, lane in enumerate(lanes):
        for measure in lane.shown:
            if (lane.factor, measure) not in curves:
                continue
            beta, height = curves[lane.factor, measure]
            # the sides are drawn as well: the density ends where the data end
            beta = np.concatenate([beta[:1], beta, beta[-1:]])
            y = -number + np.concatenate([[0.0], height / unit, [0.0]])
            if measure != HEAT:
                ax.fill_between(beta, -number, y, color=lane.look.color, alpha=0.25, linewidth=0, zorder=2)
            ax.plot(beta, y, color=lane.look.color, linewidth=0.7 if measure == HEAT else 1.1, zorder=2)


def _draw_hist(ax: Axes, lanes: list[Lane], scale: str) -> None:
    _draw_rows(ax, lanes)
    edges = bin_edges(lanes, scale=scale)
    counts = {
        (number, measure): np.histogram(lane.values(measure), edges)[0]
        for number, lane in enumerate(lanes)
        for measure in lane.shown
        if len(lane.values(measure)) >= FEWEST_FOR_DENSITY
    }
    unit = max((int(count.max()) for count in counts.values()), default=1) / (_ROW_TOP - 0.2)
    for (number, measure), count in counts.items():
        look, filled = lanes[number].look, count > 0
        heating = measure == HEAT
        ax.bar(
            edges[:-1][filled], count[filled] / unit, np.diff(edges)[filled], bottom=-number, align="edge",
            facecolor="none" if heating else to_rgba(look.color, 0.3), edgecolor=look.color,
            linewidth=0.6, hatch=None if heating else look.hatch, zorder=2,
        )  # fmt: skip
        tallest = int(count.argmax())
        ends = edges[tallest : tallest + 2]
        middle = float(np.sqrt(ends.prod()) if scale == "log" else ends.mean())
        ax.text(middle, -number + count.max() / unit + 0.02, f"{count.max()}", ha="center", va="bottom",
                fontsize=SMALL_PT, color=INK)  # fmt: skip


def _draw_rows(ax: Axes, lanes: list[Lane]) -> None:
    """A base line per factor, its members and their median (or bracket of medians) below the line."""
    for number, lane in enumerate(lanes):
        ax.axhline(-number, color=PALE, linewidth=0.4, zorder=1)
        trained = [measure for measure in lane.shown if measure in (COOL, HEAT) and measure in lane.medians]
        if trained:
            draw_bracket(ax, lane, trained, -number - 0.14, 0.14, alone=True)
        else:
            draw_members(ax, lane, lane.shown[0], -number - 0.14, 0.14)
            draw_median(ax, lane, lane.shown[0], -number - 0.14, 0.2)
    label_lanes(ax, lanes, [-number + 0.16 for number in range(len(lanes))])
    ax.set_ylim(0.68 - len(lanes), _ROW_TOP + 0.05)


@dataclass(frozen=True)
class _Kind:
    draw: Callable[[Axes, list[Lane], str], None]
    with_bracket: bool  # whether it shows all measures, and its axis must hold them
    extra_in: float = 0.0


_KINDS = {
    "kde": _Kind(_draw_kde, with_bracket=True, extra_in=1.0),
    "strip": _Kind(_draw_strip, with_bracket=True),
    "ridge": _Kind(_draw_ridge, with_bracket=False),
    "hist": _Kind(_draw_hist, with_bracket=False),
}
