"""Two checkpoints of the same data side by side: what differs, and which differences are within noise.

Shapes: B resamples, K numbers compared together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.holders import ACTIVE_NATS, factor_numbers
from ifp.analysis.information.intervals import simultaneous_interval, within_noise, without_rounding
from ifp.errors import IfpError

AS_COUNTED = ("nmi1", "nmi2", "gap")
COMPARED = (*AS_COUNTED, "carriers", "excess_nmi1", "excess_nmi2")
TOTAL_KL, ACTIVE_LATENTS = "kl_nats", "active_latents"
NEGLIGIBLE = 1e-6
"""A difference of at most this, or this share of the larger number, is within noise whatever its interval says."""
COMPARISON_COLUMNS = ("estimator", "factor", "measure", "a", "b", "difference", "low", "high", "within_noise")


@dataclass(frozen=True, eq=False)
class Comparison:
    """B less A.

    Attributes
    ----------
    label_a, label_b : the two models' names.
    paired : whether both were measured on the same images, so that the images' part of the noise cancels.
    table : `COMPARISON_COLUMNS`, one row per estimator, factor and measure of `COMPARED`, then (estimator and factor
        "") the total KL and the number of active latents. low and high hold for all rows of an estimator together
        (95 %); `within_noise` is whether they include 0, or the difference is `NEGLIGIBLE`; None where a number is
        unknown (carriers of a factor that nobody holds).
    """

    label_a: str
    label_b: str
    paired: bool
    table: pd.DataFrame


def compare(a: Diagnosis, b: Diagnosis, *, label_a: str = "A", label_b: str = "B") -> Comparison:
    """Differences B - A with their intervals; of two series, compare the last records.

    Diagnoses of the same images with the same seed are paired: each resample draws the same images for both. Others of
    the same data are taken as independent. The intervals speak of the two checkpoints, not of the methods that trained
    them: retraining with another seed moves NMI more than drawing other images does.

    Raises
    ------
    IfpError : other factors, other data, other estimators or settings.
    """
    _check_comparable(a, b, label_a, label_b)
    rows: list[dict[str, object]] = []
    for estimator in a.information:
        rows += _rows(estimator, _factor_entries(a, b, estimator))
    rows += _rows("", _model_entries(a, b))
    return Comparison(
        label_a, label_b, a.images_key == b.images_key, pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    )


_Entry = tuple[str, str, float, float, np.ndarray, float]
"""An entry is (factor, measure, value in A, value in B, replicates of B - A, bias of B - A by the floors)."""


def _factor_entries(a: Diagnosis, b: Diagnosis, estimator: str) -> Iterator[_Entry]:
    of_a, of_b = (factor_numbers(model.information[estimator]) for model in (a, b))
    for factor, name in enumerate(a.factor_names):
        for measure in COMPARED:
            estimate_a, boot_a_B, floor_a = (getattr(numbers, measure)[..., factor] for numbers in of_a)
            estimate_b, boot_b_B, floor_b = (getattr(numbers, measure)[..., factor] for numbers in of_b)
            yield name, measure, estimate_a, estimate_b, boot_b_B - boot_a_B, floor_b - floor_a


def _model_entries(a: Diagnosis, b: Diagnosis) -> Iterator[_Entry]:
    total_a_B, total_b_B = (model.kl_bootstrap_nats_BD.sum(axis=1) for model in (a, b))
    yield "", TOTAL_KL, a.kl_nats_D.sum(), b.kl_nats_D.sum(), total_b_B - total_a_B, 0.0
    active_a_B, active_b_B = ((model.kl_bootstrap_nats_BD >= ACTIVE_NATS).sum(axis=1) for model in (a, b))
    active_a, active_b = (float((model.kl_nats_D >= ACTIVE_NATS).sum()) for model in (a, b))
    yield "", ACTIVE_LATENTS, active_a, active_b, (active_b_B - active_a_B).astype(np.float64), 0.0


def _rows(estimator: str, entries: Iterator[_Entry]) -> list[dict[str, object]]:
    kept = list(entries)
    difference_K = np.array([b - a for _, _, a, b, *_ in kept])
    replicates_BK = np.stack([replicates_B for *_, replicates_B, _ in kept], axis=1)
    floor_K = np.array([floor for *_, floor in kept])
    low_K, high_K = simultaneous_interval(difference_K, replicates_BK, floor_K=floor_K)
    # as counted, a difference holds a bias that its interval does not: where they part the interval takes in both
    counted_K = np.array([measure in AS_COUNTED for _, measure, *_ in kept])
    low_K = np.where(counted_K, np.minimum(low_K, difference_K), low_K)
    high_K = np.where(counted_K, np.maximum(high_K, difference_K), high_K)
    return [
        {
            "estimator": estimator,
            "factor": factor,
            "measure": measure,
            "a": float(without_rounding(a)),
            "b": float(without_rounding(b)),
            "difference": float(without_rounding(b - a)),
            "low": float(low),
            "high": float(high),
            "within_noise": bool(abs(b - a) <= NEGLIGIBLE * max(1.0, abs(a), abs(b))) or within_noise(low, high),
        }
        for (factor, measure, a, b, *_), low, high in zip(kept, low_K, high_K, strict=True)
    ]


def _check_comparable(a: Diagnosis, b: Diagnosis, label_a: str, label_b: str) -> None:
    if a.data != b.data:
        raise IfpError(
            f"{label_a} was measured on {a.data!r} and {label_b} on {b.data!r}; measure both on the same data."
        )
    if (a.factor_names, a.factor_sizes) != (b.factor_names, b.factor_sizes):
        raise IfpError(
            f"{label_a} has the factors {', '.join(a.factor_names) or 'none'} and {label_b} "
            f"{', '.join(b.factor_names) or 'none'} (or other numbers of values); measure both on the same data."
        )
    kept_apart = {"seed", "images"}  # other images of the same data are allowed: the intervals are then independent
    settings_a, settings_b = (
        {key: value for key, value in model.settings.items() if key not in kept_apart} for model in (a, b)
    )
    differing = sorted(
        key for key in settings_a.keys() | settings_b.keys() if settings_a.get(key) != settings_b.get(key)
    )
    if differing:
        raise IfpError(
            f"{label_a} and {label_b} were measured with different settings ({', '.join(differing)}); "
            "measure both with the same."
        )
