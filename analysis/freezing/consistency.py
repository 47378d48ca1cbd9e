"""Does a run agree with the theory? The share of its members that obey each bound.

A run in which a share is low was annealed too fast, trained too little, or has found something that deserves a look.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.freezing.points import FROZEN, NEVER_FROZE

COLUMNS = ("check", "holds", "of", "share", "not_made")
UNDERTRAINED = ("factor", "direction", "never", "of")
MEMBER = ["factor", "context", "seed"]


def consistency(points: pd.DataFrame) -> pd.DataFrame:
    """Count the members whose freezing points obey the bounds of docs/theory.md and docs/annealing.md.

    Parameters
    ----------
    points : what `freezing_points` returned.

    Returns
    -------
    DataFrame with `COLUMNS`, one row per check. `of` counts the members for which both numbers exist; `not_made` those
    for which one is missing, because a curve has no freezing point although the images of its traversal differ:

    - exact within [0.8 lower edge, 1.02 upper edge]: the equilibrium crossing lies a little below the onset;
    - cooling below heating, of one member;
    - cooling at most 1.05 x the lower edge, heating at least 0.8 x it;
    - cooling at most 1.05 x the exact crossing, heating at least 0.95 x it.
    """
    points = points[(points["status"] == FROZEN) | (points["beta_closed_form"] > 0)]
    exact = points[(points["method"] == "exact") & (points["direction"] == "equilibrium")]
    trained = points[points["method"] == "train"]
    cool, heat = (trained[trained["direction"] == direction] for direction in ("cool", "heat"))
    both = cool.merge(heat, on=MEMBER, suffixes=("_cool", "_heat"))
    of_exact = exact[["factor", "context", "beta_ifp"]].rename(columns={"beta_ifp": "beta_exact"})
    cool_exact, heat_exact = (rows.merge(of_exact, on=["factor", "context"]) for rows in (cool, heat))
    inside = (exact["beta_ifp"] >= 0.8 * exact["beta_closed_form"]) & (exact["beta_ifp"] <= 1.02 * exact["beta_upper"])
    # what holds, and numbers that are NaN where a curve has no freezing point, so that nothing can be said
    checks = {
        "exact within [0.8 lower edge, 1.02 upper edge]": (inside, exact[["beta_ifp"]]),
        "cooling below heating": (both["beta_ifp_cool"] < both["beta_ifp_heat"], both.filter(like="beta_ifp")),
        "cooling at most 1.05 lower edge": (cool["beta_ifp"] <= 1.05 * cool["beta_closed_form"], cool[["beta_ifp"]]),
        "heating at least 0.8 lower edge": (heat["beta_ifp"] >= 0.8 * heat["beta_closed_form"], heat[["beta_ifp"]]),
        "cooling at most 1.05 exact": (
            cool_exact["beta_ifp"] <= 1.05 * cool_exact["beta_exact"], cool_exact[["beta_ifp", "beta_exact"]]
        ),
        "heating at least 0.95 exact": (
            heat_exact["beta_ifp"] >= 0.95 * heat_exact["beta_exact"], heat_exact[["beta_ifp", "beta_exact"]]
        ),
    }  # fmt: skip
    rows = []
    for name, (holds, numbers) in checks.items():
        made = numbers.notna().all(axis=1)
        held = holds.loc[made]
        rows.append((name, int(held.sum()), len(held), float(held.mean()) if len(held) else np.nan, int((~made).sum())))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def undertrained(points: pd.DataFrame) -> pd.DataFrame:
    """Where most networks never held the threshold at betas at which theory has them frozen: too few steps.

    Parameters
    ----------
    points : what `freezing_points` returned.

    Returns
    -------
    DataFrame, one row per factor and direction in which that is so: `factor`, `direction`, `never` (the networks that
    never held it) and `of` (all of them). Only traversals count that freeze above the lowest beta tried: by their exact
    curve, or, without one, where 0.8 of the lower edge lies above it.
    """
    exact = points[(points["method"] == "exact") & (points["direction"] == "equilibrium")]
    of_exact = exact[["factor", "context", "beta_ifp"]].rename(columns={"beta_ifp": "beta_exact"})
    trained = points[points["method"] == "train"].merge(of_exact, on=["factor", "context"], how="left")
    by_theory = trained["beta_exact"].fillna(0.8 * trained["beta_closed_form"])
    never = (trained["status"] == NEVER_FROZE) & (by_theory > trained["beta_bracket_high"])
    counts = never.groupby([trained["factor"], trained["direction"]], sort=False).agg(never="sum", of="size")
    return counts[2 * counts["never"] > counts["of"]].reset_index()


def undertrained_sentence(counts: pd.DataFrame, threshold_nats: float) -> str:
    """What `undertrained` found and what to change, in one sentence; "" where it found nothing.

    >>> print(undertrained_sentence(pd.DataFrame([("scale", "heat", 2, 2)], columns=UNDERTRAINED), 0.1))
    Undertrained: 2 of 2 heating networks of scale never held 0.1 nat; raise `steps`.
    """
    if counts.empty:
        return ""
    words = {"cool": "cooling", "heat": "heating"}
    named = ", ".join(
        f"{row['never']} of {row['of']} {words[row['direction']]} networks of {row['factor']}"
        for _, row in counts.iterrows()
    )
    return f"Undertrained: {named} never held {threshold_nats:g} nat; raise `steps`."


def consistency_sentence(checks: pd.DataFrame) -> str:
    """Whether a run agrees with the theory, in one sentence; "" where nothing could be compared.

    >>> sentence = consistency_sentence(pd.DataFrame([("cooling below heating", 7, 8, 7 / 8, 0)], columns=COLUMNS))
    >>> print(sentence)
    Of 8 comparisons with the theory 7 hold; not held: cooling below heating, 1 of 8 members.
    """
    known = checks[checks["of"] > 0]
    holds, compared = int(known["holds"].sum()), int(known["of"].sum())
    if not compared:
        return ""
    not_made = int(checks["not_made"].sum())
    more = f"; {not_made} more could not be made, because curves have no freezing point" if not_made else ""
    if holds == compared and not_made:
        return f"The {compared} comparisons with the theory's bounds that could be made hold{more}."
    if holds == compared:
        return f"The run agrees with the theory: all {compared} comparisons with its bounds hold."
    broken = known[known["holds"] < known["of"]]
    named = "; ".join(
        f"{row['check']}, {row['of'] - row['holds']} of {row['of']} members" for _, row in broken.iterrows()
    )
    return f"Of {compared} comparisons with the theory {holds} hold; not held: {named}{more}."
