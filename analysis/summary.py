"""The table of a run: per factor and measure, the median freezing point with its interval, and the statuses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.bootstrap import cluster_bootstrap_median
from ifp.analysis.freezing import STATUSES
from ifp.analysis.measures import MEASURES, measured_values

SUMMARY_COLUMNS = (
    "dataset", "likelihood", "threshold_nats", "factor", "measure", "n_contexts", "n", "n_censored", "median", "bound",
    "low", "high", *STATUSES,
)  # fmt: skip


def summarize(
    points: pd.DataFrame, *, generator: np.random.Generator, resamples: int = 2000, level: float = 0.95
) -> pd.DataFrame:
    """One row per factor and measure: n, median beta, its bootstrap interval over contexts, counts of each status.

    Parameters
    ----------
    points : what `freezing_points` returned.
    generator : draws the bootstrap; resamples, level : see `cluster_bootstrap_median`.

    Returns
    -------
    DataFrame with `SUMMARY_COLUMNS`, factors in the order of the points, measures in the order of `MEASURES`, those
    without any member left out. `n` counts members that tell something (all but the diverged), `n_censored` those of
    them without a number. Censored members take part in the median by their order. Where the median itself falls
    among them, `bound` is "<" or ">" and `median` is a bound: the median of the members' own bounds. `low` or `high`
    is NaN where the interval is open on that side, or with fewer than 2 contexts.
    """
    values = measured_values(points)
    first = points.iloc[0] if len(points) else {"dataset": "", "likelihood": "", "threshold_nats": np.nan}
    rows = []
    for factor in points["factor"].unique():
        # the measures of a factor resample the same contexts, so that their intervals can be compared
        draws = int(generator.integers(2**63))
        for measure in MEASURES:
            members = values[(values["factor"] == factor) & (values["measure"] == measure)]
            if members.empty:
                continue
            rows.append(
                {
                    "dataset": first["dataset"],
                    "likelihood": first["likelihood"],
                    "threshold_nats": first["threshold_nats"],
                    "factor": factor,
                    "measure": measure,
                    **_median_columns(members, np.random.default_rng(draws), resamples, level),
                    **{status: int((members["status"] == status).sum()) for status in STATUSES},
                }
            )
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _median_columns(
    members: pd.DataFrame, generator: np.random.Generator, resamples: int, level: float
) -> dict[str, object]:
    order_beta = members["order_beta"].to_numpy(dtype=float)
    told = ~np.isnan(order_beta)
    interval = cluster_bootstrap_median(
        order_beta, members["context"].to_numpy(), generator=generator, resamples=resamples, level=level
    )
    median, bound = interval.median, ""
    if np.isinf(median):
        # each member's freezing point is at most (least) its own bound, so their median is at most (least) this
        bound, side = ("<", "bound_high") if median < 0 else (">", "bound_low")
        one_sided = np.where(np.isinf(order_beta) & (np.sign(order_beta) == np.sign(median)), members[side], order_beta)
        median = float(np.median(one_sided[told]))
        if np.isinf(median) or np.isnan(median):
            median, bound = np.nan, ""
    return {
        "n_contexts": members["context"][told].nunique(),
        "n": int(told.sum()),
        "n_censored": int(np.isinf(order_beta).sum()),
        "median": median,
        "bound": bound,
        "low": interval.low if np.isfinite(interval.low) else np.nan,
        "high": interval.high if np.isfinite(interval.high) else np.nan,
    }


def format_median(row: pd.Series) -> str:
    """A row of the summary as text: the median, or its bound, and the interval.

    >>> format_median(pd.Series({"median": 131.8, "bound": "", "low": 97.2, "high": 169.3}))
    '132 (97.2, 169)'
    >>> format_median(pd.Series({"median": 20.0, "bound": "<", "low": np.nan, "high": 31.0}))
    '<20 (open, 31)'
    >>> format_median(pd.Series({"median": np.nan, "bound": "", "low": np.nan, "high": np.nan}))
    '-'
    """
    if np.isnan(row["median"]):
        return "-"
    ends = [f"{end:.3g}" if np.isfinite(end) else "open" for end in (row["low"], row["high"])]
    interval = "" if ends == ["open", "open"] else f" ({', '.join(ends)})"
    return f"{row['bound']}{row['median']:.3g}{interval}"


def summary_texts(table: pd.DataFrame) -> pd.DataFrame:
    """The summary as one row of texts per factor, for a screen: contexts, every measure, and what was censored."""
    rows = []
    for factor in table["factor"].unique():
        rows_of_factor = table[table["factor"] == factor]
        texts = {row["measure"]: format_median(row) for _, row in rows_of_factor.iterrows()}
        counts = [
            f"{row['measure']}: {row[status]} {status.replace('_', ' ')}"
            for _, row in rows_of_factor.iterrows()
            for status in STATUSES[1:]
            if row[status]
        ]
        rows.append(
            {
                "factor": factor,
                "contexts": str(rows_of_factor["n_contexts"].max()),
                **{measure: texts.get(measure, "-") for measure in MEASURES},
                "censored": "; ".join(counts),
            }
        )
    return pd.DataFrame(rows, columns=["factor", "contexts", *MEASURES, "censored"])
