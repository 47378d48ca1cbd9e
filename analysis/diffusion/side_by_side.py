"""Several models in one table, one row each, with UDR: how well they agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ifp.analysis.metrics import udr
from ifp.errors import IfpError

if TYPE_CHECKING:
    from ifp.analysis.diffusion.model_diagnosis import ModelDiagnosis


def side_by_side(models: Sequence[ModelDiagnosis]) -> pd.DataFrame:
    """One row per model: KL, active latents, mean NMI1 and NMI2, metrics, and UDR where there are several models."""
    rows = []
    for model, agreement in zip(models, _udr(models), strict=True):
        diagnosis = model.diagnosis
        total, low, high = diagnosis.total_kl_nats()
        row: dict[str, Any] = {
            "run": model.name,
            "kl_nats": total,
            "kl_low": low,
            "kl_high": high,
            "active": int((diagnosis.latent_rows()["status"] == "active").sum()),
            "latents": diagnosis.num_latents,
        }
        if diagnosis.information:
            factors = diagnosis.factor_rows()
            row |= {
                "nmi1": factors["nmi1"].mean(),
                "nmi2": factors["nmi2"].mean(),
                "carriers": factors["carriers"].mean(),
            }
        if model.run.last.reconstruction_nats is not None:
            row["reconstruction_nats"] = model.run.last.reconstruction_nats[0]
        assert model.measured is not None
        row |= {name: score.value for name, (score, _) in model.measured.scores.items()}
        rows.append(row | {"udr": agreement})
    return pd.DataFrame(rows)


def _udr(models: Sequence[ModelDiagnosis]) -> list[float]:
    """UDR of each model among the others; NaN for one alone, for different images, or where it is not defined."""
    same_images = len({model.diagnosis.images_key for model in models}) == 1
    if len(models) < 2 or not same_images:
        return [float("nan")] * len(models)
    codes = [model.run.last.codes for model in models]
    try:
        score = udr([code.mean_ND for code in codes], [code.kl_nats_D() for code in codes])
    except IfpError:
        return [float("nan")] * len(models)
    return [float(value) for value in score.score_M]
