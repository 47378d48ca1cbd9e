"""Freezing points of traversals: points, their intervals over contexts, tables and figures of a run.

Public names load on first use.
"""

from __future__ import annotations

from ifp.lazy import lazy_names

_HOME = {
    "Annealing": "ifp.analysis.freezing.annealing",
    "FROZEN": "ifp.analysis.freezing.points",
    "FROZEN_AT_START": "ifp.analysis.freezing.points",
    "NEVER_FROZE": "ifp.analysis.freezing.points",
    "NEVER_MELTED": "ifp.analysis.freezing.points",
    "anneal": "ifp.analysis.freezing.study",
    "consistency": "ifp.analysis.freezing.consistency",
    "draw_run": "ifp.analysis.freezing.plot_run",
    "first_order": "ifp.analysis.freezing.transitions",
    "freezing_points": "ifp.analysis.freezing.points",
    "hysteresis": "ifp.analysis.freezing.points",
    "measured_values": "ifp.analysis.freezing.by_measure",
    "median_interval": "ifp.analysis.freezing.median_interval",
    "plan_annealing": "ifp.analysis.freezing.study",
    "pressure_stages": "ifp.analysis.freezing.pressures",
    "read_run": "ifp.analysis.freezing.saved_run",
    "suggest_pressures": "ifp.analysis.freezing.pressures",
    "summarize": "ifp.analysis.freezing.summary",
    "summary_texts": "ifp.analysis.freezing.summary",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazy_names("ifp.analysis.freezing", _HOME)
