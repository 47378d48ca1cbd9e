"""The figure of an annealing test as a notebook wants it: one pair of axes, or a figure with its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.figures.plot_layout import on_lines
from ifp.analysis.figures.plot_page import check_axes, paper_style, pyplot_figure
from ifp.analysis.figures.style import factor_looks
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.naming import check_names, factor_order
from ifp.analysis.freezing.plot_distribution import plot_freezing_points
from ifp.analysis.freezing.plot_run import KINDS, distribution_figure, trace_figure
from ifp.analysis.freezing.plot_trace import make_room, plot_trace
from ifp.analysis.freezing.summary import summarize
from ifp.errors import unknown_name

WIDTH_IN = 5.5
"""Width of a new figure in a notebook, in inches."""


def plot_annealing(
    run: Annealing,
    *,
    kind: str = "kde",
    factor: str | None = None,
    method: str | None = None,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """See `Annealing.plot`."""
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    check_axes(ax)
    check_names([*order, *(labels or {}), *([factor] if factor else [])], run.factor_names)
    points = run.freezing_points()
    summary = summarize(points, order=order)
    naming: dict[str, Any] = {"order": order, "labels": labels}
    if kind == "trace" and (factor or ax is not None):
        name = factor or factor_order(summary, order)[0]
        look, label = factor_looks(run.factor_names)[name], (labels or {}).get(name)
        with paper_style() if ax is None else nullcontext():
            drawn = plot_trace(run.trace, points, factor=name, label=label, method=method, look=look, ax=ax)
            if isinstance(drawn.figure, Figure) and ax is None:
                make_room(drawn.figure, [drawn])
            return drawn
    if ax is not None:
        conditions = on_lines(run.conditions(), ax.figure.bbox.width / ax.figure.dpi)
        return plot_freezing_points(
            points, kind=kind, method=method, summary=summary, looks=factor_looks(run.factor_names), scale=scale,
            conditions=conditions, ax=ax, **naming,
        )  # fmt: skip
    with paper_style():
        figure = pyplot_figure(WIDTH_IN)
        same: dict[str, Any] = {"width_in": WIDTH_IN, "method": method, "figure": figure, **naming}
        if kind == "trace":
            trace_figure(run, points, summary, **same)
        else:
            distribution_figure(run, points, summary, kind=kind, scale=scale, **same)
    return figure.axes[0]
