"""Analysis of saved runs: freezing points, tables and figures. No torch.

Public names load on first use; the plotting functions are in `ifp.analysis.plots`, the only part with matplotlib.
"""

from __future__ import annotations

from ifp.lazy import lazy_names

_HOME = {
    "Annealing": "ifp.analysis.freezing.annealing",
    "draw_run": "ifp.analysis.freezing.plot_run",
    "first_order": "ifp.analysis.freezing.transitions",
    "freezing_points": "ifp.analysis.freezing.points",
    "hysteresis": "ifp.analysis.freezing.points",
    "json_rows": "ifp.analysis.tables",
    "measured_values": "ifp.analysis.freezing.by_measure",
    "pressure_stages": "ifp.analysis.freezing.pressures",
    "read_run": "ifp.analysis.freezing.saved_run",
    "suggest_pressures": "ifp.analysis.freezing.pressures",
    "summarize": "ifp.analysis.freezing.summary",
    "summary_texts": "ifp.analysis.freezing.summary",
    "write_csv": "ifp.analysis.tables",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazy_names("ifp.analysis", _HOME, ["channels", "diffusion", "joint", "metrics", "plots"])
