"""Whole data sets: what freezes when all factors are annealed at once. Public names load on first use."""

from __future__ import annotations

from ifp.lazy import lazy_names

_HOME = {
    "JointStudy": "ifp.analysis.joint.prepared",
    "LEAST_RECORDS": "ifp.analysis.joint.peaks",
    "MiPeaks": "ifp.analysis.joint.peaks",
    "PEAKS": "ifp.analysis.joint.peaks",
    "STEPS": "ifp.analysis.joint.peaks",
    "WholeAnnealing": "ifp.analysis.joint.results",
    "WholeEdges": "ifp.analysis.joint.results",
    "anneal_whole": "ifp.analysis.joint.study",
    "edge_tables": "ifp.analysis.joint.edges",
    "held_nats": "ifp.analysis.joint.held",
    "joint_freezing_points": "ifp.analysis.joint.points",
    "joint_pressures": "ifp.analysis.joint.peaks",
    "joint_study": "ifp.analysis.joint.prepared",
    "mi_peaks": "ifp.analysis.joint.peaks",
    "plan_whole": "ifp.analysis.joint.plan",
    "read_study": "ifp.analysis.joint.prepared",
    "read_whole": "ifp.analysis.joint.results",
    "run_study": "ifp.analysis.joint.run",
    "summarize_joint": "ifp.analysis.joint.points",
    "whole_config": "ifp.analysis.joint.settings",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazy_names("ifp.analysis.joint", _HOME)
