"""The plotting functions, in one place: `from ifp.analysis.plots import plot_freezing_points`. Needs matplotlib."""

from __future__ import annotations

from ifp.analysis.plot_distribution import plot_freezing_points
from ifp.analysis.plot_run import DEFAULT_KINDS, KINDS, draw_run
from ifp.analysis.plot_style import paper_style, save_figure
from ifp.analysis.plot_trace import plot_trace

__all__ = ["DEFAULT_KINDS", "KINDS", "draw_run", "paper_style", "plot_freezing_points", "plot_trace", "save_figure"]
