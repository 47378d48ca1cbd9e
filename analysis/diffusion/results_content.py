"""What is written of a diagnosis: its numbers, tables and sentences gathered into `Results`.

Shapes: D latents, F factors.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.comparison import Comparison
from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.holders import held_DF, noise_ceiling_nmi_DF
from ifp.analysis.diffusion.joint_verdict import joint_cases
from ifp.analysis.diffusion.results import FORMAT, MATRICES, Results
from ifp.analysis.diffusion.series import Series
from ifp.analysis.diffusion.verdict import checkpoint_verdict
from ifp.analysis.diffusion.verdict_of_comparison import comparison_verdict
from ifp.analysis.diffusion.verdict_of_series import of_last_step, series_verdict
from ifp.analysis.information.per_latent import Information
from ifp.analysis.tables import json_rows


def make_results(
    diagnosis: Diagnosis,
    *,
    series: Series | None = None,
    comparison: Comparison | None = None,
    about: Mapping[str, Any] | None = None,
    instead: Sequence[str] = (),
    beside: Sequence[str] = (),
    topology: pd.DataFrame | None = None,
) -> Results:
    """Gather what is written.

    Parameters
    ----------
    diagnosis : of the checkpoint; of a series the last, of a comparison B.
    series, comparison : where there are any.
    about : what the numbers rest on: the model's file and what was assumed of it, the data set's identity, versions.
        Only what JSON can hold.
    instead : sentences that take the verdict's place, where the numbers are not to be believed; none for a verdict.
    beside : sentences that follow the checkpoint's verdict.
    topology : MinMax of each active latent, where it was measured.
    """
    matrices = {estimator: _matrices(measured) for estimator, measured in diagnosis.information.items()}
    total, low, high = diagnosis.total_kl_nats()
    tables = {"factors": diagnosis.factors, "latents": diagnosis.latents}
    sentences = {"checkpoint": [*checkpoint_verdict(diagnosis), *beside]}
    if diagnosis.joint is not None:
        tables["joint"] = joint_cases(diagnosis)
    if series is not None:
        tables |= {"series": series.factors, "steps": series.steps, "changes": series.changes}
        sentences["series"] = series_verdict(series)
        sentences["checkpoint"] = of_last_step(series, sentences["checkpoint"])
    if topology is not None and not topology.empty:
        tables["topology"] = topology
    if comparison is not None:
        tables["comparison"] = comparison.table
        sentences["comparison"] = comparison_verdict(comparison)
    if instead:
        sentences = {"checkpoint": list(instead)}
    content = {
        "format": FORMAT,
        "about": dict(about or {}),
        "data": diagnosis.data,
        "settings": dict(diagnosis.settings),
        "verdict": sentences,
        "verdict_estimator": diagnosis.estimator,
        "factor_names": diagnosis.factor_names,
        "factor_sizes": diagnosis.factor_sizes,
        "kl_nats": diagnosis.kl_nats_D,
        "total_kl_nats": {"value": total, "low": low, "high": high},
        "decomposition": _decomposition(diagnosis),
        "joint_settings": None if diagnosis.joint is None else dict(diagnosis.joint.settings),
        "entropy_nats": {name: measured.entropy_nats_F for name, measured in diagnosis.information.items()},
        **{name: {estimator: of[name] for estimator, of in matrices.items()} for name in (*MATRICES, "holds")},
        "compared": None
        if comparison is None
        else {"a": comparison.label_a, "b": comparison.label_b, "paired": comparison.paired},
        "tables": {name: json_rows(table) for name, table in tables.items()},
    }
    return Results(plain(content))


def _decomposition(diagnosis: Diagnosis) -> dict[str, Any] | None:
    parts = diagnosis.decomposition
    return None if parts is None else {**dataclasses.asdict(parts), "near_cap": parts.near_cap}


def _matrices(information: Information) -> dict[str, np.ndarray]:
    low_DF, high_DF = information.nmi_interval_DF()
    return {
        "nmi": information.nmi_DF,
        "nmi_low": np.clip(low_DF, 0, 1),
        "nmi_high": np.clip(high_DF, 0, 1),
        "floor_nmi": information.floor_nmi_DF,
        "floor_high_nmi": information.floor_high_nmi_DF,
        "ceiling_nmi": noise_ceiling_nmi_DF(information),
        "mi_nats": information.mi_nats_DF,
        "holds": held_DF(information),
    }


def plain(value: Any) -> Any:
    """What strict JSON can hold: arrays as lists, numbers that are not finite as None, paths as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
