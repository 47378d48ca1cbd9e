"""Melting points of a probed model: at which beta each factor's information, and each latent's KL, is lost.

A factor's IFP in a trained model is the beta at which its largest NMI (above the floor) passes half of what it was at
the lowest beta: the first record when beta rises, the last when it falls. A latent's is where its KL passes the
threshold of the annealing test. Between two records beta is interpolated, the measure linear in ln beta.

For one linear latent NMI = ln(beta_c / beta) / 2H, so half of it is left at sqrt(beta_c x starting beta): a factor's
melting point depends on where the probe starts. Only probes from the same beta can be compared; a latent's threshold
does not have that dependence (its KL passes 0.1 nat at 0.819 beta_c wherever the probe began).

Shapes: T records, D latents, F factors, B resamples, S pairs of models (seeds).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ifp.analysis.diffusion.holders import above_noise_DF
from ifp.analysis.information.intervals import LEVEL
from ifp.analysis.information.per_latent import Information
from ifp.errors import IfpError

MELTED, NOT_HELD, NEVER_MELTED = "melted", "not_held", "never_melted"
"""Statuses of a melting point. Only a melted one has a `beta_ifp`; never_melted means still held at the last record
(censored)."""
MELTING_COLUMNS = ("kind", "name", "beta_ifp", "low", "high", "status", "held_at_start", "beta_start", "beta_end")
FEWEST_PAIRS = 6
"""Minimum number of pairs for an interval. The t-distribution assumes normal differences, and fewer pairs cannot show
whether they are."""
SHIFT_COLUMNS = (
    "kind", "name", "pairs", "baseline", "mitigated", "shift", "shift_low", "shift_high", "ratio", "ratio_low",
    "ratio_high", "within_noise", "censored",
)  # fmt: skip


def last_crossing(beta_T: np.ndarray, value_T: np.ndarray, level: float) -> float:
    """The beta beyond which the values stay below `level`, with beta in ascending order; NaN where there is none.

    >>> round(last_crossing(np.array([1.0, 10.0, 100.0]), np.array([4.0, 2.0, 0.0]), 1.0), 3)
    31.623
    """
    above = np.flatnonzero(value_T >= level)
    if not len(above) or above[-1] == len(value_T) - 1:
        return float("nan")
    last = above[-1]
    share = (value_T[last] - level) / (value_T[last] - value_T[last + 1])
    return float(np.exp(np.log(beta_T[last]) + share * (np.log(beta_T[last + 1]) - np.log(beta_T[last]))))


def melting_points(
    beta_T: np.ndarray,
    kl_nats_TD: np.ndarray,
    information_T: Sequence[Information] = (),
    factor_names: Sequence[str] = (),
    *,
    threshold_nats: float = 0.1,
) -> pd.DataFrame:
    """One row per factor, then one per latent, with `MELTING_COLUMNS`.

    Parameters
    ----------
    beta_T : in the order of the records, rising or falling. kl_nats_TD : of the same images at each record.
    information_T : one per record, all with the same settings; empty without factors.

    Returns
    -------
    `low` and `high` are the 95 % interval over resamples of the images (factors only): of this one model, not of its
    method. Percentiles serve here, because the images are hundreds or thousands. Censored or absent where the status
    says so.

    Raises
    ------
    IfpError : fewer than 2 records, or numbers of records that differ.
    """
    if len(beta_T) < 2 or len(kl_nats_TD) != len(beta_T) or len(information_T) not in (0, len(beta_T)):
        raise IfpError(f"Melting points need at least 2 records with all measures at each, got {len(beta_T)} betas.")
    order_T = np.argsort(beta_T, kind="stable")
    beta_T, kl_nats_TD = np.asarray(beta_T)[order_T], np.asarray(kl_nats_TD)[order_T]
    ends = {"beta_start": float(beta_T[0]), "beta_end": float(beta_T[-1])}
    rows: list[dict[str, object]] = []
    if information_T:
        information = [information_T[record] for record in order_T]
        excess_TDF = np.stack([record.nmi_DF - record.floor_nmi_DF for record in information])
        largest_TF = excess_TDF.max(axis=1)
        # resamples are centred on the estimate: their own bias would move every curve up
        boot_TBDF = np.stack(
            [record.bootstrap_nmi_BDF - record.bootstrap_nmi_BDF.mean(axis=0) for record in information]
        )
        largest_TBF = (boot_TBDF + excess_TDF[:, None]).max(axis=2)
        held_F = np.any(above_noise_DF(information[0]), axis=0).tolist()
        for factor, name in enumerate(factor_names):
            start = float(largest_TF[0, factor])
            point = last_crossing(beta_T, largest_TF[:, factor], start / 2) if held_F[factor] else float("nan")
            replicates = [
                last_crossing(beta_T, largest_TBF[:, b, factor], largest_TBF[0, b, factor] / 2)
                for b in range(largest_TBF.shape[1])
            ]
            rows.append(_row("factor", name, point, bool(held_F[factor]), start, ends, replicates))
    for latent in range(kl_nats_TD.shape[1]):
        start = float(kl_nats_TD[0, latent])
        held = start >= threshold_nats
        point = last_crossing(beta_T, kl_nats_TD[:, latent], threshold_nats) if held else float("nan")
        rows.append(_row("latent", str(latent), point, held, start, ends, []))
    return pd.DataFrame(rows, columns=list(MELTING_COLUMNS))


def shifts(
    baseline_S: Sequence[pd.DataFrame],
    mitigated_S: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    """How far the factors' melting points lie apart, mitigated less baseline, paired by seed; with `SHIFT_COLUMNS`.

    `baseline` and `mitigated` are means over the pairs in which both melted; `ratio` is the geometric mean of their
    quotients; the intervals are Student's, over the pairs' differences and log quotients, because percentiles of so few
    resampled pairs do not cover. They are empty and `within_noise` is None with fewer than FEWEST_PAIRS. `censored`
    counts the pairs that were left out because a factor was not held or never melted in one of the two.

    Raises
    ------
    IfpError : no pair, different numbers of models, or probes that began at different betas.
    """
    if len(baseline_S) != len(mitigated_S) or not len(baseline_S):
        raise IfpError(
            f"Shifts are paired by seed; {len(baseline_S)} baseline and {len(mitigated_S)} other models do not pair."
        )
    starts = {float(table["beta_start"].iloc[0]) for table in (*baseline_S, *mitigated_S)}
    if len(starts) > 1:
        raise IfpError(
            f"The probes began at different betas ({sorted(starts)}), so their melting points do not compare."
        )
    factors = [
        name for kind, name in zip(baseline_S[0]["kind"], baseline_S[0]["name"], strict=True) if kind == "factor"
    ]
    rows = []
    for name in factors:
        pairs = np.array([[_beta_of(a, name), _beta_of(b, name)] for a, b in zip(baseline_S, mitigated_S, strict=True)])
        complete = pairs[np.isfinite(pairs).all(axis=1)]
        rows.append(_shift_row(name, complete, len(pairs) - len(complete)))
    return pd.DataFrame(rows, columns=list(SHIFT_COLUMNS))


def _row(
    kind: str, name: str, point: float, held: bool, start: float, ends: dict[str, float], replicates: Sequence[float]
) -> dict[str, object]:
    status = NOT_HELD if not held else MELTED if np.isfinite(point) else NEVER_MELTED
    finite = np.array([value for value in replicates if np.isfinite(value)])
    tail = (1 - LEVEL) / 2
    low, high = float("nan"), float("nan")
    if status == MELTED and len(finite):
        # where some resamples never melt, the percentiles of the others may pass the estimate by
        found_low, found_high = np.quantile(finite, [tail, 1 - tail]).tolist()
        low, high = min(found_low, point), max(found_high, point)
    return {"kind": kind, "name": name, "beta_ifp": point, "low": low, "high": high, "status": status,
            "held_at_start": start, **ends}  # fmt: skip


def _beta_of(table: pd.DataFrame, factor: str) -> float:
    rows = table[(table["kind"] == "factor") & (table["name"] == factor)]
    return float(rows["beta_ifp"].iloc[0]) if len(rows) else float("nan")


def _shift_row(name: str, known_S2: np.ndarray, censored: int) -> dict[str, object]:
    empty = float("nan")
    row: dict[str, object] = {"kind": "factor", "name": name, "pairs": len(known_S2), "censored": censored}
    if not len(known_S2):
        return row | dict.fromkeys(SHIFT_COLUMNS[3:11], empty) | {"within_noise": None}
    shift_S, ratio_S = known_S2[:, 1] - known_S2[:, 0], np.log(known_S2[:, 1] / known_S2[:, 0])
    row |= {
        "baseline": known_S2[:, 0].mean(),
        "mitigated": known_S2[:, 1].mean(),
        "shift": shift_S.mean(),
        "ratio": np.exp(ratio_S.mean()),
    }
    bounds = dict.fromkeys(("shift_low", "shift_high", "ratio_low", "ratio_high"), empty)
    if len(known_S2) < FEWEST_PAIRS:
        return row | bounds | {"within_noise": None}
    bounds["shift_low"], bounds["shift_high"] = _mean_interval(shift_S)
    bounds["ratio_low"], bounds["ratio_high"] = np.exp(_mean_interval(ratio_S)).tolist()
    return row | bounds | {"within_noise": bool(bounds["shift_low"] <= 0 <= bounds["shift_high"])}


def _mean_interval(value_S: np.ndarray) -> tuple[float, float]:
    """Student's interval of the mean."""
    reach = stdtrit(len(value_S) - 1, (1 + LEVEL) / 2) * value_S.std(ddof=1) / np.sqrt(len(value_S))
    return float(value_S.mean() - reach), float(value_S.mean() + reach)
