"""The median with an interval that covers: order statistics by the sign test, one value per cluster.

Shapes: M members, C clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import bdtr

from ifp.errors import IfpError, bad_value

FEWEST_CLUSTERS = 6
"""The fewest clusters with a 95 % interval: of 5, even the whole range holds the median in 93.75 % of cases only."""


@dataclass(frozen=True)
class MedianInterval:
    """A median and its interval; -inf or inf where it falls among censored members, NaN where unknown."""

    median: float
    low: float
    high: float


def median_interval(values_M: np.ndarray, cluster_M: np.ndarray, *, level: float = 0.95) -> MedianInterval:
    """Median over clusters of `values_M`, with an interval that holds it with probability `level` or more.

    Each cluster gives one value, the median of its members; members that share something beside the data set (a
    context, a nuisance, a seed) are no independent evidence. The interval runs from the k-th lowest to the k-th highest
    of those values, k as large as the binomial distribution allows. That holds for every distribution and every number
    of clusters, if the clusters are independent: with 6 of them the probability is .969, never below `level` with more.

    Members may be -inf or inf: known only to lie below or above all that was tried. They take part by their order. NaN,
    of which nothing is known, is left out.

    Parameters
    ----------
    values_M : beta, or any other quantity. cluster_M : the cluster of each member (labels of any one kind).
    level : probability of the interval.

    Returns
    -------
    MedianInterval: all NaN without values. `low` and `high` are NaN with too few clusters for the level, fewer than 6
    at 95 %, and infinite where that end falls among the censored. `median` is NaN where as many lie below as above.

    Raises
    ------
    IfpError : a level outside (0, 1), or not one cluster for each value.

    References
    ----------
    Gibbons and Chakraborti, Nonparametric Statistical Inference (5th ed., 2011), section 5.2: confidence interval for a
    quantile from order statistics.

    >>> median_interval(np.array([3.0, 1.0, 2.0, 5.0, 4.0, 6.0, np.inf]), np.arange(7))
    MedianInterval(median=4.0, low=1.0, high=inf)
    >>> median_interval(np.array([1.0, 2.0, 3.0, 9.0]), np.array(["a", "a", "b", "b"]))
    MedianInterval(median=3.75, low=nan, high=nan)
    """
    if not 0 < level < 1:
        raise bad_value("level", level, "between 0 and 1")
    values_M, cluster_M = np.asarray(values_M, dtype=float), np.asarray(cluster_M)
    if values_M.shape != cluster_M.shape or values_M.ndim != 1:
        raise IfpError(
            f"Each value needs its cluster; got {values_M.shape} values and {cluster_M.shape} clusters, not two lists "
            "of one length."
        )
    known_M = ~np.isnan(values_M)
    values_M, cluster_M = values_M[known_M], cluster_M[known_M]
    if len(values_M) == 0:
        return MedianInterval(np.nan, np.nan, np.nan)
    _, which_M = np.unique(cluster_M, return_inverse=True)
    by_cluster = np.split(values_M[np.argsort(which_M, kind="stable")], np.cumsum(np.bincount(which_M))[:-1])
    bounds_C2 = np.array([_bounds(values) for values in by_cluster])
    low_C, high_C = np.sort(bounds_C2[:, 0]), np.sort(bounds_C2[:, 1])
    rank = _rank(len(bounds_C2), level)
    low, high = (low_C[rank - 1], high_C[-rank]) if rank else (np.nan, np.nan)
    return MedianInterval(_median_of_bounds(bounds_C2), float(low), float(high))


@cache
def _rank(clusters: int, level: float) -> int:
    """The largest k for which the k-th lowest to the k-th highest hold the median with `level`; 0 if none does."""
    missed = bdtr(np.arange((clusters + 1.0) // 2), clusters, 0.5)  # by the (k + 1)-th lowest, on one side
    return int((missed <= (1 - level) / 2).sum())


def _bounds(values: np.ndarray) -> tuple[float, float]:
    """The median twice; where it lies between a number and a censored member, or two censored ones, those two."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    if np.isfinite(low) and np.isfinite(high):
        low = high = (low + high) / 2
    return low, high


def _median_of_bounds(bounds_C2: np.ndarray) -> float:
    """The median of the clusters' values; one between a number and a censored member counts as censored."""
    low_C, high_C = bounds_C2.T
    value_C = np.where(np.isinf(low_C), low_C, high_C)
    unknown_C = np.isneginf(low_C) & np.isposinf(high_C)
    medians = set()
    for side in (-np.inf, np.inf):  # a cluster of which nothing is known may lie on either side
        low, high = _bounds(np.where(unknown_C, side, value_C))
        medians.add(np.nan if np.isneginf(low) and np.isposinf(high) else low if np.isinf(low) else high)
    return float(medians.pop()) if len(medians) == 1 else np.nan
