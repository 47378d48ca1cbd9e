"""A series of checkpoints of one model: what froze when, what diffused and what leaked.

diffusion of a factor = rise of its NMI2 from the lowest value before; leakage = fall of its NMI1 from the highest value
before (the terms of DEFT: information of a factor enters further latents, or leaves the latent that held it).

Shapes: T records, P pairs (earlier record, later record), F factors, B resamples.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.holders import ACTIVE, COLLAPSED, WEAK, factor_numbers
from ifp.analysis.information.intervals import LEVEL, ROUNDING, band, deviations
from ifp.errors import IfpError

DIFFUSION, LEAKAGE = "diffusion", "leakage"
AT_END, LARGEST = "at_end", "largest"
"""A change is measured up to the last record, or as the largest one between any two records."""

CHANGE_COLUMNS = (
    "estimator", "factor", "measure", "span", "change_nmi", "low", "high", "from_step", "to_step", "within_noise",
    "frozen_step",
)  # fmt: skip
RECORD_COLUMNS = (
    "step", "label", "estimator", "factor", "nmi1", "nmi1_low", "nmi1_high", "latent1", "nmi2", "nmi2_low", "nmi2_high",
    "latent2", "gap", "carriers", "excess_nmi1", "excess_nmi1_low", "excess_nmi1_high", "nmi1_above_noise",
    "excess_nmi2", "excess_nmi2_low", "excess_nmi2_high", "nmi2_above_noise", "held_by",
)  # fmt: skip
STEP_COLUMNS = ("step", "label", "kl_nats", "kl_low", "kl_high", ACTIVE, WEAK, COLLAPSED)


@dataclass(frozen=True, eq=False)
class SeriesRecord:
    """One checkpoint of a series: training step, how to call it, what was measured."""

    step: int
    label: str
    diagnosis: Diagnosis


@dataclass(frozen=True, eq=False)
class Series:
    """Records in the order of their steps, and what they say together.

    Attributes
    ----------
    factors : one row per record, estimator and factor, with `RECORD_COLUMNS`.
    steps : one row per record: step, label, kl_nats with interval, numbers of active, weak and collapsed latents.
    changes : one row per estimator, factor, measure (diffusion, leakage) and span, with `CHANGE_COLUMNS`.
    """

    records: tuple[SeriesRecord, ...]
    factors: pd.DataFrame
    steps: pd.DataFrame
    changes: pd.DataFrame


def make_series(records: Iterable[SeriesRecord]) -> Series:
    """Put the records in the order of their steps and measure diffusion and leakage.

    `change_nmi` is the largest change over pairs of records, of NMI less the latents' floors (a floor differs between
    records where posteriors widen or narrow). Taking the largest favours noise: its interval is therefore made from a
    band that holds for all pairs of records, all factors and both measures of an estimator together (95 %), and
    `within_noise` says whether it reaches 0. `frozen_step` is the first record at which a latent holds the factor (NaN:
    never); only what was held can leak.

    Raises
    ------
    IfpError : fewer than 2 records, a step twice, or records measured on different images or by different settings.
    """
    ordered = tuple(sorted(records, key=lambda record: record.step))
    if len(ordered) < 2:
        raise IfpError(f"A series needs at least 2 checkpoints, got {len(ordered)}; give more, or diagnose it alone.")
    for before, after in itertools.pairwise(ordered):
        if before.step == after.step:
            raise IfpError(
                f"{before.label} and {after.label} are both of step {after.step}; give checkpoints of one run."
            )
        if (
            before.diagnosis.images_key != after.diagnosis.images_key
            or before.diagnosis.settings != after.diagnosis.settings
        ):
            raise IfpError(
                f"{before.label} and {after.label} were measured on different images or with different settings; "
                "measure a series with one data set, seed and number of images."
            )
    tables = [
        record.diagnosis.factors.assign(step=record.step, label=record.label).reindex(columns=list(RECORD_COLUMNS))
        for record in ordered
    ]
    factors = pd.concat(tables, ignore_index=True)
    changes = [row for estimator in ordered[0].diagnosis.information for row in _changes(ordered, estimator)]
    return Series(ordered, factors, _steps(ordered), pd.DataFrame(changes, columns=list(CHANGE_COLUMNS)))


def _steps(records: tuple[SeriesRecord, ...]) -> pd.DataFrame:
    rows = []
    for record in records:
        status = record.diagnosis.latent_rows()["status"]
        kl_nats, low, high = record.diagnosis.total_kl_nats()
        counts = {name: int((status == name).sum()) for name in (ACTIVE, WEAK, COLLAPSED)}
        rows.append(
            {"step": record.step, "label": record.label, "kl_nats": kl_nats, "kl_low": low, "kl_high": high, **counts}
        )
    return pd.DataFrame(rows, columns=list(STEP_COLUMNS))


def _changes(records: tuple[SeriesRecord, ...], estimator: str) -> list[dict[str, object]]:
    numbers = [factor_numbers(record.diagnosis.information[estimator]) for record in records]
    earlier_P, later_P = np.triu_indices(len(records), k=1)
    parts = []
    for measure, name, sign in ((DIFFUSION, "excess_nmi2", 1.0), (LEAKAGE, "excess_nmi1", -1.0)):
        # [T, F], [T, B, F], [T, F]: estimates, replicates, bias by the floor
        value_TF, boot_TBF, floor_TF = (
            sign * np.stack([getattr(of_record[kind], name) for of_record in numbers]) for kind in range(3)
        )
        for factor, factor_name in enumerate(records[0].diagnosis.factor_names):
            change_P, change_PB, floor_P = (
                values[later_P, ..., factor] - values[earlier_P, ..., factor]
                for values in (value_TF, boot_TBF, floor_TF)
            )
            parts.append((measure, factor_name, change_P, change_PB.T, floor_P))
    # one band for everything that a reader of the table may pick from
    reach = float(np.quantile(np.max([deviations(change_BP) for *_, change_BP, _ in parts], axis=0), LEVEL))
    spans = ((AT_END, later_P == len(records) - 1), (LARGEST, np.full(len(later_P), True)))
    rows: list[dict[str, object]] = []
    for measure, factor_name, change_P, change_BP, floor_P in parts:
        low_P, high_P = band(change_P, change_BP, floor_P, reach)
        for span, chosen_P in spans:
            at = np.flatnonzero(chosen_P)[change_P[chosen_P].argmax()]
            low, high = (max(float(bound_P[chosen_P].max()), 0.0) for bound_P in (low_P, high_P))
            moved = change_P[at] > ROUNDING
            rows.append(
                {
                    "estimator": estimator,
                    "factor": factor_name,
                    "measure": measure,
                    "span": span,
                    "change_nmi": max(float(change_P[at]), 0.0),
                    "low": low,
                    "high": high,
                    "from_step": records[earlier_P[at] if moved else later_P[at]].step,
                    "to_step": records[later_P[at]].step,
                    "within_noise": low <= ROUNDING,
                    "frozen_step": _frozen_step(records, estimator, factor_name),
                }
            )
    return rows


def _frozen_step(records: tuple[SeriesRecord, ...], estimator: str, factor: str) -> float:
    """The first step at which a latent holds the factor, NaN where none ever does."""
    for record in records:
        rows = record.diagnosis.factor_rows(estimator)
        if rows.loc[rows["factor"] == factor, "held_by"].iloc[0]:
            return float(record.step)
    return float("nan")
