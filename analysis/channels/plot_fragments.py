"""The map of fragments over beta: fragments as nodes, beta falling to the right, what they share as links."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from ifp.analysis.channels.factor_lists import split_factors
from ifp.analysis.channels.fragment_heights import heights_of
from ifp.analysis.channels.fragment_origins import FragmentOrigin
from ifp.analysis.channels.fragments import FragmentMap
from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.plot_page import axes_or_new, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import (
    BETA,
    FORMATS,
    INK,
    NEUTRAL,
    PALE,
    SMALL_PT,
    FactorLook,
    factor_looks,
    figure_width,
    plain,
)
from ifp.errors import IfpError

_LARGEST_PT, _WIDEST_PT = 7.0, 3.0
"""Diameter of a fragment that all models have, width of a link of NMI 1."""
_LANE_IN, _FRAME_IN, _KEY_ROW_IN, _KEY_COLUMN_IN = 0.27, 0.45, 0.14, 1.0
_NONE = FactorLook(NEUTRAL, "o", "-", "")
_NO_FACTOR = "no factor"
_EDGE_PT, _LEVELS_APART_IN, _TICKS_APART_IN = 0.9, 0.2, 0.28


def plot_fragment_map(found: FragmentMap, *, pressure: str = BETA, ax: Axes | None = None) -> Axes:
    """Draw the fragments at their betas, numbered as in `found.fragments`, and the links between them.

    Colour and marker tell a fragment's factor, its right half the colour of a second one, the marker's area the share
    of the level's models that have it, a dark edge that it first appears there, since the next higher beta. A link's
    width is its NMI; it is dashed where it passes over a level. Vertical lines are the levels, with fragments or not;
    beta falls to the right on a logarithmic axis, but at even distances where levels are too close for it.

    Parameters
    ----------
    found : of `fragment_map`. pressure : what beta is called.
    ax : where to draw; a new figure if None.

    Raises
    ------
    IfpError : there is no fragment at any beta.
    """
    if not found.hotspots:
        raise IfpError("No level has a fragment, so that there is no map to draw.")
    ax = axes_or_new(ax, 5.5, _height_in(found, 5.5))
    height_H = heights_of(found)
    x_of = _beta_axis(ax, [level.beta for level in found.levels], pressure)
    x_H = [x_of[beta] for beta in found.fragments["beta"]]
    for x in x_of.values():
        ax.axvline(x, color=PALE, linewidth=0.3, zorder=1)
    for _, link in found.links.iterrows():
        ends, dashed = [int(link["higher"]) - 1, int(link["lower"]) - 1], link["levels_between"] > 0
        ax.plot([x_H[end] for end in ends], height_H[ends], color=PALE, alpha=0.6, zorder=2,
                linewidth=_WIDEST_PT * link["nmi"], linestyle=(0, (2, 1)) if dashed else "-")  # fmt: skip
    looks = factor_looks(found.factors)
    for x, height, (_, row) in zip(x_H, height_H, found.fragments.iterrows(), strict=True):
        held = [looks[name] for name in split_factors(row["factors"])]
        _draw_fragment(ax, row, x, float(height), held or [_NONE])
    ax.set_ylim(float(height_H.max()) + 0.5, -0.9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.legend(
        handles=_key(found),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.02),
        ncols=_key_columns(ax),
        labelspacing=0.6,
        borderaxespad=0,
    )
    return ax


def draw_fragment_map(
    found: FragmentMap,
    folder: Path,
    *,
    pressure: str = BETA,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    of: str = "",
) -> list[Path]:
    """Save `plot_fragment_map` as `folder`/fragments in each format and its fragments as csv; returns the paths."""
    width_in = figure_width(width)
    with paper_style():
        figure = new_figure(width_in, _height_in(found, width_in))
        plot_fragment_map(found, pressure=pressure, ax=figure.subplots())
    return save_figure(
        figure, folder / "fragments", found.fragments, formats=formats, caption=caption("fragments", of=of)
    )


def _draw_fragment(ax: Axes, row: pd.Series, x: float, height: float, looks: Sequence[FactorLook]) -> None:
    size = _LARGEST_PT * float(np.sqrt(row["runs"] / row["of_runs"]))
    first, second = looks[0], looks[min(1, len(looks) - 1)]
    if row["origin"] == FragmentOrigin.APPEARS:  # an edge of its own: that of two halves would run between them
        ax.plot(x, height, first.marker, color=INK, markersize=size, markeredgewidth=2 * _EDGE_PT, zorder=3)
    ax.plot(x, height, first.marker, color=first.color, markerfacecoloralt=second.color, markersize=size,
            fillstyle="left" if len(looks) > 1 else "full", markeredgewidth=0, zorder=3)  # fmt: skip
    # the number hides the line of its level
    ax.annotate(str(row["fragment"]), (x, height), xytext=(0, size / 2 + 1.6), textcoords="offset points", ha="center",
                va="bottom", fontsize=SMALL_PT, color=INK, zorder=2.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3})  # fmt: skip


def _beta_axis(ax: Axes, betas: Sequence[float], pressure: str) -> dict[float, float]:
    """Where each level stands: at its beta on a logarithmic axis, or all at even distances where some would collide."""
    width_in = ax.bbox.width / ax.figure.dpi
    room = max((betas[0] / betas[-1]) ** 0.06, 1.05)
    in_per_ln = width_in / np.log(betas[0] / betas[-1] * room**2)
    position = -np.log(betas) * in_per_ln
    if np.diff(position).min() >= _LEVELS_APART_IN:
        ax.set_xscale("log")
        ax.set_xlim(betas[0] * room, betas[-1] / room)
        x_of = {beta: beta for beta in betas}
    else:
        ax.set_xlim(-0.5, len(betas) - 0.5)
        x_of = {beta: float(rank) for rank, beta in enumerate(betas)}
        position = np.arange(len(betas)) * width_in / len(betas)
    labelled = [0]
    for level in range(1, len(betas)):
        if position[level] - position[labelled[-1]] >= _TICKS_APART_IN:
            labelled.append(level)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks([x_of[betas[level]] for level in labelled], [f"{betas[level]:.3g}" for level in labelled])
    ax.set_xlabel(pressure if ax.get_xscale() == "log" else f"{pressure} (at even distances)")
    return x_of


def _key(found: FragmentMap) -> list[Line2D]:
    """Factors that a fragment carries, then what edge, size and width say."""
    held = {name for names in found.fragments["factors"] for name in split_factors(names)[:2] or [""]}
    looks = {name: look for name, look in factor_looks(found.factors).items() if name in held}
    if "" in held:
        looks[_NO_FACTOR] = _NONE
    half = float(np.sqrt(0.5))
    marks = [(look.marker, look.color, look.color, 1.0, name) for name, look in looks.items()]
    marks += [("o", "white", INK, 1.0, "first appears"), ("o", PALE, PALE, half, "half the models")]
    key = [
        Line2D([], [], linestyle="none", marker=marker, color=face, markeredgecolor=edge, markeredgewidth=0.9,
               markersize=_LARGEST_PT * size, label=plain(label))
        for marker, face, edge, size, label in marks
    ]  # fmt: skip
    for nmi in (0.5, 1.0):
        key.append(Line2D([], [], color=PALE, alpha=0.6, linewidth=_WIDEST_PT * nmi, label=f"NMI {nmi:g}"))
    return key


def _key_columns(ax: Axes) -> int:
    return max(int(ax.figure.bbox.width / ax.figure.dpi / _KEY_COLUMN_IN), 2)


def _height_in(found: FragmentMap, width_in: float) -> float:
    lanes = float(heights_of(found).max(initial=0)) + 1.4
    rows = -(-len(_key(found)) // max(int(width_in / _KEY_COLUMN_IN), 2))
    return max(lanes * _LANE_IN, 0.6) + _FRAME_IN + rows * _KEY_ROW_IN
