"""Marks of a figure and its legend: a legend's entry is made of the same lines and markers as the mark in the plot.

An artist that a legend should tell of carries the name of its mark as gid; of what is drawn in several parts (a median
with its interval) one part carries it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerBase
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Transform

from ifp.analysis.figures.style import BAND, INK, NEUTRAL, PALE, SMALL_PT

POINT, ABRUPT = "point", "first-order point"
NETWORK, ABRUPT_NETWORK = "network", "first-order network"
CENSORED, BOUND = "censored", "bound"
MEDIAN, MEDIAN_ALONE, INTERVAL, BRACKET = "median", "median alone", "interval", "bracket"
BRACKET_END, EDGES, FILLED, OUTLINE = "bracket end", "edges", "filled", "outline"
_MOST_COLUMNS = 4
_MOST_MARKERS = 3
"""Each factor has a marker of its own; so many stand for all in an entry of a legend."""


def mark_style(mark: str, color: str) -> dict[str, Any]:
    """How a mark's line or marker is drawn in a colour, as keywords of `Axes.plot`."""
    open_face: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": color, "linestyle": "none"}
    return {
        POINT: {"color": color, "markersize": 2.6, "markeredgewidth": 0, "linestyle": "none"},
        ABRUPT: {**open_face, "markersize": 2.8, "markeredgewidth": 0.7},
        NETWORK: {"color": color, "markersize": 3.0, "markeredgewidth": 0, "linestyle": "none"},
        ABRUPT_NETWORK: {"color": color, "markersize": 3.0, "markeredgecolor": INK, "markeredgewidth": 0.5,
                         "linestyle": "none"},
        CENSORED: {**open_face, "markersize": 3.6, "markeredgewidth": 0.6},
        BOUND: {**open_face, "markeredgecolor": INK, "markersize": 5, "markeredgewidth": 1.0},
        BRACKET: {"color": INK, "linewidth": 0.8},
        BRACKET_END: {"color": color, "markersize": 4.6, "markeredgecolor": INK, "markeredgewidth": 0.6,
                      "linestyle": "none"},
        MEDIAN: {"color": INK, "linewidth": 1.3},
        INTERVAL: {"color": NEUTRAL, "linewidth": 2.4, "alpha": 0.55, "solid_capstyle": "butt"},
    }[mark]  # fmt: skip


def box_style(mark: str, color: str = NEUTRAL) -> dict[str, Any]:
    """How a mark's area is drawn, as keywords of a patch."""
    return {
        EDGES: {"facecolor": BAND, "edgecolor": PALE, "linewidth": 0.5, "alpha": 0.75},
        FILLED: {"facecolor": to_rgba(color, 0.35), "edgecolor": color, "linewidth": 0.6},
        OUTLINE: {"facecolor": "none", "edgecolor": color, "linewidth": 0.8},
    }[mark]


Draw = Callable[[str, Sequence[str], float, float, float, float], list[Artist]]
"""draw(mark, markers, left, right, y, height) -> the artists of a legend's entry, in its box."""


def add_legend(figure: Figure, axes: Iterable[Axes], labels: Mapping[str, str], draw: Draw | None = None) -> int:
    """A legend at the foot of a page, of the marks that these axes and those inset in them show; call in `paper_style`.

    Parameters
    ----------
    labels : what the marks mean, in the order of the legend; marks that are not named are left out.
    draw : how an entry is drawn, given the markers (of the factors) with which its mark stands in the plot; None for
        the marks of this file.

    Returns
    -------
    How many lines it has: as many entries stand side by side as fit.
    """
    parts = [part for ax in axes for part in (ax, *ax.child_axes)]
    drawn: dict[str | None, dict[str, None]] = {}
    for artist in (artist for part in parts for artist in (*part.lines, *part.patches, *part.collections)):
        markers = drawn.setdefault(artist.get_gid(), {})
        if isinstance(artist, Line2D):
            markers[str(artist.get_marker())] = None
    marks = [mark for mark in labels if mark in drawn]
    if not marks:
        return 0
    texts = [labels[mark] for mark in marks]
    columns = next(n for n in range(_MOST_COLUMNS, 0, -1) if n == 1 or _width_in(texts, n) <= figure.get_figwidth())
    figure.legend(
        [_Entry(mark, list(drawn[mark])) for mark in marks], texts,
        handler_map={_Entry: _EntryHandler(draw or _drawn)}, ncols=columns, loc="outside lower center",
    )  # fmt: skip
    return math.ceil(len(marks) / columns)


