"""Fragments of information over beta: where each first appears as beta falls, and how fragments split and merge.

Models trained at the same beta are a level. The hotspots of a level are its fragments; two fragments of neighbouring
levels are linked if they hold information in common: if the mean NMI over all pairs of a channel of one and a channel
of the other reaches a floor. NMI falls where one fragment holds the whole of the other and more, so each link also
says which share of each one's entropy (I(U; U'), of two looks) the other holds. Information is in bits.

Shapes: C channels of the ensemble, P and Q channels of two fragments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ifp.analysis.channels.fragment_tables import Level, fragment_table, link_table
from ifp.analysis.channels.hotspot import Hotspot
from ifp.analysis.channels.hotspots import SHARE, find_hotspots
from ifp.errors import IfpError, bad_value, counted
from ifp.fingerprints.models import FEWEST_MODELS, Model, Similarity

LINK_NMI = 0.25
"""Default minimum mean NMI of two linked fragments. If one contains the other, their NMI is the square root of the
ratio of their entropies, so this links a fragment with a part of it of at least 1/16 of its entropy."""


@dataclass(frozen=True, eq=False)
class FragmentMap:
    """The fragments of all levels and the links between them.

    Attributes
    ----------
    levels : beta falling.
    hotspots : one per fragment, in the order of `fragments`; `channels` and `representative` are places in the whole
        Similarity, `span` and `name` are those of its own level.
    fragments : one row per fragment with `FRAGMENT_COLUMNS`, numbered from 1, beta falling. The event that `origin`
        names lies between `bracket_low` and `bracket_high` (NaN: unknown, or nothing happened). `runs_above` models of
        the next higher level, `runs_below` of the next lower, have a channel that would be linked: what has no fragment
        there may be held by too few models, or by each in a mixture of its own.
        `factors` are all with a mean NMI that earns a name. `parents` and `children` are numbers of fragments.
    links : one row per link with `LINK_COLUMNS`: `higher` and `lower` are numbers of fragments, at the higher and lower
        beta; `share_of_higher` of the higher one's entropy is held by the lower, and the other way round.
    factors : names of the data's factors. link : the floor of NMI of a link.
    """

    levels: tuple[Level, ...]
    hotspots: tuple[Hotspot, ...]
    fragments: pd.DataFrame
    links: pd.DataFrame
    factors: tuple[str, ...]
    link: float


def fragment_map(
    similarity: Similarity,
    models: Sequence[Model],
    *,
    min_samples: int | None = None,
    link: float = LINK_NMI,
    distance: str = "vi",
) -> FragmentMap:
    """Find the hotspots of the models at each beta, and link those of neighbouring betas.

    A fragment without a link to the next higher level is compared with those above it, so that one that was too rare
    there, or missed, is not taken for new.

    Parameters
    ----------
    similarity : of all channels of all models, and of the factors, if any.
    models : each with its beta; betas that agree in 6 digits are one level.
    min_samples : the fewest models of a level that make a fragment; 0.4 of them, at least 2, by default.
    link : the floor of mean NMI of a link, above 0 and at most 1.
    distance : see `find_hotspots`.

    Raises
    ------
    IfpError : a model without beta, fewer than 2 levels, fewer than 5 models at a beta, or a link that cannot be.
    """
    if not 0 < link <= 1:
        raise bad_value("link", link, "above 0 and at most 1")
    levels = _levels(models, min_samples)
    hotspots, level_of = [], []
    for number, level in enumerate(levels):
        of_level = _fragments_of(similarity, level, distance)
        hotspots += of_level
        level_of += [number] * len(of_level)
    links = link_table(similarity, hotspots, level_of, levels, link)
    factors = tuple(similarity.channels[place].name for place in similarity.factors())
    fragments = fragment_table(similarity, hotspots, level_of, levels, links, link, factors)
    return FragmentMap(levels, tuple(hotspots), fragments, links, factors, link)


def _levels(models: Sequence[Model], min_samples: int | None) -> tuple[Level, ...]:
    of_beta: dict[float, list[int]] = {}
    for place, model in enumerate(models):
        if model.beta is None or not 0 < model.beta < np.inf:
            raise IfpError(
                f"A map of fragments over beta needs the beta of each model, and that of {model.name} is "
                f"{'not known' if model.beta is None else model.beta}; give it, or leave the model out."
            )
        of_beta.setdefault(float(f"{model.beta:.6g}"), []).append(place)
    betas = sorted(of_beta, reverse=True)
    if len(betas) < 2:
        raise IfpError(
            f"A map of fragments over beta needs models at 2 or more betas, got {len(betas)}; add models at another, "
            "or find the hotspots of these alone."
        )
    for beta in betas:
        if len(of_beta[beta]) < FEWEST_MODELS:
            raise IfpError(
                f"There are {counted(len(of_beta[beta]), 'model')} at beta {beta:g}, and hotspots need "
                f"at least {FEWEST_MODELS}; "
                "add models, or leave that beta out."
            )
    return tuple(
        Level(beta, tuple(at), max(2, round(SHARE * len(at))) if min_samples is None else min_samples)
        for beta, at in ((beta, of_beta[beta]) for beta in betas)
    )


def _fragments_of(similarity: Similarity, level: Level, distance: str) -> list[Hotspot]:
    """The hotspots of one level, with places in the whole similarity."""
    latents = [place for place in similarity.latents() if similarity.channels[place].model in level.models]
    if len({similarity.channels[place].model for place in latents}) < level.min_samples:
        return []  # nearly all collapsed: too few models hold anything
    places = np.array([*latents, *similarity.factors()])
    clustered = find_hotspots(
        similarity.among(places), distance=distance, min_samples=level.min_samples, num_models=len(level.models)
    )
    return [
        replace(
            hotspot,
            channels=tuple(int(places[channel]) for channel in hotspot.channels),
            representative=int(places[hotspot.representative]),
        )
        for hotspot in clustered.hotspots
    ]
