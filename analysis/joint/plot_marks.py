"""The marks of the figures of whole data sets: how each is drawn in the plot, and the same again in the legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ifp.analysis.figures.plot_legend import spread_over
from ifp.analysis.figures.style import BAND, INK, NEUTRAL, PALE

NETWORK, MEAN, NOISE, FOUND, THEORY, LEVEL = "network", "mean", "noise", "found", "theory", "level"
KL_OF = {"cool": "KL cooling", "heat": "KL heating"}
INFO_OF = {"cool": "information cooling", "heat": "information heating"}
POINT_OF = {"cool": "cooled", "heat": "heated"}
BEYOND, ALONE, GIVEN = "beyond", "alone", "given the rest"
ARROWS = {"cool": "<", "heat": ">"}
NOISE_WORDS = "5 %"


def joint_mark(mark: str, color: str = NEUTRAL) -> dict[str, Any]:
    """How a mark's line or marker is drawn, as keywords of `Axes.plot`; in a colour where the mark is a factor's."""
    alone: dict[str, Any] = {"linestyle": "none"}
    return {
        NETWORK: {"color": PALE, "linewidth": 0.5},
        MEAN: {"color": INK, "linewidth": 1.0},
        FOUND: {"color": INK, "marker": "o", "markersize": 3.0, "markerfacecolor": "white", "markeredgewidth": 0.7,
                "linewidth": 0.8},
        THEORY: {"color": NEUTRAL, "linewidth": 0.7, "linestyle": (0, (3, 1.5))},
        LEVEL: {"color": INK, "linewidth": 0.6, "linestyle": (0, (1, 1.5))},
        KL_OF["cool"]: {"color": NEUTRAL, "linewidth": 0.5},
        KL_OF["heat"]: {"color": NEUTRAL, "linewidth": 0.5, "linestyle": (0, (1, 0.8))},
        INFO_OF["cool"]: {"color": color, "linewidth": 0.5},
        INFO_OF["heat"]: {"color": color, "linewidth": 1.2},
        POINT_OF["cool"]: {**alone, "color": color, "marker": "<", "markersize": 3.6, "markeredgewidth": 0},
        POINT_OF["heat"]: {**alone, "color": color, "marker": ">", "markersize": 3.6, "markeredgewidth": 0},
        BEYOND: {**alone, "markersize": 3.6, "markerfacecolor": "white", "markeredgecolor": color,
                 "markeredgewidth": 0.6},
        ALONE: {**alone, "color": INK, "marker": "|", "markersize": 7, "markeredgewidth": 0.9},
        GIVEN: {"color": NEUTRAL, "marker": "o", "markersize": 2.8, "markerfacecolor": "white",
                "markeredgewidth": 0.6, "linewidth": 0.5},
    }[mark]  # fmt: skip


def noise_box() -> dict[str, Any]:
    """How the band of what noise alone passes is filled."""
    return {"color": BAND, "linewidth": 0}


def joint_labels(threshold_nats: float) -> dict[str, str]:
    """What the marks of `joint_annealing` mean, in the order of its legend."""
    return {
        NETWORK: "one network, cooling",
        MEAN: "mean of the networks",
        NOISE: f"noise alone ({NOISE_WORDS})",
        FOUND: "peak or step, 95 %",
        THEORY: "linear theory",
        KL_OF["cool"]: "KL of a latent, cooling",
        KL_OF["heat"]: "KL of a latent, heating",
        INFO_OF["cool"]: r"$I(z;\,$factor$)$, cooling",
        INFO_OF["heat"]: r"$I(z;\,$factor$)$, heating",
        LEVEL: f"threshold, {threshold_nats:g} nat",
        POINT_OF["cool"]: "cooled network",
        POINT_OF["heat"]: "heated network",
        BEYOND: r"beyond all $\beta$ tried",
        ALONE: "edge alone",
        GIVEN: "edge given the rest",
    }


def joint_entry(mark: str, markers: Sequence[str], left: float, right: float, y: float, height: float) -> list[Artist]:
    """A legend's entry in its box; see `ifp.analysis.figures.plot_legend.add_legend`."""
    if mark == NOISE:
        return [Rectangle((left, y - height / 2), right - left, height, **noise_box())]
    style = joint_mark(mark)
    if mark == BEYOND:
        shown = [arrow for arrow in markers if arrow in ARROWS.values()]
        places = spread_over(len(shown), left, right)
        return [Line2D([x], [y], marker=arrow, **style) for x, arrow in zip(places, shown, strict=True)]
    middle = (left + right) / 2
    if style.get("linestyle") == "none":
        return [Line2D([middle], [y], **style)]
    if "marker" in style:  # a point on the line of its interval or range
        return [Line2D([left, middle, right], [y, y, y], markevery=[1], **style)]
    return [Line2D([left, right], [y, y], **style)]
