"""The table of a run: per factor and measure, the median freezing point with its interval, and the statuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ifp.analysis.freezing.by_measure import EXACT, LOWER_EDGE, MEASURES, measured_values
from ifp.analysis.freezing.median_interval import FEWEST_CLUSTERS, median_interval
from ifp.analysis.freezing.naming import factor_order
from ifp.analysis.freezing.points import FROZEN, STATUSES

SUMMARY_COLUMNS = (
    "dataset", "likelihood", "threshold_nats", "factor", "measure", "n_contexts", "n_clusters", "n",
    "n_censored", "n_first_order", "median", "bound", "low", "high", *STATUSES,
)  # fmt: skip


def summarize(points: pd.DataFrame, *, order: Sequence[str] = ()) -> pd.DataFrame:
    """One row per factor and measure: n, median beta, its 95 % interval over contexts, counts of each status.

    Parameters
    ----------
    points : what `freezing_points` returned. order : the factors that come first; the others follow, highest freezing
        point first.

    Returns
    -------
    DataFrame with `SUMMARY_COLUMNS`, factors in the order of `factor_order`, measures in the order of `MEASURES`, those
    without any member left out. `n` counts members that tell something (all but the diverged), `n_censored` those of
    them without a number, `n_first_order` those of traversals that freeze in a first-order transition, whose crossing
    is the transition itself. `n_clusters` counts independent clusters: contexts, or the nuisances that they share.
    The median and its interval (`median_interval`) are over clusters. Censored members take part by their order.
    Where the median itself falls among them, `bound` is "<" or ">" and `median` is a bound: the median of the members'
    own bounds; NaN where half of the contexts or more are flat, because those freeze at no beta. `low` and `high` are
    NaN with fewer than 6 clusters; with more, one is NaN where the interval is open on that side.
    """
    values = measured_values(points)
    first = points.iloc[0] if len(points) else {"dataset": "", "likelihood": "", "threshold_nats": np.nan}
    rows = []
    for factor in points["factor"].unique():
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
                    **_median_columns(members),
                    **{status: int((members["status"] == status).sum()) for status in STATUSES},
                }
            )
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    rank = {name: place for place, name in enumerate(factor_order(table, order))}
    return table.sort_values("factor", key=lambda names: names.map(rank), kind="stable", ignore_index=True)


def _median_columns(members: pd.DataFrame) -> dict[str, object]:
    order_beta, cluster = members["order_beta"].to_numpy(dtype=float), members["cluster"].to_numpy()
    told = ~np.isnan(order_beta)
    interval = median_interval(order_beta, cluster)
    median, bound = interval.median, ""
    if np.isinf(median):
        # each member's freezing point is at most (least) its own bound, so their median is at most (least) this
        bound, side = ("<", "bound_high") if median < 0 else (">", "bound_low")
        one_sided = np.where(np.isinf(order_beta) & (np.sign(order_beta) == np.sign(median)), members[side], order_beta)
        median = median_interval(one_sided, cluster).median
        if not np.isfinite(median) or _mostly_flat(members):
            median, bound = np.nan, ""
    return {
        "n_contexts": members["context"][told].nunique(),
        "n_clusters": members["cluster"][told].nunique(),
        "n": int(told.sum()),
        "n_censored": int((members["status"] != FROZEN)[told].sum()),
        "n_first_order": int(members["first_order"][told].sum()),
        "median": median,
        "bound": bound,
        "low": interval.low if np.isfinite(interval.low) else np.nan,
        "high": interval.high if np.isfinite(interval.high) else np.nan,
    }


def _mostly_flat(members: pd.DataFrame) -> bool:
    """Whether in half of the contexts or more all images are equal, so that a median among them is no bound."""
    flat = members.loc[members["flat"].astype(bool), "context"].nunique()
    return bool(2 * flat >= members["context"].nunique())


def format_median(row: pd.Series, contexts: int = 0) -> str:
    """A row of the summary as text: the median, or its bound, and the interval; none with fewer than 6 clusters.

    Of how many contexts it is stands behind it where the factor has more, `contexts`: networks may have diverged, or
    the run not have come to them yet.

    >>> format_median(pd.Series({"median": 131.8, "bound": "", "low": 97.2, "high": 169.3, "n_clusters": 9}))
    '132 (97.2, 169)'
    >>> one = pd.Series({"median": 131.8, "bound": "", "low": np.nan, "high": np.nan, "n_clusters": 1, "n_contexts": 1})
    >>> format_median(one), format_median(one, 4)
    ('132', '132 (1 of 4)')
    >>> format_median(pd.Series({"median": 20.0, "bound": "<", "low": np.nan, "high": 31.0, "n_clusters": 9}))
    '<20 (open, 31)'
    >>> format_median(pd.Series({"median": np.nan, "bound": "", "low": np.nan, "high": np.nan, "n_clusters": 9}))
    '-'
    """
    if np.isnan(row["median"]):
        return "-"
    ends = [f"{end:.3g}" if np.isfinite(end) else "open" for end in (row["low"], row["high"])]
    interval = "" if row["n_clusters"] < FEWEST_CLUSTERS else f" ({', '.join(ends)})"
    return f"{row['bound']}{row['median']:.3g}{interval}{of_contexts(int(row.get('n_contexts', 0)), contexts)}"


def of_contexts(there: int, contexts: int) -> str:
    """Of how many contexts a median is, where that is not all of them.

    >>> of_contexts(1, 4), of_contexts(4, 4)
    (' (1 of 4)', '')
    """
    return f" ({there} of {contexts})" if there < contexts else ""


def summary_texts(table: pd.DataFrame) -> pd.DataFrame:
    """The summary as one row of texts per factor, for a screen.

    `contexts` says how many clusters they fall into where some share a nuisance, `first-order` how many of them freeze
    in a first-order transition; then every measure, and what was censored.
    """
    rows = []
    for factor in table["factor"].unique():
        rows_of_factor = table[table["factor"] == factor]
        contexts, clusters = rows_of_factor["n_contexts"].max(), rows_of_factor["n_clusters"].max()
        texts = {row["measure"]: format_median(row, int(contexts)) for _, row in rows_of_factor.iterrows()}
        # edges alone make a first-order transition likely; exact curves show it
        by_curves = bool((rows_of_factor["measure"] == EXACT).any())
        first_order = rows_of_factor.loc[rows_of_factor["measure"] == LOWER_EDGE, "n_first_order"].sum()
        counts = [
            f"{row['measure']}: {row[status]} {status.replace('_', ' ')}"
            for _, row in rows_of_factor.iterrows()
            for status in STATUSES[1:]
            if row[status]
        ]
        rows.append(
            {
                "factor": factor,
                "contexts": str(contexts) if clusters == contexts else f"{contexts} in {clusters} clusters",
                "first-order": f"{first_order} of {contexts}{'' if by_curves else ' likely'}" if first_order else "-",
                **{measure: texts.get(measure, "-") for measure in MEASURES},
                "censored": "; ".join(counts),
            }
        )
    return pd.DataFrame(rows, columns=["factor", "contexts", "first-order", *MEASURES, "censored"])
