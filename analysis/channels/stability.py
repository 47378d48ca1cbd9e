"""Stability of hotspots: are they found again among a part of the models?

Hennig, Cluster-wise assessment of cluster stability (Computational Statistics and Data Analysis 2007): Jaccard
similarity of each cluster with the nearest one of a resample, here of models and not of their channels, since the
channels of one model are not independent.

Shapes: H hotspots, B resamples.
"""

from __future__ import annotations

import numpy as np

from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.hotspots import cluster, models_of
from ifp.errors import bad_value

LOW = 0.1
"""Quantile over resamples that is given beside the mean."""


def stability(
    hotspots: Hotspots, *, resamples: int = 50, share: float = 0.8, generator: np.random.Generator
) -> np.ndarray:
    """How well each hotspot is found again among some of the models.

    Models are drawn without replacement, OPTICS is run on their channels with min_samples in the same proportion, and
    each hotspot, restricted to the drawn models, is compared with the clusters found there: channels in common against
    channels in either, of the best one; 0 where none is met. Resamples without a channel of the hotspot do not count.

    Parameters
    ----------
    resamples : how many. share : of the models in each, above 0 and below 1.
    generator : draws the models.

    Returns
    -------
    [H, 2] in the order of `hotspots.hotspots`: mean and 10 % quantile over the resamples, from 0 to 1; above 0.75 the
    reference calls a cluster stable, below 0.5 dissolved. NaN where no resample counts.

    Raises
    ------
    IfpError : resamples or share out of range.
    """
    if resamples < 1:
        raise bad_value("resamples", resamples, "a whole number of at least 1")
    if not 0 < share < 1:
        raise bad_value("share", share, "above 0 and below 1")
    similarity, latents = hotspots.similarity, hotspots.latents
    model_L = models_of(similarity)
    models = np.unique(model_L)
    drawn = max(2, round(share * len(models)))
    min_samples = max(2, round(hotspots.min_samples * drawn / len(models)))
    found_BH = np.full((resamples, len(hotspots.hotspots)), np.nan)
    for found_H in found_BH:
        kept = latents[np.isin(model_L, generator.choice(models, size=drawn, replace=False))]
        profile = cluster(similarity.among(kept), distance=hotspots.distance, min_samples=min_samples)
        clusters = [set(kept[profile.ordering_L[slice(*span)]].tolist()) for span in profile.spans]
        here = set(kept.tolist())
        for number, hotspot in enumerate(hotspots.hotspots):
            rest = here.intersection(hotspot.channels)
            if rest:
                found_H[number] = max((len(rest & other) / len(rest | other) for other in clusters), default=0.0)
    return np.array([_mean_and_low(found_B[np.isfinite(found_B)]) for found_B in found_BH.T]).reshape(-1, 2)


def _mean_and_low(found_B: np.ndarray) -> tuple[float, float]:
    if not len(found_B):
        return np.nan, np.nan
    return float(found_B.mean()), float(np.quantile(found_B, LOW))
