"""The joint freezing points of each factor as a lane: cooled and heated networks, and two edges of the closed form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.figures.style import FactorLook, plain
from ifp.analysis.freezing.plot_lanes import draw_line_samples
from ifp.analysis.freezing.points import ABOVE, BELOW
from ifp.analysis.joint.plot_marks import ALONE, ARROWS, BEYOND, GIVEN, POINT_OF, joint_mark

ROOM_SHARE = 0.6
"""Share of the axis, from the left, within which a line has to end for a text behind it to fit."""

ABOVE_PT = 0.5
"""How far above a line the text on it stands, in points."""


def draw_lanes(
    ax: Axes,
    points: pd.DataFrame,
    edges: pd.DataFrame,
    names: Mapping[str, str],
    looks: Mapping[str, FactorLook],
    *,
    tried: tuple[float, float],
    shown: tuple[float, float],
) -> None:
    """A lane per factor: an arrow for each network, filled where it froze, open at the end beyond which it lies.

    Beside each name stands a sample of the factor's line in the panel of its information.

    Parameters
    ----------
    points : factors of `joint_freezing_points`. edges : `joint_edges`. names : what the factors are called, from the
        top. looks : their appearance. tried : the lowest and highest beta tried. shown : the ends of the axis.
    """
    for lane, name in enumerate(names):
        for direction in ARROWS:
            networks = points[(points["name"] == name) & (points["direction"] == direction)]
            y = lane + (0.18 if direction == "cool" else -0.18)
            frozen = networks["beta_ifp"].dropna()
            if len(frozen):
                mark = POINT_OF[direction]
                ax.plot(frozen, np.full(len(frozen), y), gid=mark, **joint_mark(mark, looks[name].color))
            for statuses, left in ((BELOW, True), (ABOVE, False)):
                _draw_beyond(
                    ax, int(networks["status"].isin(statuses).sum()), tried[not left], y, left, looks[name].color
                )
        for _, row in edges[edges["factor"] == name].iterrows():
            _draw_edges(ax, row, lane, shown)
    ax.set_yticks(range(len(names)), [plain(name) for name in names.values()])
    ax.set_ylim(len(names) - 0.5, -0.5)
    draw_line_samples(ax, [looks[name] for name in names], range(len(names)))


def _draw_beyond(ax: Axes, count: int, end: float, y: float, left: bool, color: str) -> None:
    """An open arrow for so many networks that lie beyond an end, with their number where it is not 1."""
    if not count:  # an unclipped line without points would still take room on the page
        return
    arrow = "<" if left else ">"
    ax.plot([end], [y], marker=arrow, clip_on=False, gid=BEYOND, **joint_mark(BEYOND, color))
    if count > 1:
        ax.annotate(str(count), (end, y), xytext=(4 if left else -4, 0), textcoords="offset points",
                    ha="left" if left else "right", va="center", fontsize=5, annotation_clip=False)  # fmt: skip


def _draw_edges(ax: Axes, row: pd.Series, lane: int, shown: tuple[float, float]) -> None:
    given_rest, low, high = (float(row[column]) for column in ("beta_given_rest", "given_rest_low", "given_rest_high"))
    alone = float(row["beta_alone"])
    beyond: dict[bool, list[str]] = {True: [], False: []}
    if shown[0] <= alone <= shown[1]:
        ax.plot(alone, lane, gid=ALONE, **joint_mark(ALONE))
    elif alone >= 0:
        beyond[alone < shown[0]].append(f"alone {alone:.2g}")
    if given_rest > 0 and low <= shown[1] and high >= shown[0]:
        # one line whose middle point is the median, so that the legend can show the same
        ax.plot([low, given_rest, high], [lane] * 3, markevery=[1], zorder=1.5, gid=GIVEN, **joint_mark(GIVEN))
    elif given_rest >= 0:
        if given_rest < shown[0] <= high:  # the range reaches into the axis, its median does not
            ax.plot([shown[0], high], [lane] * 2, zorder=1.5, **{**joint_mark(GIVEN), "marker": "none"})
        if high < shown[0] or given_rest > shown[1]:
            beyond[given_rest < shown[0]].append(f"given the rest {given_rest:.2g}")
        else:
            say_after(ax, f"given the rest {given_rest:.2g}", high, lane)
    for left, words in beyond.items():
        say_beyond(ax, ", ".join(words), lane, left=left, line=(low, high))


def say_beyond(
    ax: Axes, text: str, y: float, *, left: bool = True, line: tuple[float, float] = (np.nan, np.nan)
) -> None:
    """A number that lies beyond the left, or the right, end of the axis; above `line`, a range at `y`, on its way."""
    first, last = ax.get_xlim()
    middle = (first * last) ** 0.5  # no such text is longer than half of the axis
    above = line[0] < middle and line[1] > first if left else line[1] > middle and line[0] < last
    away = 13 if above else 8  # above the line it stands beside the count of networks
    ax.annotate(
        text, (0 if left else 1, y), xycoords=("axes fraction", "data"),
        xytext=(away if left else -away, above * ABOVE_PT), textcoords="offset points", fontsize="small",
        ha="left" if left else "right", va="bottom" if above else "center",
    )  # fmt: skip


def say_after(ax: Axes, text: str, beta: float, y: float) -> None:
    """A text behind a line that ends at `beta`, where there is room for it before the end of the axis."""
    left, right = ax.get_xlim()
    if beta < left ** (1 - ROOM_SHARE) * right**ROOM_SHARE:
        ax.annotate(text, (beta, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize="small")
