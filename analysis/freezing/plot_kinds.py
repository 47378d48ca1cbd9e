"""The kinds of a distribution figure: densities over lanes, lanes alone, and a row per factor of either sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from ifp.analysis.figures.plot_legend import FILLED, OUTLINE, box_style
from ifp.analysis.figures.plot_page import beta_axis
from ifp.analysis.figures.style import PALE, SMALL_PT
from ifp.analysis.freezing.by_measure import COOL, HEAT
from ifp.analysis.freezing.distribution_table import (
    Lane,
    bin_edges,
    has_density,
)
from ifp.analysis.freezing.plot_lanes import (
    draw_bracket,
    draw_lane,
    draw_median,
    draw_members,
    label_lanes,
    lane_label,
    say_flat,
)

DENSITY_LANES = 3.2
"""Height of the kde's density panel, in lanes."""
REACH_BANDWIDTHS = 1.0
"""How far beyond the data a density is drawn."""
_ROW_TOP = 0.55
"""Height of a row's density or bars, in rows: what is left holds the row's name and its members."""


def _draw_kde(ax: Axes, lanes: list[Lane], scale: str, beside: Sequence[Lane]) -> None:
    base = -0.35
    heights = [-1.0 - number for number in range(len(lanes))]
    any_density = any(has_density(lane.values(measure), scale=scale) for lane in lanes for measure in lane.shown)
    if any_density:
        panel = _inset(ax, base, DENSITY_LANES)
        for lane in lanes:
            _draw_densities(panel, lane, scale, REACH_BANDWIDTHS)
        _hold_densities(ax, [panel], scale)
        ax.text(-0.02, base + DENSITY_LANES / 2, "density", transform=ax.get_yaxis_transform(), rotation=90,
                ha="right", va="center", fontsize=SMALL_PT)  # fmt: skip
    for lane, y in zip(lanes, heights, strict=True):
        draw_lane(ax, lane, y, 0.92)
    label_lanes(ax, lanes, heights, key=any_density)
    ax.set_ylim(heights[-1] - 0.6, base + (1.03 * DENSITY_LANES if any_density else 0))


def _draw_strip(ax: Axes, lanes: list[Lane], scale: str, beside: Sequence[Lane]) -> None:
    for number, lane in enumerate(lanes):
        draw_lane(ax, lane, -number, 0.92)
    label_lanes(ax, lanes, [-number for number in range(len(lanes))])
    ax.set_ylim(0.4 - len(lanes), 0.6)


def _draw_ridge(ax: Axes, lanes: list[Lane], scale: str, beside: Sequence[Lane]) -> None:
    panels = _draw_rows(ax, lanes)
    for panel, lane in zip(panels, lanes, strict=True):
        _draw_densities(panel, lane, scale, 0.0)
        panel.yaxis.set_visible(False)
        panel.spines["left"].set_visible(False)
    _hold_densities(ax, panels, scale)


def _draw_hist(ax: Axes, lanes: list[Lane], scale: str, beside: Sequence[Lane]) -> None:
    import seaborn as sns  # a second of imports, which other figures and tables do without

    panels = _draw_rows(ax, lanes)
    edges = bin_edges([*lanes, *beside], scale=scale)
    # seaborn counts in the coordinates of the axis
    bins = (np.log10(edges) if scale == "log" else edges).tolist()
    tallest = 1
    for panel, lane in zip(panels, lanes, strict=True):
        for measure in lane.shown:
            values = lane.values(measure)
            if len(values):
                mark, element = (OUTLINE, "step") if measure == HEAT else (FILLED, "bars")
                style = box_style(mark, lane.look.color) if mark == FILLED else {"linewidth": 0.9}
                sns.histplot(x=values, bins=bins, element=element, fill=mark == FILLED, ax=panel, gid=mark,
                             color=lane.look.color, **style)  # fmt: skip
                tallest = max(tallest, int(np.histogram(values, edges)[0].max()))
    for panel in panels:
        for bar in [bar for bar in panel.patches if isinstance(bar, Rectangle) and not bar.get_height()]:
            bar.remove()  # its edge would lie on the base line
        panel.set(ylim=(0, 1.04 * tallest), xlabel="", ylabel="")
        panel.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        panel.tick_params(axis="y", pad=1.5)
    between = " " if len(lanes) > 1 else "\n"  # a row alone is lower than the label is long
    what = "networks" if lanes[0].shown[0] in (COOL, HEAT) else "contexts"
    ax.set_ylabel(f"{what}{between}in a bin", labelpad=14)


