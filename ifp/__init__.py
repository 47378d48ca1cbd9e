"""ifp: at which beta does each factor of variation freeze into a VAE's latents, and where did the information go?

Public names load on first use, so that `import ifp` costs no torch.
"""

from __future__ import annotations

from ifp.lazy import lazy_names
from ifp.system.forked import at_fork_one_thread

__version__ = "0.1.0"

_HOME = {
    "AnnealConfig": "ifp.annealing.config",
    "AnnealTrace": "ifp.trace",
    "Codes": "ifp.codes",
    "FactorDataset": "ifp.datasets.base",
    "FactorSpace": "ifp.datasets.factors",
    "FactorTraversal": "ifp.datasets.factors",
    "FreezingBounds": "ifp.theory.closed_form",
    "CellOptions": "ifp.checkpoints.cells",
    "IfpError": "ifp.errors",
    "Recorder": "ifp.analysis.recording.study",
    "ReadingOptions": "ifp.checkpoints.source",
    "TrainConfig": "ifp.training.config",
    "anneal": "ifp.analysis.freezing.study",
    "cached_files": "ifp.datasets.kept_files",
    "channels": "ifp.analysis.channels.study",
    "anneal_whole": "ifp.analysis.joint.study",
    "clean_cache": "ifp.datasets.kept_files",
    "dataset": "ifp.datasets.arrays",
    "diagnose": "ifp.analysis.diffusion.study",
    "directions": "ifp.analysis.directions.study",
    "exact_annealing": "ifp.analysis.freezing.traversals",
    "freezing_bounds": "ifp.analysis.freezing.traversals",
    "lightning_callback": "ifp.analysis.recording.lightning_callback",
    "load_dataset": "ifp.datasets.catalog",
    "plot": "ifp.analysis.plot_folder",
    "preset_config": "ifp.annealing.config",
    "read_cells": "ifp.checkpoints.cells",
    "read_checkpoints": "ifp.checkpoints.encoded_runs",
    "read_correlated": "ifp.checkpoints.regimes",
    "report": "ifp.analysis.report.study",
    "save_vae": "ifp.checkpoints.native",
    "set_up": "ifp.training.setup",
    "shift": "ifp.analysis.shift.study",
    "suggest": "ifp.analysis.suggestion.study",
    "table": "ifp.analysis.report.paper_table",
    "train": "ifp.analysis.training.study",
    "watch": "ifp.analysis.watching.study",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazy_names("ifp", _HOME, ["analysis", "checkpoints", "datasets", "objectives"])

at_fork_one_thread()
