"""Stage pressures for DEFT, from the gaps between the factors' freezing points.

DEFT trains in stages of falling pressure; each stage should let the next group of factors freeze and no more, so its
pressure belongs in the gap between two groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ifp.analysis.freezing.by_measure import COOL, EXACT, HEAT, LOWER_EDGE, measured_values

LAST_PRESSURE = 1.0
"""The last stage is the plain VAE, beta = 1, as in every published list of stages."""
TRAINED_BRACKET = "trained bracket"
"""The measure of pressures that trained networks alone place."""
LEAST_SEPARATION = 0.75
"""Neighbours are separate groups if some pressure has at least this share of both on its own side."""


@dataclass(frozen=True)
class _Gap:
    """Where two neighbouring groups part: the best pressures, and the share of members on their own side there."""

    low: float
    high: float
    separation: float

    @property
    def pressure(self) -> float:
        return float(f"{np.sqrt(self.low * self.high):.3g}")


def suggest_pressures(points: pd.DataFrame) -> list[float]:
    """DEFT's stage betas, falling, the last one 1; the rule is that of `pressure_stages`."""
    return [float(beta) for beta in pressure_stages(points)["beta"]]


def pressure_stages(points: pd.DataFrame) -> pd.DataFrame:
    """The stages: which factors each is to freeze, and at which pressure.

    1. A factor's freezing points are its exact ones; without them the geometric mean of each member's trained bracket;
       without that the lower edges. The same measure is used for all factors.
    2. Factors are ordered by their median, highest first; at first each is a group of its own.
    3. Between two neighbouring groups, the best pressure (from the lower group's median to the upper one's) has the
       most members on their own side: the mean of the upper group's share above it and the lower group's below it.
       Usually a whole gap does equally well; the pressure is its geometric middle, to 3 digits.
    4. While some neighbours are separated by less than 75 %, or only by a pressure of at most 1, the worst separated
       two become one group.
    5. The last stage is 1.

    Returns
    -------
    DataFrame, one row per stage: stage (from 1), `beta`, `factors` (comma-separated, those that freeze in this
    stage), `measure`, `gap_low` and `gap_high` (the gap that holds beta) and `separation` (step 3); NaN for the last
    stage. A factor whose median is below the betas tried is listed in the last stage, one above in the first, and
    neither moves a pressure. Factors without any member are left out, and those of which in half of the contexts or
    more all images are equal, because these freeze at no beta.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): stages placed by freezing points; the rule itself is ours.
    """
    contexts = points.drop_duplicates(["factor", "context"])
    flat_share = (contexts["beta_closed_form"] == 0).groupby(contexts["factor"]).mean()
    points = points[~points["factor"].isin(flat_share.index[flat_share >= 0.5])]
    values, measure = _values(points)
    betas = {str(name): part["order_beta"].dropna().to_numpy(float) for name, part in values.groupby("factor")}
    medians = {name: _median(beta) for name, beta in betas.items() if len(beta)}
    names = sorted(medians, key=lambda name: -medians[name])
    groups = [[name] for name in names if np.isfinite(medians[name])]
    gaps = _gaps(groups, betas)
    while gaps:
        worst = min(range(len(gaps)), key=lambda at: gaps[at].separation)
        if gaps[worst].separation >= LEAST_SEPARATION:
            break
        groups[worst : worst + 2] = [groups[worst] + groups[worst + 1]]
        gaps = _gaps(groups, betas)
    if names and not groups:
        groups = [[]]
    if groups:
        groups[0] = [name for name in names if np.isposinf(medians[name])] + groups[0]
        groups[-1] = groups[-1] + [name for name in names if np.isneginf(medians[name])]
    rows = [
        (number + 1, gap.pressure, ",".join(group), measure, gap.low, gap.high, gap.separation)
        for number, (group, gap) in enumerate(zip(groups, gaps, strict=False))
    ]
    if groups:
        rows.append((len(groups), LAST_PRESSURE, ",".join(groups[-1]), measure, np.nan, np.nan, np.nan))
    return pd.DataFrame(rows, columns=["stage", "beta", "factors", "measure", "gap_low", "gap_high", "separation"])


def _gaps(groups: Sequence[Sequence[str]], betas: dict[str, np.ndarray]) -> list[_Gap]:
    pooled = [np.concatenate([betas[name] for name in group]) for group in groups]
    return [_gap(upper, lower) for upper, lower in pairwise(pooled)]


def _gap(upper: np.ndarray, lower: np.ndarray) -> _Gap:
    """The best place for a pressure between two groups' values; separation 0 where there is none above 1."""
    members = np.concatenate([upper, lower])
    low, high = _median(lower), _median(upper)
    ends = np.unique(members[(members >= low) & (members <= high)])
    if len(ends) < 2:
        return _Gap(low, high, 0.0)
    middles = np.sqrt(ends[:-1] * ends[1:])
    shares = ((upper > middles[:, None]).mean(axis=1) + (lower < middles[:, None]).mean(axis=1)) / 2
    best = np.flatnonzero(shares >= shares.max() - 1e-12)
    low, high = float(ends[best[0]]), float(ends[best[-1] + 1])
    return _Gap(low, high, float(shares.max()) if low * high > LAST_PRESSURE**2 else 0.0)


def _median(betas: np.ndarray) -> float:
    """The median; of two middle values of which one is infinite, the other."""
    ordered = np.sort(betas)
    middle = ordered[[(len(betas) - 1) // 2, len(betas) // 2]]
    finite = middle[np.isfinite(middle)]
    return float(finite.mean() if len(finite) else middle[0])


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
        return np.exp(means).where(means > -np.inf, -np.inf).rename("order_beta").reset_index(), TRAINED_BRACKET
    edges = values[values["measure"] == LOWER_EDGE]
    # an edge of 0 is that of equal images, which freeze at no beta
    return edges.assign(order_beta=edges["order_beta"].replace(0.0, -np.inf)), LOWER_EDGE