def _draw_densities(panel: Axes, lane: Lane, scale: str, reach: float) -> None:
    """The densities of a lane's shown measures, drawn to `reach` bandwidths beyond the data; heating as an outline."""
    import seaborn as sns  # see `_draw_hist`

    for measure in lane.shown:
        values, heating = lane.values(measure), measure == HEAT
        if not has_density(values, scale=scale):
            continue
        same = {"x": values, "ax": panel, "color": lane.look.color, "cut": reach, "gridsize": 256, "bw_method": "scott"}
        if not heating:
            sns.kdeplot(**same, fill=True, alpha=0.16, linewidth=0, gid=FILLED)
        sns.kdeplot(**same, linestyle=lane.look.linestyle, linewidth=0.7 if heating else 1.2,
                    gid=OUTLINE if heating else None)  # fmt: skip
    panel.set(xlabel="", ylabel="")


def _hold_densities(ax: Axes, panels: Sequence[Axes], scale: str) -> None:
    """One scale for the densities of all panels, from 0; the axis of beta is widened to hold them."""
    lines = [line for panel in panels for line in panel.get_lines()]
    top = max((float(np.max(line.get_ydata())) for line in lines), default=1.0)
    low, high = ax.get_xlim()
    ends = np.array([line.get_xdata() for line in lines]) if lines else np.array([low])
    for panel in panels:
        panel.set_ylim(0, 1.03 * top)
    beta_axis(ax, min(low, float(ends.min())), max(high, float(ends.max())), scale=scale)


def _inset(ax: Axes, base: float, height: float) -> Axes:
    """Axes within `ax` from `base` up, in its vertical data coordinates, over the same axis of beta."""
    panel = ax.inset_axes((0, base, 1, height), transform=ax.get_yaxis_transform(), zorder=2)
    # not `sharex`, which leaves the scale of axes made before as it was
    panel.set_xscale(ax.get_xscale())
    panel.set_xlim(ax.get_xlim())
    ax.callbacks.connect("xlim_changed", lambda host: panel.set_xlim(host.get_xlim()))
    panel.patch.set_visible(False)
    panel.xaxis.set_visible(False)
    panel.yaxis.set_visible(False)
    panel.spines["left"].set_visible(False)
    panel.spines["bottom"].set(color=PALE, linewidth=0.4)
    return panel


def _draw_rows(ax: Axes, lanes: list[Lane]) -> list[Axes]:
    """Axes for each factor with its name above and its members with their median (or bracket) below."""
    panels = []
    for number, lane in enumerate(lanes):
        panels.append(_inset(ax, -number, _ROW_TOP))
        panels[-1].yaxis.set_visible(True)
        panels[-1].spines["left"].set_visible(True)
        name = lane_label(lane, 0.6 * ax.figure.bbox.width / ax.figure.dpi, "  ", [each.label for each in lanes])
        ax.text(0.01, _ROW_TOP + 0.02 - number, name, transform=ax.get_yaxis_transform(), va="bottom",
                fontsize=SMALL_PT)  # fmt: skip
        if lane.flat:
            say_flat(ax, 0.4 * _ROW_TOP - number)
            continue
        trained = [measure for measure in lane.shown if measure in (COOL, HEAT) and measure in lane.medians]
        if trained:
            draw_bracket(ax, lane, trained, -number - 0.1, 0.1, alone=True)
        else:
            draw_members(ax, lane, lane.shown[0], -number - 0.1, 0.1)
            draw_median(ax, lane, lane.shown[0], -number - 0.1, 0.16)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_ylim(0.78 - len(lanes), _ROW_TOP + 0.24)
    return panels


@dataclass(frozen=True)
class Kind:
    """How one kind of figure is drawn."""

    draw: Callable[[Axes, list[Lane], str, Sequence[Lane]], None]
    with_bracket: bool  # whether it shows all measures, and its axis must hold them
    in_rows: bool  # whether each factor has axes of its own
    extra_in: float = 0.0


KINDS = {
    "kde": Kind(_draw_kde, with_bracket=True, in_rows=False, extra_in=1.0),
    "strip": Kind(_draw_strip, with_bracket=True, in_rows=False),
    "ridge": Kind(_draw_ridge, with_bracket=False, in_rows=True),
    "hist": Kind(_draw_hist, with_bracket=False, in_rows=True),
}
