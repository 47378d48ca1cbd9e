"""The parts of a distribution figure: a lane's points, its trained bracket, its edges and its median."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from ifp.analysis.figures.plot_legend import (
    ABRUPT,
    ABRUPT_NETWORK,
    BOUND,
    BRACKET,
    BRACKET_END,
    CENSORED,
    EDGES,
    INTERVAL,
    MEDIAN,
    MEDIAN_ALONE,
    NETWORK,
    POINT,
    box_style,
    mark_style,
)  # fmt: skip
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.style import INK, MEDIUM_PT, NEUTRAL, SMALL_PT, FactorLook, plain
from ifp.analysis.freezing.by_measure import COOL, HEAT, LOWER_EDGE, UPPER_EDGE
from ifp.analysis.freezing.distribution_table import Lane, has_upper_edge
from ifp.analysis.freezing.median_interval import FEWEST_CLUSTERS

ARROWS = {COOL: "<", HEAT: ">"}
KEY_PT = 13.0
NAMES_SHARE = 0.22
"""The names of factors take no more of a page's width."""
_GOLDEN = (5**0.5 - 1) / 2


def spread(count: int, height: float) -> np.ndarray:
    """Offsets that keep neighbouring points of a strip apart: a golden-ratio sequence, the same on every machine."""
    return height * ((np.arange(count) * _GOLDEN) % 1.0 - 0.5)


def crowding(count: int) -> float:
    """1 up to 40 points, less beyond: by how much to shrink and fade them, so that the lane still shows its median."""
    return min(1.0, (40 / max(count, 1)) ** 0.5)


def draw_lane(ax: Axes, lane: Lane, y: float, height: float) -> None:
    """A factor's lane, `height` tall around `y`: members above, trained bracket below, edges behind, median across.

    Of the closed form the lane shows onsets, so there are no freezing points in it. A factor none of whose contexts can
    freeze has a sentence instead.
    """
    if lane.flat:
        say_flat(ax, y)
        return
    trained = [m for m in (COOL, HEAT) if m in lane.medians and lane.shown != (LOWER_EDGE,)]
    main = [measure for measure in lane.shown if measure not in trained]
    split = 0.18 * height if main and trained else 0.0
    draw_edges(ax, lane, y, 0.9 * height)
    if main:
        for measure in main:
            draw_members(ax, lane, measure, y + split, 0.34 * height if trained else 0.5 * height)
        draw_median(ax, lane, main[0], y + split, 0.5 * height)
    if trained:
        draw_bracket(ax, lane, trained, y - 1.25 * split, 0.22 * height if main else 0.5 * height, alone=not main)


def draw_members(ax: Axes, lane: Lane, measure: str, y: float, height: float, *, faint: float = 1.0) -> None:
    """Every member: filled where it froze, hollow (an arrow: black-edged) in a first-order transition.

    Censored ones are open arrows at their bound.
    """
    values, abrupt = lane.marked_values(measure)
    offsets, crowd = spread(len(values), height), crowding(len(values))
    network = measure in ARROWS
    for chosen, mark in ((~abrupt, NETWORK if network else POINT), (abrupt, ABRUPT_NETWORK if network else ABRUPT)):
        style = mark_style(mark, lane.look.color)
        style["markersize"] *= max(crowd, 0.7)
        style["alpha"] = faint * 0.75 * max(crowd, 0.5)
        if chosen.any():
            ax.plot(
                values[chosen], (y + offsets)[chosen], marker=ARROWS.get(measure, lane.look.marker), zorder=3, gid=mark,
                **style,
            )  # fmt: skip
    for bounds, arrow in zip(lane.censored(measure), "<>", strict=True):
        bounds = bounds[bounds > 0]
        if len(bounds):
            ax.plot(
                bounds, y + spread(len(bounds), height), marker=arrow, zorder=4, gid=CENSORED,
                **mark_style(CENSORED, lane.look.color),
            )  # fmt: skip


def draw_median(ax: Axes, lane: Lane, measure: str, y: float, height: float) -> None:
    """The median as a tick across the lane, and its interval, if it has one, as a bar.

    A median that is only a bound has an arrow beside its tick, on the side on which it lies. On a side where the
    interval is open, the bar goes to the end of the axis.
    """
    row = lane.medians.get(measure)
    if row is None or not np.isfinite(row["median"]) or row["median"] <= 0:
        return
    left, right = ax.get_xlim()
    # an end at 0, of traversals that never freeze, lies beyond the axis too
    ends = [row["low"] if row["low"] > 0 else left, row["high"] if np.isfinite(row["high"]) else right]
    known = row["n_clusters"] >= FEWEST_CLUSTERS
    if known:
        zorder = 2.5 if row["n"] <= 40 else 3.5
        ax.plot(ends, [y, y], zorder=zorder, gid=INTERVAL, **mark_style(INTERVAL, INK))
    ax.plot(
        [row["median"]] * 2, [y - height / 2, y + height / 2], zorder=6, gid=MEDIAN if known else MEDIAN_ALONE,
        **mark_style(MEDIAN, INK),
    )  # fmt: skip
    if row["bound"]:
        style = mark_style(BOUND, INK)
        away_pt = 0.7 * style["markersize"] * (1 if row["bound"] == ">" else -1)
        beside_it = ax.transData + ScaledTranslation(away_pt / 72, 0, ax.figure.dpi_scale_trans)
        ax.plot(row["median"], y, marker=row["bound"], zorder=6, gid=BOUND, transform=beside_it, **style)


