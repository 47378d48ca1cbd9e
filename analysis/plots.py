"""The plotting functions, in one place: `from ifp.analysis.plots import plot_freezing_points`. Needs matplotlib."""

from __future__ import annotations

from ifp.analysis.figures.plot_page import paper_style, save_figure
from ifp.analysis.freezing.plot_distribution import plot_freezing_points
from ifp.analysis.freezing.plot_run import DEFAULT_KINDS, KINDS, draw_run
from ifp.analysis.freezing.plot_trace import plot_trace

__all__ = ["DEFAULT_KINDS", "KINDS", "draw_run", "paper_style", "plot_freezing_points", "plot_trace", "save_figure"]
