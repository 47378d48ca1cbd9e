"""What recurs among the channels of an ensemble: hotspots, their stability, freezing points, the map over beta."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ifp.analysis.channels.fragments import FragmentMap, fragment_map
from ifp.analysis.channels.freezing import hotspot_freezing
from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.hotspots import SHARE, find_hotspots
from ifp.analysis.channels.settings import ChannelSettings
from ifp.analysis.channels.stability import stability
from ifp.checkpoints.traversals import latent_traversals
from ifp.errors import IfpError
from ifp.fingerprints.collect import ModelEnsemble
from ifp.fingerprints.models import FEWEST_MODELS, Model, Similarity
from ifp.seeds import numpy_generator
from ifp.system.progress import Progress


@dataclass(frozen=True, eq=False)
class Recurrence:
    """The information that recurs in an ensemble.

    Attributes
    ----------
    stability_H2 : mean and low quantile for each hotspot, see `ifp.analysis.channels.stability`.
    freezing : one row per hotspot, see `ifp.analysis.channels.freezing.hotspot_freezing`.
    map : None with models at fewer than two betas.
    traversals : by the number of a hotspot, what its representative draws, [K, C, H, W].
    notes : sentences for the user.
    """

    hotspots: Hotspots
    stability_H2: np.ndarray
    freezing: pd.DataFrame
    map: FragmentMap | None = None
    traversals: Mapping[int, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_recurrence(
    ensemble: ModelEnsemble, similarity: Similarity, settings: ChannelSettings, progress: Progress
) -> Recurrence:
    """Find hotspots, how stable they are, when they froze, and how fragments of information split over beta.

    Raises
    ------
    IfpError : fewer than two channels hold information, or too few models.
    """
    models = ensemble.models
    if len(similarity.latents()) < 2:
        raise IfpError(
            "One channel of all models holds information, so that nothing can recur; give models that have learned "
            "more, or leave hotspots out, `hotspots=False`."
        )
    progress("hotspots", 0, 3)
    min_samples = settings.min_samples if settings.min_samples is not None else _min_samples(models)
    hotspots = find_hotspots(similarity, distance=settings.distance, min_samples=min_samples, num_models=len(models))
    progress("hotspots", 1, 3)
    stability_H2 = stability(hotspots, generator=numpy_generator(settings.seed, "channels", "stability"))
    progress("hotspots", 2, 3)
    freezing = hotspot_freezing(hotspots, models, threshold_nats=settings.threshold)
    beta_map, notes = _map(models, similarity, settings)
    if settings.along_training:
        notes += (
            "Checkpoints of one training are not independent models: the hotspots' counts and stability are of "
            "checkpoints; the map counts each training once at a beta.",
        )
    progress("hotspots", 3, 3)
    return Recurrence(hotspots, stability_H2, freezing, beta_map, _traversals(ensemble, hotspots, progress), notes)


def _min_samples(models: Sequence[Model]) -> int:
    """0.4 of the models of the largest level: a fragment that exists at one beta of several must not be missed."""
    sizes = Counter(_level(model) for model in models if model.beta is not None)
    largest = max(sizes.values(), default=0)
    return max(2, round(SHARE * (largest if largest >= FEWEST_MODELS else len(models))))


def _level(model: Model) -> str:
    """Betas that agree in 6 digits are one level, as in `fragment_map`."""
    return f"{model.beta:.6g}"


def _map(
    models: Sequence[Model], similarity: Similarity, settings: ChannelSettings
) -> tuple[FragmentMap | None, tuple[str, ...]]:
    """The map of the models at betas with enough of them, None for fewer than two such betas; and what is left out."""
    sizes = Counter(_level(model) for model in models if model.beta is not None)
    mapped = [place for place, m in enumerate(models) if m.beta is not None and sizes[_level(m)] >= FEWEST_MODELS]
    if sum(size >= FEWEST_MODELS for size in sizes.values()) < 2:
        return None, ()
    notes: tuple[str, ...] = ()
    if len(mapped) < len(models):
        notes = (
            f"{len(models) - len(mapped)} models are not on the map of fragments over beta: their beta is not known, "
            f"or has fewer than {FEWEST_MODELS} models.",
        )
    place_of = {model: place for place, model in enumerate(mapped)}
    channel_places = [
        i for i, channel in enumerate(similarity.channels) if channel.is_factor or channel.model in place_of
    ]
    part = similarity.among(channel_places)
    channels = tuple(c if c.is_factor else replace(c, model=place_of[c.model]) for c in part.channels)
    drawn = fragment_map(
        replace(part, channels=channels),
        [models[place] for place in mapped],
        min_samples=settings.min_samples,
        distance=settings.distance,
    )
    levels = tuple(replace(level, models=tuple(mapped[m] for m in level.models)) for level in drawn.levels)
    hotspots = tuple(
        replace(
            hotspot,
            channels=tuple(channel_places[i] for i in hotspot.channels),
            models=tuple(mapped[m] for m in hotspot.models),
            representative=channel_places[hotspot.representative],
        )
        for hotspot in drawn.hotspots
    )
    return replace(drawn, levels=levels, hotspots=hotspots), notes


def _traversals(ensemble: ModelEnsemble, hotspots: Hotspots, progress: Progress) -> dict[int, np.ndarray]:
    """What the representative of each hotspot draws as its latent moves; of several latents the one of most KL."""
    drawn: dict[int, np.ndarray] = {}
    if ensemble.sample is None:  # codes draw nothing
        return drawn
    for at, hotspot in enumerate(hotspots.hotspots):
        progress("traversals", at, len(hotspots.hotspots))
        channel = hotspots.similarity.channels[hotspot.representative]
        model = ensemble.read_vae(channel.model)
        if model is not None and model.decoder is not None:
            codes = ensemble.models[channel.model].codes
            latent = max(channel.latents, key=codes.kl_nats_D().__getitem__)
            images_DKCHW, _ = latent_traversals(model, codes.mean_ND[0], ensemble.device)
            drawn[hotspot.number] = images_DKCHW[latent].astype(np.float32)
        progress("traversals", at + 1, len(hotspots.hotspots))
    return drawn
