"""Differences between configurations, paired by seed, with intervals that small samples allow.

Networks of one seed start from the same random numbers, so that differences are taken seed by seed. Two intervals of
95 %: of the median by the sign test, which holds for every distribution and needs 6 pairs (`ifp anneal` reports it of
its contexts); and Student's of the mean, which assumes normal differences (`ifp shift` reports it of its pairs).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from ifp.analysis.freezing.median_interval import median_interval

LEVEL = 0.95


def paired_difference(own: pd.Series, reference: pd.Series) -> dict[str, float]:
    """Of two columns that are indexed by seed: how `own` differs from `reference` over the seeds of both."""
    difference_S = (own - reference).dropna().to_numpy()
    pairs = len(difference_S)
    median = median_interval(difference_S, np.arange(pairs), level=LEVEL)
    low, high = mean_interval(difference_S)
    return {
        "pairs": pairs, "higher": int((difference_S > 0).sum()),
        "median": median.median, "median_low": median.low, "median_high": median.high,
        "mean": float(difference_S.mean()) if pairs else np.nan, "mean_low": low, "mean_high": high,
    }  # fmt: skip


def mean_interval(value_S: np.ndarray) -> tuple[float, float]:
    """Student's interval of the mean; NaN of fewer than 3 values."""
    if len(value_S) < 3:
        return np.nan, np.nan
    reach = student_t.ppf((1 + LEVEL) / 2, len(value_S) - 1) * value_S.std(ddof=1) / np.sqrt(len(value_S))
    return float(value_S.mean() - reach), float(value_S.mean() + reach)
