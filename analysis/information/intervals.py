"""Intervals from bootstrap replicates of information measures.

Counting overstates information, and counting a resample overstates it once more: replicates lie above the estimate by
about as much as the estimate lies above the truth, so percentiles of the replicates would nearly always miss the truth.
The intervals below first take the bias off the estimate. Of the bias there are two estimates: what the replicates lie
above the estimate (too little where many cells of a table hold few images) and the floor that permuted labels read (too
much where most cells are truly empty, as of a near-perfect code). With plenty of images they agree; where they part, an
interval holds both.

Shapes: B resamples, K numbers looked at together; any further axes.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

LEVEL = 0.95
"""Coverage of every interval of a diagnosis."""

FEWEST_RESAMPLES = 20
"""The fewest resamples from which an interval is computed."""
RECORD_PERMUTATIONS = 20
"""Permutations for the noise floor of one record, where many records of a network are measured."""
ROUNDING = 1e-9
"""Differences below this are rounding, not information."""
LEAST_SHOWN = 0.005
"""An NMI or nats that two decimals show as 0.00 are not called more than noise."""


def corrected_interval(
    estimate: np.ndarray, bootstrap_B: np.ndarray, *, floor: np.ndarray | None = None, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """The bias-corrected normal interval of each number by itself.

    estimate - bias +- z sd(replicates). It speaks of the true value, so it may lie wholly below an estimate that is
    mostly bias (an NMI at its noise floor).

    Parameters
    ----------
    estimate : any shape [...]. bootstrap_B : its replicates, [B, ...]. level : coverage.
    floor : the second estimate of the bias [...]; the replicates' alone where None.

    Returns
    -------
    low, high [...]; NaN where the estimate or a replicate is.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application (1997), equation 5.4.
    """
    return band(np.asarray(estimate), bootstrap_B, floor, NormalDist().inv_cdf((1 + level) / 2))


def simultaneous_interval(
    estimate_K: np.ndarray, bootstrap_BK: np.ndarray, *, floor_K: np.ndarray | None = None, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected intervals [K] that hold all K together with probability `level`.

    Their common width is the `level` quantile over the replicates of the largest studentised deviation, so looking at
    many differences and picking the largest is paid for. NaN entries stay NaN and cost nothing.

    References
    ----------
    Davison and Hinkley (1997), section 4.2.4 (simultaneous envelopes); Romano and Wolf, Econometrica 73 (2005).
    """
    return band(estimate_K, bootstrap_BK, floor_K, largest_deviation(bootstrap_BK, level=level))


def largest_deviation(bootstrap_BK: np.ndarray, *, level: float = LEVEL) -> float:
    """The `level` quantile of max over K of |replicate - mean| / sd; 0 where nothing varies."""
    return float(np.quantile(deviations(bootstrap_BK), level))


def deviations(bootstrap_BK: np.ndarray) -> np.ndarray:
    """max over K of |replicate - mean| / sd, of each resample [B]."""
    varying_K = bootstrap_BK.std(axis=0, ddof=1) > ROUNDING
    if not varying_K.any():
        return np.zeros(len(bootstrap_BK))
    bootstrap_BK = bootstrap_BK[:, varying_K]
    return np.asarray(np.abs((bootstrap_BK - bootstrap_BK.mean(axis=0)) / bootstrap_BK.std(axis=0, ddof=1)).max(axis=1))


def without_rounding(values: np.ndarray | float) -> np.ndarray:
    """The values, but 0 where rounding alone keeps them from it.

    >>> without_rounding(np.array([-3e-16, 0.5]))
    array([0. , 0.5])
    """
    return np.where(np.abs(values) <= ROUNDING, 0.0, values)


def within_noise(low: float, high: float) -> bool | None:
    """Whether a difference of 0 lies in the interval; None where nothing is known.

    >>> within_noise(-0.1, 0.2), within_noise(0.1, 0.2), within_noise(float("nan"), 0.2)
    (True, False, None)
    """
    if np.isnan(low) or np.isnan(high):
        return None
    return bool(low <= ROUNDING and high >= -ROUNDING)


def band(
    estimate: np.ndarray, bootstrap_B: np.ndarray, floor: np.ndarray | None, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """The estimate less its bias, and `reach` standard errors to either side: low, high [...]."""
    resampled = bootstrap_B.mean(axis=0) - estimate
    floor = resampled if floor is None else floor
    spread = reach * bootstrap_B.std(axis=0, ddof=1)
    return estimate - np.maximum(resampled, floor) - spread, estimate - np.minimum(resampled, floor) + spread
