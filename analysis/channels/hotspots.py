"""Hotspots: information that the channels of many models of an ensemble hold, found again and again.

Murphy, Dillavou and Bassett (TMLR 2025), arXiv:2405.21042, section on OPTICS: channels are clustered by variation of
information or by -ln NMI. Information is in bits, NMI has no unit.

Shapes: C channels of a Similarity, L of them no factors, F factors, H channels of one hotspot.
"""

from __future__ import annotations

import numpy as np

from ifp.analysis.channels.clusters import Profile, mean_over_pairs, profile_of
from ifp.analysis.channels.hotspot import Hotspot, Hotspots, Spread
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.fingerprints.models import FEWEST_MODELS, Similarity

DISTANCES = ("vi", "nmi")
"""Distances between channels: variation of information in bits, or -ln NMI."""

SHARE = 0.4
"""Default minimum share of models that contain a hotspot (20 of 50 in the paper)."""

FACTOR_NMI = 0.2
"""Minimum mean NMI with a factor for a hotspot to carry the factor's name."""

SMALLEST_NMI = 1e-4
"""NMI is clipped to at least this value before its logarithm is taken, as in the paper."""


def find_hotspots(
    similarity: Similarity, *, distance: str = "vi", min_samples: int | None = None, num_models: int | None = None
) -> Hotspots:
    """Cluster the channels that are no factors by the information that they hold.

    Parameters
    ----------
    distance : "vi" (bits) or "nmi" (-ln NMI).
    min_samples : the fewest models that have a hotspot, and OPTICS's number of neighbours; by default 0.4 of the
        models, at least 2.
    num_models : of the ensemble; more than have a channel in `similarity` where some models have no live channel.

    Raises
    ------
    IfpError : fewer than 5 models, a distance or a number that cannot be, similarities that are not finite.

    References
    ----------
    Murphy, Dillavou and Bassett, arXiv:2405.21042; Ankerst et al., OPTICS (SIGMOD 1999); `clusters` says which of the
    nested clusters of OPTICS are hotspots.
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    latents = similarity.latents()
    model_L = models_of(similarity)
    seen = len(np.unique(model_L))
    num_models = seen if num_models is None else num_models
    if num_models < seen:
        raise bad_value("num_models", num_models, f"at least the {seen} models that have channels")
    if num_models < FEWEST_MODELS:
        raise IfpError(
            f"Hotspots need at least {FEWEST_MODELS} models, got {num_models}: give more, or compare them without "
            "hotspots."
        )
    if min_samples is None:
        min_samples = max(2, round(SHARE * num_models))
    if not 2 <= min_samples <= num_models:
        raise bad_value("min_samples", min_samples, f"from 2 to the number of models, {num_models}")
    profile = cluster(similarity, distance=distance, min_samples=min_samples)
    labels_L = np.full(len(latents), -1)
    for number, (start, stop) in enumerate(profile.spans):
        labels_L[profile.ordering_L[start:stop]] = number
    return Hotspots(
        similarity=similarity,
        latents=latents,
        factors=tuple(similarity.channels[i].name for i in similarity.factors()),
        ordering_L=profile.ordering_L,
        reachability_L=profile.reachability_L,
        labels_L=labels_L,
        distance=distance,
        min_samples=min_samples,
        num_models=num_models,
        hotspots=tuple(
            _describe(similarity, number, latents[profile.ordering_L[start:stop]], (start, stop), distance)
            for number, (start, stop) in enumerate(profile.spans, 1)
        ),
    )


def cluster(similarity: Similarity, *, distance: str, min_samples: int) -> Profile:
    """The clusters of the channels that are no factors, and their places [L] among these; for any number of models."""
    latents = similarity.latents()
    if not (np.isfinite(similarity.joint_bits_CC).all() and np.isfinite(similarity.information_bits_C).all()):
        raise IfpError("Some similarities are not finite: drop the models whose posteriors hold NaN or infinity.")
    if len(latents) < min_samples:
        return Profile(np.arange(len(latents)), np.full(len(latents), np.inf), ())
    pairs = np.ix_(latents, latents)
    return profile_of(
        distances(similarity, distance)[pairs],
        known_nmi(similarity)[pairs],
        models_of(similarity),
        min_samples=min_samples,
    )


def distances(similarity: Similarity, distance: str) -> np.ndarray:
    """VI in bits or -ln NMI of all pairs [C, C], from 0; -ln NMI stops at -ln 1e-4."""
    if distance == "vi":
        return np.maximum(similarity.vi_bits_CC, 0)
    return np.maximum(-np.log(np.maximum(known_nmi(similarity), SMALLEST_NMI)), 0)


def known_nmi(similarity: Similarity) -> np.ndarray:
    """NMI of all pairs [C, C], 0 with a channel that has no entropy."""
    return np.where(np.isfinite(similarity.nmi_CC), similarity.nmi_CC, 0.0)


def models_of(similarity: Similarity) -> np.ndarray:
    """The model [L] of each channel that is no factor."""
    return np.array([similarity.channels[i].model for i in similarity.latents()], dtype=int)


def roman(number: int) -> str:
    """A small Roman numeral.

    >>> [roman(number) for number in (1, 4, 9, 14, 40, 99)]
    ['i', 'iv', 'ix', 'xiv', 'xl', 'xcix']
    """
    signs = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
    text = ""
    for value, sign in signs:
        text += sign * (number // value)
        number %= value
    return text


def _describe(similarity: Similarity, number: int, at_H: np.ndarray, span: tuple[int, int], distance: str) -> Hotspot:
    model_H = np.array([similarity.channels[i].model for i in at_H])
    within = np.ix_(at_H, at_H)
    factors = similarity.factors()
    nmi_with_factors_F = similarity.nmi_CC[np.ix_(at_H, factors)].mean(axis=0)
    # a factor with a single value has no entropy, so that its NMI is not known
    known = bool(np.isfinite(nmi_with_factors_F).any())
    best = int(np.nanargmax(nmi_with_factors_F)) if known else -1
    factor_nmi = float(nmi_with_factors_F[best]) if known else np.nan
    return Hotspot(
        number=number,
        name=roman(number),
        channels=tuple(int(i) for i in at_H),
        span=span,
        models=tuple(int(m) for m in np.unique(model_H)),
        information_bits=_spread(similarity.information_bits_C[at_H], model_H),
        upper_bits=_spread(similarity.upper_bits_C[at_H], model_H),
        factor=similarity.channels[factors[best]].name if factor_nmi >= FACTOR_NMI else "",
        factor_nmi=factor_nmi,
        nmi_with_factors_F=nmi_with_factors_F,
        representative=int(at_H[distances(similarity, distance)[within].sum(axis=1).argmin()]),
        tightness=mean_over_pairs(known_nmi(similarity)[within]),
    )


def _spread(bits_H: np.ndarray, model_H: np.ndarray) -> Spread:
    of_models = [bits_H[model_H == model].mean() for model in np.unique(model_H)]
    return Spread(float(np.mean(of_models)), float(np.min(of_models)), float(np.max(of_models)))
