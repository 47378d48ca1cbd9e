"""The measures of a freezing point, from cheap to real: two edges, the exact curve, the trained bracket.

One long table feeds the summary, the pressures and the figures alike.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.freezing.points import ABOVE, BELOW, FROZEN, NEVER_FROZE
from ifp.analysis.freezing.transitions import first_order

LOWER_EDGE, UPPER_EDGE, EXACT, COOL, HEAT = "closed-form", "upper-edge", "exact", "cool", "heat"
MEASURES = (LOWER_EDGE, UPPER_EDGE, EXACT, COOL, HEAT)
LABELS = ("factor", "context", "seed", "cluster", "first_order", "flat")


def measured_values(points: pd.DataFrame) -> pd.DataFrame:
    """One row per member and measure: what was measured, with censored members in their place by order.

    "closed-form" and "upper-edge" are the two edges, once per traversal; "exact" is the equilibrium curve (of a factor
    without one, the exact cooling branch); "cool" and "heat" are the trained branches.

    Returns
    -------
    DataFrame with factor, context, seed, `cluster` (members that share it are no independent evidence: the nuisance
    where the contexts share one, else the context), `first_order` (see `ifp.analysis.freezing.transitions`), `flat`
    (whether all images of its traversal are equal, so that it never freezes), measure, status,
    `beta` (NaN unless frozen), `order_beta` (`beta`, but -inf for a member whose freezing point lies below the betas
    tried and +inf above; NaN for diverged ones, of which nothing is known), and the bounds `bound_low`, `bound_high`
    (the bracket's; both equal `beta` for an edge). An edge of 0, of a traversal of equal images, never froze: it takes
    part in the order, but is no beta to draw.
    """
    flat = points["beta_closed_form"] == 0
    points = points.assign(cluster=_clusters(points), first_order=first_order(points), flat=flat)
    parts = [_edge_rows(points, "beta_closed_form", LOWER_EDGE), _edge_rows(points, "beta_upper", UPPER_EDGE)]
    exact = points[points["method"] == "exact"]
    has_equilibrium = exact["factor"].isin(exact.loc[exact["direction"] == "equilibrium", "factor"])
    representative = np.where(has_equilibrium, "equilibrium", "cool")
    parts.append(_curve_rows(exact[exact["direction"] == representative], EXACT))
    trained = points[points["method"] == "train"]
    parts += [_curve_rows(trained[trained["direction"] == direction], direction) for direction in (COOL, HEAT)]
    return pd.concat(parts, ignore_index=True)


def _clusters(points: pd.DataFrame) -> pd.Series:
    """The nuisance of each row's traversal, its context where there is none; files of before have no such column."""
    if "nuisance" not in points:
        return points["context"]
    known = points["nuisance"].notna() & (points["nuisance"] != "")
    return points["context"].where(~known, "nuisance " + points["nuisance"].astype(str))


def _edge_rows(rows: pd.DataFrame, column: str, measure: str) -> pd.DataFrame:
    rows = rows[rows[column].notna()].drop_duplicates(["factor", "context"])
    edge = rows[column].astype(float)
    beta = edge.where(edge > 0)
    return rows[[*LABELS]].assign(
        measure=measure, status=np.where(edge > 0, FROZEN, NEVER_FROZE), beta=beta, order_beta=edge, bound_low=beta,
        bound_high=beta,
    )  # fmt: skip


def _curve_rows(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    status = rows["status"]
    order_beta = np.select([status.isin(BELOW), status.isin(ABOVE)], [-np.inf, np.inf], rows["beta_ifp"])
    return rows[[*LABELS]].assign(
        measure=measure,
        status=status,
        beta=rows["beta_ifp"].astype(float),
        order_beta=order_beta.astype(float),
        bound_low=rows["beta_bracket_low"].astype(float),
        bound_high=rows["beta_bracket_high"].astype(float),
    )
