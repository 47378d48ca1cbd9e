"""From what the user named to what an ensemble's channels hold: read, compare, cluster, follow over beta."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ifp.analysis.channels.fragments import FragmentMap, fragment_map
from ifp.analysis.channels.freezing import channel_freezing, hotspot_freezing
from ifp.analysis.channels.hotspots import SHARE, Hotspots, find_hotspots
from ifp.analysis.channels.stability import stability
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.traversals import latent_traversals
from ifp.cli.own_data import open_dataset
from ifp.cli.progress import StageProgress
from ifp.errors import IfpError
from ifp.fingerprints.build import ChannelComparison, compare_channels
from ifp.fingerprints.collect import ModelEnsemble, collect_models, models_of_codes
from ifp.fingerprints.comparisons import SpaceComparisons
from ifp.fingerprints.find_models import check_enough_models
from ifp.fingerprints.models import FEWEST_MODELS, Model, Similarity
from ifp.fingerprints.monte_carlo import compare_all
from ifp.seeds import numpy_generator


@dataclass(frozen=True)
class Settings:
    """What the user asked for, checked."""

    paths: tuple[Path, ...]
    codes: tuple[Path, ...]
    encoders: tuple[str, ...]
    dataset: str | None
    data_dir: Path | None
    background: Path | None
    points: int
    by: str
    group_size: int | None
    distance: str
    min_samples: int | None
    no_hotspots: bool
    along_training: bool
    betas: tuple[float, ...]
    threshold: float
    monte_carlo: bool
    seed: int
    reading: ReadingOptions
    device: str


@dataclass(frozen=True, eq=False)
class Found:
    """An ensemble with what was found in it.

    Attributes
    ----------
    hotspots, stability_H2, hotspot_points : None where no hotspots were looked for; stability has mean and low end.
    channel_points : freezing points, a row a channel with a trace. map : None with models at fewer than two betas.
    spaces : Monte Carlo, None where it was not asked for. traversals : by the number of a hotspot, [K, C, H, W].
    notes : sentences for the user.
    """

    ensemble: ModelEnsemble
    comparison: ChannelComparison
    channel_points: pd.DataFrame
    hotspots: Hotspots | None = None
    stability_H2: np.ndarray | None = None
    hotspot_points: pd.DataFrame | None = None
    map: FragmentMap | None = None
    spaces: SpaceComparisons | None = None
    traversals: dict[int, np.ndarray] | None = None
    notes: tuple[str, ...] = ()


def collect(settings: Settings, stages: StageProgress) -> ModelEnsemble:
    """Read all models on the same points."""
    if settings.codes:
        return models_of_codes(settings.codes, points=settings.points, seed=settings.seed, betas=settings.betas)
    assert settings.dataset is not None
    dataset = open_dataset(settings.dataset, data_dir=settings.data_dir, background=settings.background, stages=stages)
    ensemble = collect_models(
        settings.paths,
        dataset,
        points=settings.points,
        seed=settings.seed,
        device=settings.device,
        options=settings.reading,
        along=settings.along_training,
        betas=settings.betas,
        encoders=settings.encoders,
        progress=stages.update,
    )
    check_enough_models(len(ensemble.models), hotspots=not settings.no_hotspots)
    return ensemble


def analyse(ensemble: ModelEnsemble, settings: Settings, stages: StageProgress) -> Found:
    """Compare the channels of all models; find hotspots, their freezing points, and the map over beta."""
    models = ensemble.models
    comparison = compare_channels(
        models,
        by=settings.by,
        group_size=settings.group_size,
        device=settings.device,
        progress=stages.update,
    )
    similarity = comparison.similarity
    found = Found(ensemble, comparison, channel_freezing(similarity, models, settings.threshold))
    if not settings.no_hotspots:
        found = _with_hotspots(found, settings, stages)
    if settings.monte_carlo:
        found = replace(found, spaces=_spaces(models, settings, stages))
    stages.close()
    return found


def _with_hotspots(found: Found, settings: Settings, stages: StageProgress) -> Found:
    models, similarity = found.ensemble.models, found.comparison.similarity
    if len(similarity.latents()) < 2:
        raise IfpError(
            "One channel of all models holds information, so that nothing can recur; give models that have learned "
            "more, or add --no-hotspots."
        )
    stages.update("hotspots", 0, 3)
    wanted = settings.min_samples if settings.min_samples is not None else _min_samples(models)
    hotspots = find_hotspots(similarity, distance=settings.distance, min_samples=wanted, num_models=len(models))
    stages.update("hotspots", 1, 3)
    steady_H2 = stability(hotspots, generator=numpy_generator(settings.seed, "channels", "stability"))
    stages.update("hotspots", 2, 3)
    points = hotspot_freezing(hotspots, models, threshold_nats=settings.threshold)
    drawn, notes = _map(models, similarity, settings)
    if settings.along_training:
        notes += (
            "Checkpoints of one training are not independent models: the hotspots' counts and stability are of "
            "checkpoints; the map counts each training once at a beta.",
        )
    stages.update("hotspots", 3, 3)
    return replace(
        found,
        hotspots=hotspots,
        stability_H2=steady_H2,
        hotspot_points=points,
        map=drawn,
        traversals=_traversals(found.ensemble, hotspots, stages),
        notes=notes,
    )


def _min_samples(models: Sequence[Model]) -> int:
    """0.4 of the models of the largest level: a fragment that exists at one beta of several must not be missed."""
    sizes = Counter(_level(model) for model in models if model.beta is not None)
    largest = max(sizes.values(), default=0)
    return max(2, round(SHARE * (largest if largest >= FEWEST_MODELS else len(models))))


def _level(model: Model) -> str:
    """Betas that agree in 6 digits are one level, as in `fragment_map`."""
    return f"{model.beta:.6g}"


def _map(
    models: Sequence[Model], similarity: Similarity, settings: Settings
) -> tuple[FragmentMap | None, tuple[str, ...]]:
    """The map of the models at betas with enough of them, None for fewer than two such betas; and what is left out."""
    sizes = Counter(_level(model) for model in models if model.beta is not None)
    kept = [at for at, m in enumerate(models) if m.beta is not None and sizes[_level(m)] >= FEWEST_MODELS]
    if sum(size >= FEWEST_MODELS for size in sizes.values()) < 2:
        return None, ()
    notes: tuple[str, ...] = ()
    if len(kept) < len(models):
        notes = (
            f"{len(models) - len(kept)} models are not on the map of fragments over beta: their beta is not known, or "
            f"has fewer than {FEWEST_MODELS} models.",
        )
    place_of = {model: place for place, model in enumerate(kept)}
    at = [i for i, channel in enumerate(similarity.channels) if channel.is_factor or channel.model in place_of]
    part = similarity.among(at)
    channels = tuple(c if c.is_factor else replace(c, model=place_of[c.model]) for c in part.channels)
    drawn = fragment_map(
        replace(part, channels=channels),
        [models[place] for place in kept],
        min_samples=settings.min_samples,
        distance=settings.distance,
    )
    levels = tuple(replace(level, models=tuple(kept[m] for m in level.models)) for level in drawn.levels)
    hotspots = tuple(
        replace(
            one,
            channels=tuple(at[i] for i in one.channels),
            models=tuple(kept[m] for m in one.models),
            representative=at[one.representative],
        )
        for one in drawn.hotspots
    )
    return replace(drawn, levels=levels, hotspots=hotspots), notes


def _spaces(models: Sequence[Model], settings: Settings, stages: StageProgress) -> SpaceComparisons:
    return compare_all(
        [model.codes for model in models],
        generator=numpy_generator(settings.seed, "channels", "monte carlo"),
        device=settings.device,
        progress=stages.update,
    )


def _traversals(ensemble: ModelEnsemble, hotspots: Hotspots, stages: StageProgress) -> dict[int, np.ndarray]:
    """What the representative of each hotspot draws as its latent moves; of several latents the one of most KL."""
    drawn: dict[int, np.ndarray] = {}
    for at, hotspot in enumerate(hotspots.hotspots):
        stages.update("traversals", at, len(hotspots.hotspots))
        channel = hotspots.similarity.channels[hotspot.representative]
        model = ensemble.read_vae(channel.model)
        if model is None or model.decoder is None:
            continue
        codes = ensemble.models[channel.model].codes
        latent = max(channel.latents, key=codes.kl_nats_D().__getitem__)
        images_DKCHW, _ = latent_traversals(model, codes.mean_ND[0], ensemble.device)
        drawn[hotspot.number] = images_DKCHW[latent].astype(np.float32)
        stages.update("traversals", at + 1, len(hotspots.hotspots))
    return drawn
