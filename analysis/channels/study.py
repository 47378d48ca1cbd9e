"""`ifp.channels`: which pieces of information an ensemble of models finds again and again, and when they freeze."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.channels.freezing import channel_freezing
from ifp.analysis.channels.model_tables import channel_table, model_table, space_table
from ifp.analysis.channels.recurrence import Recurrence, find_recurrence
from ifp.analysis.channels.result import ChannelsResult
from ifp.analysis.channels.settings import POINTS, ChannelSettings
from ifp.checkpoints.cells import CellOptions
from ifp.checkpoints.custom import EncoderByName, read_codes
from ifp.checkpoints.encode_models import as_named
from ifp.checkpoints.in_memory import TAKES, is_encoder
from ifp.checkpoints.run_records import Record
from ifp.checkpoints.source import ReadingOptions, as_reading
from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset
from ifp.errors import IfpError, counted
from ifp.fingerprints.build import ChannelComparison, compare_channels
from ifp.fingerprints.collect import FEWEST_POINTS, ModelEnsemble, collect_models, models_of_codes
from ifp.fingerprints.comparisons import SpaceComparisons
from ifp.fingerprints.find_models import check_enough_at, check_enough_models
from ifp.fingerprints.monte_carlo import DRAWS, compare_all
from ifp.fingerprints.read_models import naming
from ifp.fingerprints.recordings import models_of_recordings, read_recordings
from ifp.formats import BETA_CONVENTION
from ifp.recording.find_recordings import all_recordings
from ifp.seeds import numpy_generator
from ifp.system.checksums import may_trust
from ifp.system.cluster import check_scheduler, connect, device_here
from ifp.system.devices import check_device
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.versions import versions
from ifp.system.workers import Workers


@may_trust
def channels(
    models: Any = (),
    dataset: str | FactorDataset | np.ndarray | None = None,
    *,
    codes: Sequence[str | os.PathLike[str]] = (),
    cells: CellOptions | None = None,
    points: int | None = None,
    by: str = "latent",
    group_size: int | None = None,
    distance: str = "vi",
    min_samples: int | None = None,
    hotspots: bool = True,
    along_training: bool = False,
    betas: Sequence[float] = (),
    threshold: float = 0.1,
    monte_carlo: bool = False,
    seed: int = 0,
    reading: ReadingOptions | None = None,
    device: str = "auto",
    scheduler: str | None = None,
    data_dir: Path | None = None,
    background: Path | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
    trust: bool = False,
) -> ChannelsResult:
    """Compare the latents of many models by the information that they hold, and say what recurs and when it freezes.

    Parameters
    ----------
    models : a model or a list of them: checkpoints of any of the field's code bases, folders with a series of them (the
        last counts), folders of `ifp train` or `ifp anneal --whole` runs and results of `ifp.train` (every seed is a
        model), modules with `encode`, functions images -> (mean, logvar), also named as "package.module:function"; or
        `ifp.Codes`, or folders of an `ifp.Recorder`, alone.
    dataset : the images on which they are compared: a name, a data set, or images; None for codes and recordings.
    codes : in place of models, .npz files with mean, logvar and factors, or .h5ad files with posteriors of cells.
    cells : what is read of .h5ad files: columns that are factors, keys, bins.
    points : how many images are compared; they cap information at log2 of their number. None for 1000, or all images
        where there are fewer.
    by : what a channel is: "latent", "group" (of `group_size` latents) or "space" (a model's whole latent space).
    distance : what channels are clustered by: "vi" (variation of information) or "nmi".
    min_samples : channels and models that a hotspot needs; by default 0.4 of the models at one beta.
    hotspots : whether hotspots are looked for, which takes at least 5 models.
    along_training : every checkpoint of a series is a model, at the beta of its step.
    betas : the beta of each model (beside functions, of each path), in place of what the files say.
    threshold : KL of a channel, in nats, above which it counts as frozen.
    monte_carlo : whether to measure whole latent spaces by Monte Carlo too.
    seed : of images, draws and resamples. reading : what you know better than a checkpoint's file does.
    device : where models are encoded and compared.
    scheduler : the address of a dask scheduler whose workers read and encode models and compare channels in blocks of
        points, or "local" or "local:N" for N processes here (docs/cluster.md); paths must be theirs too. None for this
        process.
    data_dir : where the official files lie.
    background : the picture of sprites-scream.
    progress : see `ifp.system.progress.Progress`. say : called with each sentence that the user should read.
    trust : whether to believe files of runs that are not as they were written.

    Raises
    ------
    IfpError : no model, too few for hotspots, models that cannot be read or are of different data, or a setting out of
        range.

    References
    ----------
    Murphy, Dillavou and Bassett, Comparing the information content of probabilistic representation spaces (TMLR 2025).
    """
    settings = ChannelSettings(
        points=POINTS if points is None else points, by=by, group_size=group_size, distance=distance,
        min_samples=min_samples, hotspots=hotspots,
        along_training=along_training, betas=tuple(betas), threshold=threshold, monte_carlo=monte_carlo, seed=seed,
        reading=as_reading(reading),
    )  # fmt: skip
    check_scheduler(scheduler)
    with connect(scheduler, "cpu", say) as workers:
        return _channels(
            models, dataset, codes, cells, settings, points, check_device(device_here(device, scheduler)), data_dir,
            background, workers, progress, say,
        )  # fmt: skip


def _channels(
    models: Any,
    dataset: str | FactorDataset | np.ndarray | None,
    codes: Sequence[str | os.PathLike[str]],
    cells: CellOptions | None,
    settings: ChannelSettings,
    points: int | None,
    device: str,
    data_dir: Path | None,
    background: Path | None,
    workers: Workers | None,
    progress: Progress,
    say: Say,
) -> ChannelsResult:
    hotspots, seed = settings.hotspots, settings.seed
    records = _codes_of(models, codes, cells, hotspots, say)
    if records:
        if dataset is not None:
            raise IfpError("Codes bring their own factors; leave the data set out.")
        if settings.along_training:
            raise IfpError("along_training is about the checkpoints of runs; leave it out with codes.")
        settings = _fitting(settings, points, len(records[0].codes), records[0].label, say, records[0].codes.unit)
        ensemble = models_of_codes(records, points=settings.points, seed=seed, betas=settings.betas)
    elif all_recordings(named := list(models) if isinstance(models, list | tuple) else [models], dataset):
        recordings = read_recordings(
            [Path(model) for model in named], along=settings.along_training, hotspots=settings.hotspots
        )
        there = len(recordings[0].codes(recordings[0].records[-1].step))
        settings = _fitting(settings, points, there, recordings[0].name, say)
        ensemble = models_of_recordings(
            recordings, points=settings.points, seed=seed, along=settings.along_training, betas=settings.betas
        )
    else:
        paths, encoders = _paths_and_encoders(models)
        if dataset is None:
            raise IfpError("No data set is named; give the images that the models were trained on, such as 'sprites'.")
        check_enough_at(paths, len(encoders), along_training=settings.along_training, hotspots=settings.hotspots)
        data = as_dataset(dataset, data_dir=data_dir, background=background, progress=progress, say=say)
        settings = _fitting(settings, points, data.listed_images, data.name, say)
        ensemble = collect_models(
            paths, data, points=settings.points, seed=seed, device=device, options=settings.reading,
            along=settings.along_training, betas=settings.betas, encoders=encoders, workers=workers,
            progress=progress,
        )  # fmt: skip
    comparison = compare_channels(
        ensemble.models, by=settings.by, group_size=settings.group_size, device=device, workers=workers,
        progress=progress,
    )  # fmt: skip
    recurrence = find_recurrence(ensemble, comparison.similarity, settings, progress) if hotspots else None
    spaces = None
    if settings.monte_carlo:
        spaces = compare_all(
            [model.codes for model in ensemble.models],
            generator=numpy_generator(seed, "channels", "monte carlo"), device=device, progress=progress,
        )  # fmt: skip
    result = _assemble(ensemble, comparison, recurrence, spaces, settings, [str(path) for path in codes])
    for note in result.about["notes"]:
        say(note)
    return result


def _fitting(
    settings: ChannelSettings, asked: int | None, there: int, name: str, say: Say, unit: str = "image"
) -> ChannelSettings:
    """The settings with no more points than rows where the user asked for no number; one that was given stays."""
    if asked is not None or settings.points <= there:
        return settings
    if there < FEWEST_POINTS:
        raise IfpError(f"{name} holds {counted(there, unit)}, and channels are compared on at least {FEWEST_POINTS}.")
    say(f"Points: all {counted(there, unit)} of {name}, in place of {settings.points:,}.")
    return dataclasses.replace(settings, points=there)


def _paths_and_encoders(models: Any) -> tuple[list[Path], list[Any]]:
    """What the user named, in two lists; a single model need not stand in a list."""
    named = list(models) if isinstance(models, list | tuple) else [models]
    if not named:
        raise IfpError("No model is named; give paths of runs or checkpoints, functions, modules or codes.")
    paths, encoders = [], []
    for model in map(as_named, named):
        if isinstance(model, str | os.PathLike):
            paths.append(Path(model))
        elif isinstance(model, EncoderByName) or is_encoder(model):
            encoders.append(model)
        else:
            raise IfpError(f"{TAKES[0].upper()}{TAKES[1:]}; got {type(model).__name__}.")
    return paths, encoders


def _codes_of(
    models: Any, files: Sequence[str | os.PathLike[str]], cells: CellOptions | None, hotspots: bool, say: Say
) -> list[Record]:
    """The codes that were given in place of models, as arrays or as files."""
    named = list(models) if isinstance(models, list | tuple) else [models]
    in_memory = [model for model in named if isinstance(model, Codes)]
    if (in_memory and len(in_memory) < len(named)) or (files and named):
        raise IfpError("Codes are of images of their own, so they are not compared with models; give one kind.")
    if in_memory or files:
        check_enough_models(len(in_memory) + len(files), hotspots=hotspots)
    records = [Record(f"model {place}", None, model) for place, model in enumerate(in_memory)]
    for path in map(Path, files):
        try:
            records.append(read_codes(path, cells, say))
        except IfpError as error:
            raise naming(str(path), error) from error
    return records


def _assemble(
    ensemble: ModelEnsemble,
    comparison: ChannelComparison,
    recurrence: Recurrence | None,
    spaces: SpaceComparisons | None,
    settings: ChannelSettings,
    codes: Sequence[str],
) -> ChannelsResult:
    similarity, models = comparison.similarity, ensemble.models
    freezing = channel_freezing(similarity, models, settings.threshold)
    clustered = None if recurrence is None else recurrence.hotspots
    tables = {
        "models": model_table(ensemble, similarity, spaces),
        "channels": channel_table(
            similarity, [model.name for model in models], betas=[model.beta for model in models],
            dropped=comparison.dropped, dropped_bits=comparison.dropped_bits, hotspots=clustered, freezing=freezing,
        ),
        "freezing": freezing,
    }  # fmt: skip
    if recurrence is not None:
        mean_H, low_H = recurrence.stability_H2.T
        tables["hotspots"] = recurrence.hotspots.table().assign(stability=mean_H, stability_low=low_H)
        tables["hotspot_freezing"] = recurrence.freezing
    if spaces is not None:
        tables["spaces"] = space_table(ensemble, spaces)
    about = {
        "dataset": _about_data(ensemble, codes),
        "settings": {
            "points": settings.points,
            "by": settings.by,
            "group_size": settings.group_size,
            "distance": settings.distance,
            "min_samples": settings.min_samples,
            "along_training": settings.along_training,
            "betas": list(settings.betas),
            "threshold_nats": settings.threshold,
            "seed": settings.seed,
            "reading": dataclasses.asdict(settings.reading),
            "monte_carlo_draws": DRAWS if spaces is not None else None,
        },
        "dropped": [
            {"name": channel.name, "information_bits": float(bits)}
            for channel, bits in zip(comparison.dropped, comparison.dropped_bits, strict=True)
        ],
        "notes": [*ensemble.notes, *(recurrence.notes if recurrence is not None else ())],
        "convention": BETA_CONVENTION,
        "versions": versions(),
    }
    if recurrence is None:
        return ChannelsResult(similarity, None, tables, about=about)
    return ChannelsResult(similarity, recurrence.hotspots, tables, recurrence.map, recurrence.traversals, about)


def _about_data(ensemble: ModelEnsemble, codes: Sequence[str]) -> dict[str, Any]:
    if ensemble.sample is None:
        of_cells = all(model.codes.unit == "cell" for model in ensemble.models)
        cells = "cells of AnnData files" if codes else "cells"
        return {"name": cells if of_cells else "codes given as arrays", "files": list(codes)}
    dataset = ensemble.sample.dataset
    return {
        "name": dataset.name,
        "checksum": dataset.checksum(),
        "image_shape": list(dataset.image_shape),
        "images": int(dataset.num_images) if np.isfinite(dataset.num_images) else None,
        "factor_names": list(dataset.space.names) if dataset.labelled else [],
    }