def _width_in(texts: Sequence[str], columns: int) -> float:
    """How wide a legend of these texts comes out, filled column by column."""
    font = FontProperties(size=SMALL_PT)
    widths_pt = [text_to_path.get_text_width_height_descent(text, font, ismath="$" in text)[0] for text in texts]
    per_column = [part.max() for part in np.array_split(widths_pt, columns) if len(part)]
    # in letters, as the style has them: the handle, its gap, the gap to the next column, and the margins
    return (sum(per_column) + (len(per_column) * (1.9 + 0.5 + 1.2) + 2.0) * SMALL_PT) / 72


class _Entry(Artist):
    """An entry of a legend, drawn by the name of its mark and the markers with which it stands in the plot."""

    def __init__(self, mark: str, markers: Sequence[str]) -> None:
        super().__init__()
        self.mark, self.markers = mark, markers


class _EntryHandler(HandlerBase):
    """Draws a mark, in grey because colour stands for the factor, into the box that the legend gives it."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.draw = draw

    def create_artists(
        self, legend: Legend, orig_handle: Artist, xdescent: float, ydescent: float, width: float, height: float,
        fontsize: float, trans: Transform,
    ) -> Sequence[Artist]:  # fmt: skip
        assert isinstance(orig_handle, _Entry)
        artists = self.draw(
            orig_handle.mark, orig_handle.markers, -xdescent, width - xdescent, height / 2 - ydescent, height
        )
        for artist in artists:
            artist.set_transform(trans)
        return artists


def spread_over(count: int, left: float, right: float) -> list[float]:
    """Where as many markers stand side by side in an entry's box.

    >>> spread_over(1, 0, 12), spread_over(3, 0, 12)
    ([6.0], [2.0, 6.0, 10.0])
    """
    return [left + (right - left) * (at + 0.5) / count for at in range(count)]


def _drawn(mark: str, markers: Sequence[str], left: float, right: float, y: float, height: float) -> list[Artist]:
    middle = (left + right) / 2

    def line(name: str, x: Sequence[float], at: Sequence[float], marker: str | None = None) -> Line2D:
        return Line2D(x, at, marker=marker, **mark_style(name, NEUTRAL))

    if mark in (EDGES, FILLED, OUTLINE):
        return [Rectangle((left, y - height / 2), right - left, height, **box_style(mark))]
    if mark in (MEDIAN, MEDIAN_ALONE):
        tick = line(MEDIAN, [middle, middle], [y - 0.55 * height, y + 0.55 * height])
        return [tick] if mark == MEDIAN_ALONE else [line(INTERVAL, [left, right], [y, y]), tick]
    if mark in (POINT, ABRUPT):
        shown = list(markers)[:_MOST_MARKERS]
        return [
            line(mark, [x], [y], shape) for x, shape in zip(spread_over(len(shown), left, right), shown, strict=True)
        ]
    # what has a direction: one arrow to either side
    inner = 0.2 * (right - left)
    ends = [line(BRACKET_END if mark == BRACKET else mark, [x], [y], arrow)
            for x, arrow in ((left + inner, "<"), (right - inner, ">"))]  # fmt: skip
    return [line(BRACKET, [left + inner, right - inner], [y, y]), *ends] if mark == BRACKET else [*ends]
