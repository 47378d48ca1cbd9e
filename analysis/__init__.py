"""Analysis of saved runs: freezing points, tables and figures. No torch.

Public names load on first use; the plotting functions are in `ifp.analysis.plots`, the only part with matplotlib.
"""

from __future__ import annotations

from ifp.lazy import lazy_names

_HOME = {
    "RunFolder": "ifp.analysis.run_folder",
    "draw_run": "ifp.analysis.plot_run",
    "first_order": "ifp.analysis.transitions",
    "freezing_points": "ifp.analysis.freezing",
    "hysteresis": "ifp.analysis.freezing",
    "json_rows": "ifp.analysis.tables",
    "measured_values": "ifp.analysis.measures",
    "pressure_stages": "ifp.analysis.pressures",
    "read_run": "ifp.analysis.run_folder",
    "suggest_pressures": "ifp.analysis.pressures",
    "summarize": "ifp.analysis.summary",
    "summary_texts": "ifp.analysis.summary",
    "write_csv": "ifp.analysis.tables",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazy_names("ifp.analysis", _HOME, ["channels", "diffusion", "joint", "metrics", "plots"])
