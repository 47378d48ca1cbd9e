"""Stage pressures for DEFT, from the gaps between the factors' freezing points.

DEFT trains in stages of falling pressure; each stage should let the next group of factors freeze and no more, so its
pressure belongs in the gap between two groups.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.measures import COOL, EXACT, HEAT, LOWER_EDGE, measured_values

LAST_PRESSURE = 1.0
"""The last stage is the plain VAE, beta = 1, as in every published list of stages."""


def suggest_pressures(points: pd.DataFrame) -> list[float]:
    """DEFT's stage betas, falling, the last one 1; the rule is that of `pressure_stages`."""
    return [float(beta) for beta in pressure_stages(points)["beta"]]


def pressure_stages(points: pd.DataFrame) -> pd.DataFrame:
    """The stages: which factors each is to freeze, and at which pressure.

    1. A factor's freezing points are its exact ones; without them the geometric mean of each member's trained bracket;
       without that the lower edges. The same measure is used for all factors.
    2. Factors are ordered by their median, highest first. Neighbours whose interquartile ranges over members overlap
       are one group: no pressure separates them in most contexts.
    3. Between two groups the pressure is the geometric middle of the gap, from the lowest first quartile above to the
       highest third quartile below, to 3 digits.
    4. The last stage is 1. Gaps at or below 1 are not used: their groups go into the last stage.

    Returns
    -------
    DataFrame, one row per stage: stage (from 1), `beta`, `factors` (comma-separated, those that freeze in this
    stage), `measure`, `gap_low` and `gap_high` (the gap that holds beta; NaN for the last stage). Factors of which
    more than a quarter of the members is censored on the side of a gap have no edge there and join their neighbour;
    factors without any member are left out.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): stages placed by freezing points; the rule itself is ours.
    """
    values, measure = _values(points)
    quartiles = []
    for factor, betas in values.groupby("factor", sort=False)["order_beta"]:
        sorted_betas = np.sort(betas.dropna().to_numpy(dtype=float))
        if len(sorted_betas):
            quartiles.append((str(factor), *_quartiles(sorted_betas)))
    quartiles.sort(key=lambda row: -row[2])

    groups: list[list[str]] = []
    gaps: list[tuple[float, float]] = []  # (low, high) between group g and g + 1
    floor = np.inf  # the lowest first quartile of the group so far
    for factor, q1, _, q3 in quartiles:
        separate = q3 < floor < np.inf and np.sqrt(max(q3, 0.0) * floor) > LAST_PRESSURE
        if not groups or separate:
            if groups:
                gaps.append((q3, floor))
            groups.append([factor])
            floor = q1
        else:
            groups[-1].append(factor)
            floor = min(floor, q1)
    rows = []
    for number, factors in enumerate(groups):
        low, high = gaps[number] if number < len(gaps) else (np.nan, np.nan)
        beta = float(f"{np.sqrt(low * high):.3g}") if number < len(gaps) else LAST_PRESSURE
        rows.append((number + 1, beta, ",".join(factors), measure, low, high))
    return pd.DataFrame(rows, columns=["stage", "beta", "factors", "measure", "gap_low", "gap_high"])


def _quartiles(sorted_betas: np.ndarray) -> tuple[float, float, float]:
    """First quartile, median and third quartile by order statistics, so that infinite ones are allowed."""
    last = len(sorted_betas) - 1
    at = (int(np.floor(0.25 * last)), last // 2, int(np.ceil(0.75 * last)))
    return float(sorted_betas[at[0]]), float(sorted_betas[at[1]]), float(sorted_betas[at[2]])


def _values(points: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The values to place pressures by, and what they are."""
    values = measured_values(points)
    exact = values[values["measure"] == EXACT]
    if exact["order_beta"].notna().any():
        return exact, EXACT
    trained = values[values["measure"].isin([COOL, HEAT])].dropna(subset="order_beta")
    if len(trained):
        with np.errstate(divide="ignore"):
            ln_beta = np.log(trained["order_beta"].clip(lower=0))
        # (-inf + inf) / 2: a member censored on both sides tells nothing
        means = ln_beta.groupby([trained["factor"], trained["context"], trained["seed"]], sort=False).mean()
        return np.exp(means).rename("order_beta").reset_index(), "trained bracket"
    return values[values["measure"] == LOWER_EDGE], LOWER_EDGE
