"""Intervals from bootstrap replicates of information measures.

Counting overstates information, and counting a resample overstates it once more: replicates lie above the estimate by
about as much as the estimate lies above the truth. Percentiles of the replicates would therefore miss the truth nearly
always (they would contain it in 0 to 40 % of repeats of the tests' cases); both intervals below first take the
replicates' mean excess off the estimate.

Shapes: B resamples, K numbers looked at together; any further axes.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

LEVEL = 0.95
"""Coverage of every interval of a diagnosis."""

FEWEST_RESAMPLES = 20
ROUNDING = 1e-9
"""Differences below this are rounding, not information."""


def corrected_interval(
    estimate: np.ndarray, bootstrap_B: np.ndarray, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """The bias-corrected normal interval of each number by itself.

    estimate - (mean of the replicates - estimate) +- z sd(replicates). It speaks of the true value, so it may lie
    wholly below an estimate that is mostly bias (an NMI at its noise floor).

    Parameters
    ----------
    estimate : any shape [...]. bootstrap_B : its replicates, [B, ...]. level : coverage.

    Returns
    -------
    low, high [...]; NaN where the estimate or a replicate is.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application (1997), equation 5.4.
    """
    corrected, spread = _centre(np.asarray(estimate), bootstrap_B)
    reach = NormalDist().inv_cdf((1 + level) / 2) * spread
    return corrected - reach, corrected + reach


def simultaneous_interval(
    estimate_K: np.ndarray, bootstrap_BK: np.ndarray, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected intervals [K] that hold all K together with probability `level`.

    Their common width is the `level` quantile over the replicates of the largest studentised deviation, so looking at
    many differences and picking the largest is paid for. NaN entries stay NaN and cost nothing.

    References
    ----------
    Davison and Hinkley (1997), section 4.2.4 (simultaneous envelopes); Romano and Wolf, Econometrica 73 (2005).
    """
    corrected_K, spread_K = _centre(estimate_K, bootstrap_BK)
    reach_K = largest_deviation(bootstrap_BK, level=level) * spread_K
    return corrected_K - reach_K, corrected_K + reach_K


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


def within_noise(low: float, high: float) -> bool | None:
    """Whether a difference of 0 lies in the interval; None where nothing is known.

    >>> within_noise(-0.1, 0.2), within_noise(0.1, 0.2), within_noise(float("nan"), 0.2)
    (True, False, None)
    """
    if np.isnan(low) or np.isnan(high):
        return None
    return bool(low <= ROUNDING and high >= -ROUNDING)


def _centre(estimate: np.ndarray, bootstrap_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The estimate less its bootstrap bias, and its standard error, both [...]."""
    return 2 * estimate - bootstrap_B.mean(axis=0), bootstrap_B.std(axis=0, ddof=1)
