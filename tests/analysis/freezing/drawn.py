"""The figures of a run as matplotlib holds them, and the kinds of those that show freezing points."""

from __future__ import annotations

from matplotlib.figure import Figure

from ifp.analysis import Annealing, summarize
from ifp.analysis.freezing.plot_run import distribution_figure, trace_figure

DISTRIBUTIONS = ("kde", "strip", "ridge", "hist")


def figure_of(run: Annealing, kind: str, *, width_in: float) -> Figure:
    points = run.freezing_points()
    if kind == "trace":
        return trace_figure(run, points, summarize(points), width_in=width_in)[0]
    return distribution_figure(run, points, summarize(points), kind=kind, width_in=width_in)[0]
