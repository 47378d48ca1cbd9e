"""Does a run agree with the theory? The share of its members that obey each bound.

A run in which a share is low was annealed too fast, trained too little, or has found something that deserves a look.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.freezing.points import FROZEN

COLUMNS = ("check", "holds", "of", "share")
MEMBER = ["factor", "context", "seed"]


def consistency(points: pd.DataFrame) -> pd.DataFrame:
    """Count the members whose freezing points obey the bounds of docs/theory.md and docs/annealing.md.

    Parameters
    ----------
    points : what `freezing_points` returned.

    Returns
    -------
    DataFrame with `COLUMNS`, one row per check, members counted only where both numbers exist:

    - exact within [0.8 lower edge, 1.02 upper edge]: the equilibrium crossing lies a little below the onset;
    - cooling below heating, of one member;
    - cooling at most 1.05 x the lower edge, heating at least 0.8 x it;
    - cooling at most 1.05 x the exact crossing, heating at least 0.95 x it.
    """
    frozen = points[points["status"] == FROZEN]
    exact = frozen[(frozen["method"] == "exact") & (frozen["direction"] == "equilibrium")]
    trained = frozen[frozen["method"] == "train"]
    cool, heat = (trained[trained["direction"] == direction] for direction in ("cool", "heat"))
    both = cool.merge(heat, on=MEMBER, suffixes=("_cool", "_heat"))
    of_exact = exact[["factor", "context", "beta_ifp"]].rename(columns={"beta_ifp": "beta_exact"})
    cool_exact, heat_exact = (rows.merge(of_exact, on=["factor", "context"]) for rows in (cool, heat))
    inside = (exact["beta_ifp"] >= 0.8 * exact["beta_closed_form"]) & (exact["beta_ifp"] <= 1.02 * exact["beta_upper"])
    checks = {
        "exact within [0.8 lower edge, 1.02 upper edge]": inside,
        "cooling below heating": both["beta_ifp_cool"] < both["beta_ifp_heat"],
        "cooling at most 1.05 lower edge": cool["beta_ifp"] <= 1.05 * cool["beta_closed_form"],
        "heating at least 0.8 lower edge": heat["beta_ifp"] >= 0.8 * heat["beta_closed_form"],
        "cooling at most 1.05 exact": cool_exact["beta_ifp"] <= 1.05 * cool_exact["beta_exact"],
        "heating at least 0.95 exact": heat_exact["beta_ifp"] >= 0.95 * heat_exact["beta_exact"],
    }
    rows = [
        (name, int(held.sum()), len(held), float(held.mean()) if len(held) else np.nan) for name, held in checks.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def consistency_sentence(checks: pd.DataFrame) -> str:
    """Whether a run agrees with the theory, in one sentence; "" where nothing could be compared.

    >>> sentence = consistency_sentence(pd.DataFrame({"check": ["cooling below heating"], "holds": [7], "of": [8]}))
    >>> print(sentence)
    Of 8 comparisons with the theory 7 hold; not held: cooling below heating, 1 of 8 members.
    """
    known = checks[checks["of"] > 0]
    holds, compared = int(known["holds"].sum()), int(known["of"].sum())
    if not compared:
        return ""
    if holds == compared:
        return f"The run agrees with the theory: all {compared} comparisons with its bounds hold."
    broken = known[known["holds"] < known["of"]]
    named = "; ".join(
        f"{row['check']}, {row['of'] - row['holds']} of {row['of']} members" for _, row in broken.iterrows()
    )
    return f"Of {compared} comparisons with the theory {holds} hold; not held: {named}."
