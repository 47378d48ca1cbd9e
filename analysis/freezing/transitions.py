"""Which traversals freeze abruptly: first-order transitions, at which the KL jumps across the threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.freezing.points import FROZEN, NEVER_MELTED, hysteresis

ABOVE_EDGE = 0.002
"""By how much an exact crossing must exceed the lower edge: less may be interpolation between records."""
EDGES_APART = 0.05
"""By how much the upper edge must exceed the lower one where there are no exact curves. Of 32 traversals of sprites the
10 continuous ones went up to 0.1 %, the 22 first-order ones began at 8.2 % (`ifp anneal --dataset sprites --method
exact --contexts 16 --factor shape --factor orientation`); positions, which are continuous, go up to 2.3 % (40 contexts
each). But one shape of 7.6 % was continuous: the edges alone make a first-order transition likely, and no more."""


JUMP_WIDTH = 1e-6
"""Relative width in beta of the bracket of a crossing, below which its two records are those of one jump."""
SAME_CROSSING = 1e-3
"""Relative difference in beta below which two curves cross the threshold at the same place."""


def first_order(points: pd.DataFrame) -> pd.Series:
    """For each row of `points` whether its traversal is known to freeze in a first-order transition.

    There the KL jumps across the threshold, so the crossing is the transition itself, while in a continuous transition
    it lies below the lower edge (at 0.819 of it for one linear latent). Where exact curves are known they decide: an
    exact crossing above the lower edge, where the collapsed state is still stable, or branches that cross over 2 %
    apart (`hysteresis`). Where the equilibrium crosses without a jump on one of the two branches, the jump ends below
    the threshold and the crossing is not the transition. Without exact curves the edges decide, less surely: the upper
    one exceeds the lower one by over 5 %.

    Parameters
    ----------
    points : what `freezing_points` returned. A traversal of which neither is known is False.
    """
    beta_lower, beta_upper, beta_ifp = (
        points[name].to_numpy(dtype=float) for name in ("beta_closed_form", "beta_upper", "beta_ifp")
    )
    traversals = pd.MultiIndex.from_frame(points[["factor", "context"]])
    exact = ((points["method"] == "exact") & points["status"].isin([FROZEN, NEVER_MELTED])).to_numpy(dtype=bool)
    above = exact & (beta_ifp > (1 + ABOVE_EDGE) * beta_lower)
    wide = np.isfinite(beta_upper) & (beta_upper > (1 + EDGES_APART) * beta_lower)
    both = hysteresis(points)
    apart = pd.MultiIndex.from_frame(both[["factor", "context"]])
    by_curves = traversals.isin(traversals[above]) | traversals.isin(apart)
    by_curves &= ~traversals.isin(_continuous(points, both))
    by_edges = traversals.isin(traversals[wide]) & ~traversals.isin(traversals[exact])
    return pd.Series(by_curves | by_edges, index=points.index, name="first_order")


def _continuous(points: pd.DataFrame, apart: pd.DataFrame) -> pd.MultiIndex:
    """The traversals of `apart`, what `hysteresis` returned, whose equilibrium crosses on a branch without a jump."""
    key = ["factor", "context"]
    exact = points[(points["method"] == "exact") & (points["direction"] == "equilibrium")]
    width = exact["beta_bracket_high"] / exact["beta_bracket_low"] - 1
    smooth = exact.loc[(exact["status"] == FROZEN) & (width > JUMP_WIDTH), [*key, "beta_ifp"]]
    both = apart.merge(smooth, on=key)
    ln_beta = np.log(both["beta_ifp"])
    on_a_branch = ((ln_beta - np.log(both["beta_cool"])).abs() < SAME_CROSSING) | (
        (ln_beta - np.log(both["beta_heat"])).abs() < SAME_CROSSING
    )
    return pd.MultiIndex.from_frame(both.loc[on_a_branch, key])
