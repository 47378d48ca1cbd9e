"""Whole data sets: what freezes when all factors are annealed at once. Public names load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "LEAST_RECORDS": "ifp.analysis.joint.peaks",
    "MiPeaks": "ifp.analysis.joint.peaks",
    "PEAKS": "ifp.analysis.joint.peaks",
    "STEPS": "ifp.analysis.joint.peaks",
    "edge_tables": "ifp.analysis.joint.edges",
    "joint_freezing_points": "ifp.analysis.joint.peaks",
    "joint_pressures": "ifp.analysis.joint.peaks",
    "mi_peaks": "ifp.analysis.joint.peaks",
    "summarize_joint": "ifp.analysis.joint.peaks",
    "write_edges": "ifp.analysis.joint.edges",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ifp.analysis.joint' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