def draw_bracket(ax: Axes, lane: Lane, trained: list[str], y: float, height: float, *, alone: bool) -> None:
    """The trained branches: each network as a small arrow, and a line from the cooling to the heating median."""
    for measure in trained:
        draw_members(ax, lane, measure, y, height, faint=1.0 if alone else 0.5)
    medians = {measure: lane.medians[measure] for measure in trained if lane.medians[measure]["median"] > 0}
    if len(medians) == 2:
        ends = [row["median"] for row in medians.values()]
        ax.plot(ends, [y, y], zorder=4, **mark_style(BRACKET, INK))
    for measure, row in medians.items():
        # an end that is only a bound is open
        face = {"markerfacecolor": "white"} if row["bound"] else {}
        ax.plot(
            row["median"], y, marker=ARROWS[measure], zorder=5, gid=BOUND if row["bound"] else BRACKET,
            **{**mark_style(BRACKET_END, lane.look.color), **face},
        )  # fmt: skip


def draw_edges(ax: Axes, lane: Lane, y: float, height: float) -> None:
    """The medians of the two edges as a grey band behind the lane; one line where only the lower is known."""
    if LOWER_EDGE not in lane.medians or not lane.medians[LOWER_EDGE]["median"] > 0:
        return
    low = lane.medians[LOWER_EDGE]["median"]
    high = lane.medians[UPPER_EDGE]["median"] if has_upper_edge(lane) else low
    ax.add_patch(Rectangle((low, y - height / 2), high - low, height, zorder=1, gid=EDGES, **box_style(EDGES)))


def label_lanes(ax: Axes, lanes: list[Lane], heights: Sequence[float], *, key: bool = False) -> None:
    """The factors' names, and how many members each lane tells of, as the labels of the vertical axis.

    With `key`, a sample of each factor's line stands beside its name.
    """
    widest_in, names = NAMES_SHARE * ax.figure.bbox.width / ax.figure.dpi, [lane.label for lane in lanes]
    ax.set_yticks(heights, [lane_label(lane, widest_in, among=names) for lane in lanes], linespacing=1.12)
    ax.tick_params(axis="y", length=0, pad=3)
    ax.spines["left"].set_visible(False)
    if key:
        draw_line_samples(ax, [lane.look for lane in lanes], heights)


def draw_line_samples(ax: Axes, looks: Sequence[FactorLook], heights: Sequence[float]) -> None:
    """A sample of each factor's line between the axes and its name, for which room is made."""
    ax.tick_params(axis="y", length=0, pad=6 + KEY_PT)
    # horizontally in inches from the axes' left edge, vertically in data
    inches = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes)  # type: ignore[arg-type]
    for look, y in zip(looks, heights, strict=True):
        ax.plot(
            [-(3 + KEY_PT) / 72, -3 / 72], [y, y], color=look.color, linestyle=look.linestyle, linewidth=1.4,
            transform=blended_transform_factory(inches, ax.transData), clip_on=False,
        )  # fmt: skip


def lane_label(lane: Lane, width_in: float, between: str = "\n", among: Iterable[str] = ()) -> str:
    """What a lane is called, shortened to this width, and of how many members it tells."""
    counts = [int(lane.medians[measure]["n"]) if measure in lane.medians else 0 for measure in lane.shown]
    flat = f", {lane.flat_contexts} flat" if lane.flat_contexts else ""
    # a formula in the line of a name would keep the name from fonts that have its letters
    number = f"$n = {max(counts)}$" if between == "\n" else f"n = {max(counts)}"
    return f"{plain(shortened(lane.label, width_in, among=among))}{between}{number}{flat}"


def fewer_in_bracket(lanes: Sequence[Lane], width_in: float) -> str:
    """Whose brackets are of fewer contexts than the factor has: a run that has not finished, or networks diverged."""
    said = []
    for lane in lanes:
        rows = lane.medians
        ends = [int(rows[measure]["n_contexts"]) for measure in (COOL, HEAT) if measure in rows]
        contexts = max((int(row["n_contexts"]) for row in rows.values()), default=0)
        if ends and min(ends) < contexts:
            of = " and ".join(map(str, dict.fromkeys(ends)))
            said.append(f"{lane.label} {of} of {contexts}")
    return plain(shortened(f"bracket of fewer contexts: {', '.join(said)}", width_in, MEDIUM_PT)) if said else ""


def say_flat(ax: Axes, y: float) -> None:
    """In place of the marks of a factor that changes no image."""
    ax.text(0.5, y, "all images equal: never freezes", transform=ax.get_yaxis_transform(), ha="center", va="center",
            color=NEUTRAL, fontsize=SMALL_PT)  # fmt: skip
