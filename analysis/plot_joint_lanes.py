"""The joint freezing points of each factor as a lane: cooled and heated networks, and two edges of the closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ifp.analysis.freezing import ABOVE, BELOW
from ifp.analysis.style import INK, NEUTRAL, factor_looks, plain

ARROWS = {"cool": "<", "heat": ">"}
_SIZE = 3.6


def draw_lanes(ax: Axes, points: pd.DataFrame, edges: pd.DataFrame, low: float, high: float) -> None:
    """A lane per factor: an arrow for each network, filled where it froze, open at the end beyond which it lies.

    Parameters
    ----------
    points : factors of `joint_freezing_points`. edges : `joint_edges`. low, high : the lowest and highest beta tried.
    """
    names = list(points["name"].unique())
    for at, (name, look) in enumerate(factor_looks(names).items()):
        for direction, arrow in ARROWS.items():
            of = points[(points["name"] == name) & (points["direction"] == direction)]
            y = at + (0.18 if direction == "cool" else -0.18)
            ax.plot(of["beta_ifp"], np.full(len(of), y), arrow, color=look.color, markersize=_SIZE, markeredgewidth=0)
            for statuses, end in ((BELOW, low), (ABOVE, high)):
                count = int(of["status"].isin(statuses).sum())
                if not count:
                    continue  # an unclipped line without points would still take room on the page
                ax.plot(
                    [end] * count, [y] * count, "<" if end == low else ">", markersize=_SIZE, markerfacecolor="white",
                    markeredgecolor=look.color, markeredgewidth=0.6, clip_on=False,
                )  # fmt: skip
        for _, row in edges[edges["factor"] == name].iterrows():
            ax.plot(row["beta_alone"], at, "|", color=INK, markersize=7, markeredgewidth=0.9)
            ax.plot([row["given_rest_low"], row["given_rest_high"]], [at, at], color=NEUTRAL, linewidth=0.5, zorder=1)
            ax.plot(row["beta_given_rest"], at, "o", color=NEUTRAL, markerfacecolor="white", markersize=2.8, zorder=1.5,
                    markeredgewidth=0.6)  # fmt: skip
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)


def lanes_key() -> list[Line2D]:
    """The marks of a lane, for a legend."""
    return [
        Line2D([], [], marker="<", linestyle="", color=INK, markersize=_SIZE, markeredgewidth=0, label="cooled"),
        Line2D([], [], marker=">", linestyle="", color=INK, markersize=_SIZE, markeredgewidth=0, label="heated"),
        Line2D([], [], marker="<", linestyle="", color=INK, markersize=_SIZE, markerfacecolor="white",
               markeredgewidth=0.6, label=r"beyond all $\beta$ tried"),
        Line2D([], [], marker="|", linestyle="", color=INK, markersize=7, label="edge alone"),
        Line2D([], [], marker="o", color=NEUTRAL, markerfacecolor="white", markersize=2.8, linewidth=0.5,
               markeredgewidth=0.6, label="given the rest"),
    ]  # fmt: skip
