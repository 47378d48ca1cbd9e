"""The median over contexts with a cluster-bootstrap interval; censored members keep their place in the order.

Shapes: M members, C contexts (clusters), B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MedianInterval:
    """A median and its percentile interval; -inf or inf where it falls among censored members, NaN where unknown."""

    median: float
    low: float
    high: float


def cluster_bootstrap_median(
    values_M: np.ndarray,
    context_M: np.ndarray,
    *,
    generator: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> MedianInterval:
    """Median of `values_M` with a percentile bootstrap interval over contexts.

    All members (seeds) of a context are drawn together, because they share their images and are not independent. The
    values may hold -inf and inf, for members known only to lie below or above what was tried: they take part by their
    order, so the median is right while fewer than half of the members are censored on one side. NaN is left out.

    Parameters
    ----------
    values_M : beta, possibly infinite. context_M : the cluster of each member (any labels).
    generator : draws the resamples. resamples : how many. level : coverage of the interval.

    Returns
    -------
    MedianInterval: all NaN without values; the interval is NaN with fewer than 2 contexts.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application (1997), sections 3.8 (clusters) and 5.3 (percentile).

    >>> rng = np.random.default_rng(0)
    >>> cluster_bootstrap_median(np.array([1.0, 2.0, np.inf]), np.arange(3), generator=rng).median
    2.0
    """
    known_M = ~np.isnan(values_M)
    values_M, context_M = values_M[known_M], context_M[known_M]
    if len(values_M) == 0:
        return MedianInterval(np.nan, np.nan, np.nan)
    order_M = np.argsort(values_M, kind="stable")
    sorted_M = values_M[order_M]
    median = float(_weighted_medians(sorted_M, np.ones((1, len(sorted_M)), dtype=np.int64))[0])
    contexts, cluster_M = np.unique(context_M, return_inverse=True)
    if len(contexts) < 2:
        return MedianInterval(median, np.nan, np.nan)
    times_BC = generator.multinomial(len(contexts), np.full(len(contexts), 1 / len(contexts)), size=resamples)
    medians_B = np.sort(_weighted_medians(sorted_M, times_BC[:, cluster_M[order_M]]))
    tail = (1 - level) / 2
    # order statistics, not interpolated: medians may be infinite; rounded outward
    low = medians_B[int(np.floor(tail * (resamples - 1)))]
    high = medians_B[int(np.ceil((1 - tail) * (resamples - 1)))]
    return MedianInterval(median, float(low), float(high))


def _weighted_medians(sorted_M: np.ndarray, times_BM: np.ndarray) -> np.ndarray:
    """Median [B] of the ascending values, each taken `times` over."""
    cumulative_BM = times_BM.cumsum(axis=1)
    total_B = cumulative_BM[:, -1:]
    low_B = sorted_M[(cumulative_BM > (total_B - 1) // 2).argmax(axis=1)]
    high_B = sorted_M[(cumulative_BM > total_B // 2).argmax(axis=1)]
    both_finite_B = np.isfinite(low_B) & np.isfinite(high_B)
    # between a value and a censored member lies an unknown number: it counts as censored
    open_B = np.where(np.isneginf(low_B), low_B, high_B)
    middle_B = (np.where(both_finite_B, low_B, 0.0) + np.where(both_finite_B, high_B, 0.0)) / 2
    return np.where(both_finite_B, middle_B, open_B)
