"""The two tables of fragments: what links them, and one row per fragment with where it came from and where it goes.

Shapes: P channels of a level, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ifp.analysis.channels.factor_lists import join_factors
from ifp.analysis.channels.fragment_origins import FragmentOrigin, fate_of, origin_of
from ifp.analysis.channels.hotspot import Hotspot
from ifp.analysis.channels.hotspots import FACTOR_NMI
from ifp.fingerprints.models import Similarity

FRAGMENT_COLUMNS = (
    "fragment", "beta", "name", "runs", "of_runs", "channels", "information_bits", "information_low_bits",
    "information_high_bits", "factor", "factor_nmi", "factors", "tightness", "representative", "origin", "bracket_low",
    "bracket_high", "runs_above", "fate", "runs_below", "parents", "children",
)  # fmt: skip
LINK_COLUMNS = (
    "higher", "lower", "beta_higher", "beta_lower", "nmi", "share_of_higher", "share_of_lower", "levels_between",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Level:
    """The models trained at one beta: places in the list of models, and the fewest of them that make a fragment."""

    beta: float
    models: tuple[int, ...]
    min_samples: int


def link_table(
    similarity: Similarity, hotspots: Sequence[Hotspot], level_of: Sequence[int], levels: Sequence[Level], link: float
) -> pd.DataFrame:
    """One row per link, with `LINK_COLUMNS`: each fragment and those above it that reach the floor."""
    rows: list[dict[str, object]] = []
    for lower, hotspot in enumerate(hotspots):
        for above in range(level_of[lower] - 1, -1, -1):
            linked = []
            for higher in (place for place, level in enumerate(level_of) if level == above):
                pairs = np.ix_(hotspots[higher].channels, hotspot.channels)
                nmi = float(np.nan_to_num(similarity.nmi_CC[pairs]).mean())
                if nmi >= link:
                    linked.append((higher, nmi, float(similarity.shared_bits_CC[pairs].mean())))
            rows += [
                {
                    "higher": higher + 1,
                    "lower": lower + 1,
                    "beta_higher": levels[above].beta,
                    "beta_lower": levels[level_of[lower]].beta,
                    "nmi": nmi,
                    "share_of_higher": shared / _entropy_bits(similarity, hotspots[higher]),
                    "share_of_lower": shared / _entropy_bits(similarity, hotspot),
                    "levels_between": level_of[lower] - above - 1,
                }
                for higher, nmi, shared in linked
            ]
            if linked:
                break
    return pd.DataFrame(rows, columns=list(LINK_COLUMNS))


def _entropy_bits(similarity: Similarity, hotspot: Hotspot) -> float:
    return float(similarity.entropy_bits_C[list(hotspot.channels)].mean())


def fragment_table(
    similarity: Similarity,
    hotspots: Sequence[Hotspot],
    level_of: Sequence[int],
    levels: Sequence[Level],
    links: pd.DataFrame,
    link: float,
    factors: Sequence[str],
) -> pd.DataFrame:
    """One row per fragment, with `FRAGMENT_COLUMNS`; `link` is the floor of NMI of a link."""
    parents: dict[int, list[int]] = {number: [] for number in range(1, len(hotspots) + 1)}
    children: dict[int, list[int]] = {number: [] for number in parents}
    for higher, lower in zip(links["higher"].tolist(), links["lower"].tolist(), strict=True):
        parents[lower].append(higher)
        children[higher].append(lower)
    rows = []
    for number, (hotspot, rank) in enumerate(zip(hotspots, level_of, strict=True), 1):
        level, last = levels[rank], rank == len(levels) - 1
        parent_betas = [levels[level_of[parent - 1]].beta for parent in parents[number]]
        origin = origin_of(
            rank, parents[number], children, returns=bool(parent_betas) and parent_betas[0] != levels[rank - 1].beta
        )
        low, high = np.nan, np.nan
        if origin not in (FragmentOrigin.RETURNS, FragmentOrigin.CONTINUES):
            low = level.beta
        if origin == FragmentOrigin.APPEARS:
            high = levels[rank - 1].beta
        elif origin in (FragmentOrigin.SPLIT, FragmentOrigin.MERGED):
            high = min(parent_betas)
        rows.append(
            {
                "fragment": number,
                "beta": level.beta,
                "name": hotspot.name,
                "runs": len(hotspot.models),
                "of_runs": len(level.models),
                "channels": len(hotspot.channels),
                "information_bits": hotspot.information_bits.mean,
                "information_low_bits": hotspot.information_bits.low,
                "information_high_bits": hotspot.information_bits.high,
                "factor": hotspot.factor,
                "factor_nmi": hotspot.factor_nmi,
                "factors": _factors_of(hotspot, factors),
                "tightness": hotspot.tightness,
                "representative": similarity.channels[hotspot.representative].name,
                "origin": origin.value,
                "bracket_low": low,
                "bracket_high": high,
                "runs_above": _models_holding(similarity, hotspot, levels[rank - 1], link) if rank else np.nan,
                "fate": fate_of(last, children[number], parents).value,
                "runs_below": np.nan if last else _models_holding(similarity, hotspot, levels[rank + 1], link),
                "parents": " ".join(map(str, parents[number])),
                "children": " ".join(map(str, children[number])),
            }
        )
    return pd.DataFrame(rows, columns=list(FRAGMENT_COLUMNS))


def _factors_of(hotspot: Hotspot, factors: Sequence[str]) -> str:
    """The factors that share information with it, most first."""
    nmi_F = np.nan_to_num(hotspot.nmi_with_factors_F)
    return join_factors(factors[factor] for factor in np.argsort(-nmi_F, kind="stable") if nmi_F[factor] >= FACTOR_NMI)


def _models_holding(similarity: Similarity, hotspot: Hotspot, level: Level, link: float) -> int:
    """Models of `level` with a channel whose mean NMI with the fragment's channels reaches `link`."""
    latents = [place for place in similarity.latents() if similarity.channels[place].model in level.models]
    nmi_P = np.nan_to_num(similarity.nmi_CC[np.ix_(latents, hotspot.channels)]).mean(axis=1)
    return len({similarity.channels[place].model for place, nmi in zip(latents, nmi_P, strict=True) if nmi >= link})
