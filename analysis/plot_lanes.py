"""The parts of a distribution figure: a lane's points, its trained bracket, its edges and its median."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from ifp.analysis.lanes import Lane, has_upper_edge
from ifp.analysis.measures import COOL, EXACT, HEAT, LOWER_EDGE, UPPER_EDGE
from ifp.analysis.style import BAND, INK, NEUTRAL, PALE

ARROWS = {COOL: "<", HEAT: ">"}
KEY_PT = 13.0
_GOLDEN = (5**0.5 - 1) / 2
_POINT_SIZE, _ARROW_SIZE = 2.6, 3.0


def spread(count: int, height: float) -> np.ndarray:
    """Offsets that keep neighbouring points of a strip apart: a golden-ratio sequence, the same on every machine."""
    return height * ((np.arange(count) * _GOLDEN) % 1.0 - 0.5)


def crowding(count: int) -> float:
    """1 up to 40 points, less beyond: by how much to shrink and fade them, so that the lane still shows its median."""
    return min(1.0, (40 / max(count, 1)) ** 0.5)


def draw_lane(ax: Axes, lane: Lane, y: float, height: float) -> None:
    """A factor's lane, `height` tall around `y`: members above, trained bracket below, edges behind, median across."""
    trained = [measure for measure in (COOL, HEAT) if measure in lane.medians]
    main = [measure for measure in lane.shown if measure not in trained]
    split = 0.18 * height if main and trained else 0.0
    if main:
        draw_edges(ax, lane, y, 0.9 * height)
        for measure in main:
            draw_members(ax, lane, measure, y + split, 0.34 * height if trained else 0.5 * height)
        draw_median(ax, lane, main[0], y + split, 0.5 * height)
    if trained:
        draw_bracket(ax, lane, trained, y - 1.25 * split, 0.22 * height if main else 0.5 * height, alone=not main)


def draw_members(ax: Axes, lane: Lane, measure: str, y: float, height: float) -> None:
    """Every member as a point: filled where it froze, an open arrow at its bound where it is censored."""
    values = lane.values(measure)
    marker, crowd = ARROWS.get(measure, lane.look.marker), crowding(len(values))
    ax.plot(
        values, y + spread(len(values), height), marker, color=lane.look.color,
        markersize=_POINT_SIZE * max(crowd, 0.7), alpha=0.75 * max(crowd, 0.5),
        markeredgewidth=0, zorder=3, label=_member_label(measure),
    )  # fmt: skip
    draw_censored(ax, lane, measure, y, height)


def draw_censored(ax: Axes, lane: Lane, measure: str, y: float, height: float) -> None:
    """Members known only to lie beyond what was tried, as open arrows at that bound."""
    for bounds, arrow in zip(lane.censored(measure), "<>", strict=True):
        if len(bounds):
            ax.plot(
                bounds, y + spread(len(bounds), height), arrow, markerfacecolor="white", markersize=_ARROW_SIZE + 0.6,
                markeredgecolor=lane.look.color, markeredgewidth=0.6, zorder=4, label="censored, at its bound",
            )  # fmt: skip


def draw_median(ax: Axes, lane: Lane, measure: str, y: float, height: float) -> None:
    """The median as a tick across the lane, its 95 % interval as a bar; an open arrow where it is only a bound."""
    row = lane.medians.get(measure)
    if row is None or not np.isfinite(row["median"]):
        return
    if row["bound"]:
        ax.plot(row["median"], y, row["bound"], color=INK, markerfacecolor="white", markersize=5, zorder=6)
        return
    low, high = (end if np.isfinite(end) else row["median"] for end in (row["low"], row["high"]))
    ax.plot(
        [low, high],
        [y, y],
        color=NEUTRAL,
        linewidth=2.4,
        alpha=0.55,
        zorder=2.5 if row["n"] <= 40 else 3.5,
        solid_capstyle="butt",
    )
    ax.plot(
        [row["median"]] * 2, [y - height / 2, y + height / 2], color=INK, linewidth=1.3, zorder=6,
        label=f"{'exact ' if measure == EXACT else ''}median, 95 %",
    )  # fmt: skip


def draw_bracket(ax: Axes, lane: Lane, trained: list[str], y: float, height: float, *, alone: bool) -> None:
    """The trained branches: each member as a small arrow, and a bar from the cooling to the heating median."""
    for measure in trained:
        values = lane.values(measure)
        ax.plot(
            values, y + spread(len(values), height), ARROWS[measure], color=lane.look.color,
            markersize=_ARROW_SIZE * max(crowding(len(values)), 0.75),
            markeredgewidth=0, alpha=(0.7 if alone else 0.35) * max(crowding(len(values)), 0.4), zorder=2,
        )  # fmt: skip
        draw_censored(ax, lane, measure, y, height)
    medians = {m: lane.medians[m] for m in trained if np.isfinite(lane.medians[m]["median"])}
    if len(medians) == 2:
        ends = [row["median"] for row in medians.values()]
        ax.plot(ends, [y, y], color=INK, linewidth=0.8, zorder=4)
    for measure, row in medians.items():
        name = "cooling" if measure == COOL else "heating"
        ax.plot(
            row["median"], y, ARROWS[measure], markersize=4.6, markeredgecolor=INK, markeredgewidth=0.6,
            markerfacecolor="white" if row["bound"] else lane.look.color, zorder=5, label=f"trained {name}, median",
        )  # fmt: skip


def draw_edges(ax: Axes, lane: Lane, y: float, height: float) -> None:
    """The medians of the two edges as a grey band behind the lane; one line where only the lower is known."""
    if LOWER_EDGE not in lane.medians:
        return
    low = lane.medians[LOWER_EDGE]["median"]
    high = lane.medians[UPPER_EDGE]["median"] if has_upper_edge(lane) else low
    ax.add_patch(
        Rectangle(
            (low, y - height / 2),
            high - low,
            height,
            facecolor=BAND,
            edgecolor=PALE,
            linewidth=0.5,
            alpha=0.75,
            zorder=1,
            label=r"edges $\beta_c$ to $\beta_u$, medians",
        )
    )


def label_lanes(ax: Axes, lanes: list[Lane], heights: Sequence[float], *, key: bool = False) -> None:
    """The factors' names, and how many members each lane tells of, as the labels of the vertical axis.

    With `key`, a sample of each factor's line stands beside its name.
    """
    ax.set_yticks(heights, [_lane_label(lane) for lane in lanes], linespacing=0.95)
    ax.tick_params(axis="y", length=0, pad=3 + (KEY_PT + 3) * key)
    ax.spines["left"].set_visible(False)
    if not key:
        return
    # horizontally in inches from the axes' left edge, vertically in data
    inches = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes)  # type: ignore[arg-type]
    for lane, y in zip(lanes, heights, strict=True):
        ax.plot(
            [-(3 + KEY_PT) / 72, -3 / 72], [y, y], color=lane.look.color, linestyle=lane.look.linestyle, linewidth=1.4,
            transform=blended_transform_factory(inches, ax.transData), clip_on=False,
        )  # fmt: skip


def _lane_label(lane: Lane) -> str:
    counts = [int(lane.medians[measure]["n"]) if measure in lane.medians else 0 for measure in lane.shown]
    return f"{lane.factor}\n$n = {max(counts)}$"


def _member_label(measure: str) -> str:
    return {COOL: "trained cooling", HEAT: "trained heating", EXACT: "one context, exact"}.get(
        measure, "one context, lower edge"
    )
