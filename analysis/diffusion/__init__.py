"""What each latent holds, which factors have diffused over several latents, and what leaked away.

Public names load on first use; the figures are in `ifp.analysis.diffusion.plot_diagnosis`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Comparison": "comparison",
    "Diagnosis": "diagnosis",
    "Information": "information",
    "JointInformation": "joint_information",
    "KlDecomposition": "decomposition",
    "Results": "results",
    "Series": "series",
    "SeriesRecord": "series",
    "compare": "comparison",
    "checkpoint_verdict": "verdict",
    "comparison_verdict": "verdict",
    "decompose_kl": "decomposition",
    "diagnose": "diagnosis",
    "histogram_mi_nats": "mutual_information",
    "load_results": "results",
    "make_results": "results",
    "make_series": "series",
    "measure_information": "information",
    "measure_joint": "joint_information",
    "melting_points": "melting",
    "shifts": "melting",
    "series_verdict": "verdict",
    "write_results": "results",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ifp.analysis.diffusion' has no attribute {name!r}")
    return getattr(import_module(f"ifp.analysis.diffusion.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
