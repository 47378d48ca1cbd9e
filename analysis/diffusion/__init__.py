"""What each latent holds, which factors have diffused over several latents, and what leaked away.

Public names load on first use; the figures are in `ifp.analysis.diffusion.plot_diagnosis`.
"""

from __future__ import annotations

from ifp.lazy import lazy_names

_HOME = {
    "Comparison": "ifp.analysis.diffusion.comparison",
    "Diagnosis": "ifp.analysis.diffusion.diagnosis",
    "Information": "ifp.analysis.information.per_latent",
    "JointInformation": "ifp.analysis.information.joint_information",
    "KlDecomposition": "ifp.analysis.information.decomposition",
    "ModelComparison": "ifp.analysis.diffusion.model_comparison",
    "ModelDiagnosis": "ifp.analysis.diffusion.model_diagnosis",
    "Results": "ifp.analysis.diffusion.results",
    "Series": "ifp.analysis.diffusion.series",
    "SeriesRecord": "ifp.analysis.diffusion.series",
    "checkpoint_verdict": "ifp.analysis.diffusion.verdict",
    "compare": "ifp.analysis.diffusion.comparison",
    "comparison_verdict": "ifp.analysis.diffusion.verdict_of_comparison",
    "decompose_kl": "ifp.analysis.information.decomposition",
    "diagnose": "ifp.analysis.diffusion.diagnosis",
    "histogram_mi_nats": "ifp.analysis.information.mutual_information",
    "load_results": "ifp.analysis.diffusion.results",
    "make_results": "ifp.analysis.diffusion.results_content",
    "make_series": "ifp.analysis.diffusion.series",
    "measure_information": "ifp.analysis.information.per_latent",
    "measure_joint": "ifp.analysis.information.joint_information",
    "melting_points": "ifp.analysis.shift.melting",
    "series_verdict": "ifp.analysis.diffusion.verdict_of_series",
    "shifts": "ifp.analysis.shift.melting",
    "write_results": "ifp.analysis.diffusion.results",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazy_names("ifp.analysis.diffusion", _HOME)
