"""Encodes one sample of images with whatever a user calls a model: a path, a module, a function, or codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ifp.checkpoints.codes_cache import CodesCache
from ifp.checkpoints.custom import EncoderByName, encode_by_function
from ifp.checkpoints.encoded_runs import read_last, read_run
from ifp.checkpoints.folders.locate import Located, locate
from ifp.checkpoints.in_memory import TAKES, encode_in_memory, is_encoder, name_of
from ifp.checkpoints.posteriors import Sample, check_image_shape, draw_regime, draw_sample
from ifp.checkpoints.regimes import READING_IMAGES, under_regime
from ifp.checkpoints.run_records import Record, Run, check_same_latents
from ifp.checkpoints.same_rows import in_one_order
from ifp.checkpoints.source import ReadingOptions
from ifp.codes import FEWEST_IMAGES, Codes
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset
from ifp.datasets.correlated import Pair
from ifp.datasets.regime import correlated_sampler
from ifp.errors import IfpError, counted
from ifp.system.progress import Progress, Say

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""How a function is named as text: package.module:function. A `Path` is never taken for one."""


@dataclass(frozen=True)
class EncodeSettings:
    """How models are asked for their codes.

    Attributes
    ----------
    images, seed : how many images are drawn from the data set, and by which seed.
    reading : what the user states of how checkpoints are to be read.
    device : where checkpoints, and functions by name, are encoded.
    own_device : where a function in memory gets its images; "auto" is the CPU.
    series : whether all paths, or all codes, are one series of checkpoints of one model.
    correlate, inverse : pairs of factors that are correlated in the images; see `ifp.datasets.correlated`.
    codes_folder : where the codes of checkpoints are kept from one call to the next; None keeps none.
    """

    images: int
    seed: int
    reading: ReadingOptions
    device: str
    own_device: str = "auto"
    series: bool = False
    correlate: tuple[Pair, ...] = ()
    inverse: bool = False
    codes_folder: Path | None = None


def encode_models(
    models: Sequence[Any],
    dataset: str | FactorDataset | np.ndarray | None,
    settings: EncodeSettings,
    *,
    data_dir: Path | None = None,
    background: Path | None = None,
    progress: Progress,
    say: Say,
) -> tuple[list[Run], Sample | None]:
    """The run of each model, and the images that all of them encoded (None for codes).

    Parameters
    ----------
    models : paths, modules, functions (also by name, "package.module:function"); or `Codes` and `Run`s, which need no
        data set.
    dataset, data_dir, background : see `ifp.datasets.catalog.as_dataset`.

    Raises
    ------
    IfpError : something that is no model, no data set where one is needed, too few images; and what `locate`,
        `read_run`, `encode_in_memory` and the data set say.
    """
    encoded = [isinstance(model, Codes | Run) for model in models]
    if any(encoded):
        if not all(encoded):
            raise IfpError("Codes bring their own factors, so they are not compared with models; give codes alone.")
        if dataset is not None:
            raise IfpError("Codes bring their own factors; leave the data set out.")
        return _given_runs(models, settings, say), None
    models = [as_named(model) for model in models]
    located = [_located(model) for model in models]
    paths = [place for place in located if place is not None]
    for note in dict.fromkeys(note for place in paths for note in place.notes):
        say(note)
    if dataset is None:
        raise IfpError("No data set is named; give the images that the model was trained on, such as 'sprites'.")
    if settings.series:
        if len(paths) < len(models):
            raise IfpError("A series is of checkpoints; give paths alone, or leave `series` out.")
        paths = [Located(paths[0].name, tuple(file for place in paths for file in place.files))]
        located, models = [paths[0]], models[:1]
    # whether they can be read at all is known before an image is drawn
    vaes = [read_last(place, settings.reading) for place in paths]
    data = as_dataset(dataset, data_dir=data_dir, background=background, progress=progress, say=say)
    for vae in vaes:
        check_image_shape(vae, data)
    if settings.correlate:
        return _correlated_runs(models, located, data, settings, progress, say)
    sample = draw_sample(data, settings.images, settings.seed, progress)
    check_enough(len(sample.images_NCHW), data.name)
    cache = None
    if settings.codes_folder is not None:
        cache = CodesCache(settings.codes_folder, sample, settings.seed, settings.reading)
    runs = []
    for model, place in zip(models, located, strict=True):
        if place is None:
            record = _of_encoder(model, sample, settings, progress)
            runs.append(Run(record.label, (record,)))
        else:
            runs.append(
                read_run(
                    place, sample, settings.reading, settings.device,
                    seed=settings.seed, progress=progress, kept=cache,
                )
            )  # fmt: skip
    return runs, sample


def check_enough(count: int, name: str, unit: str = "image") -> None:
    """Raise IfpError for too few rows, each a `unit`, to say anything."""
    if count < FEWEST_IMAGES:
        raise IfpError(
            f"{name} holds {counted(count, unit)} and at least {FEWEST_IMAGES} are needed: fewer "
            "show only noise; give more."
        )


def _located(model: Any) -> Located | None:
    """The checkpoints of a path; None for a model in memory."""
    if isinstance(model, str | Path):
        return locate(Path(model))
    if not is_encoder(model) and not isinstance(model, EncoderByName):
        raise IfpError(f"{TAKES[0].upper()}{TAKES[1:]}; got {type(model).__name__}.")
    return None


def as_named(model: Any) -> Any:
    """The function that a text names, where it names one and no file."""
    named = isinstance(model, str) and _FUNCTION.fullmatch(model) is not None and not Path(model).exists()
    return EncoderByName(model) if named else model


def _of_encoder(model: Any, sample: Sample, settings: EncodeSettings, progress: Progress) -> Record:
    if isinstance(model, EncoderByName):
        return encode_by_function(model.name, sample, settings.device, progress)
    return encode_in_memory(model, sample, progress, name=name_of(model), device=settings.own_device)


def _given_runs(models: Sequence[Codes | Run], settings: EncodeSettings, say: Say) -> list[Run]:
    """Runs of codes that were encoded before."""
    runs = [Run("codes", (Record("codes", None, model),)) if isinstance(model, Codes) else model for model in models]
    if settings.correlate:
        raise IfpError("Correlated images have to be drawn, and codes are given; encode such images yourself.")
    runs, moved = in_one_order(runs)
    for sentence in moved:
        say(sentence)
    if settings.series:
        records = [record for run in runs for record in run.records]
        check_same_latents(runs)
        if len({record.codes.num_latents for record in records}) > 1:
            raise IfpError("The codes differ in the number of latents, so they are not one series; leave `series` out.")
        if all(record.step is not None for record in records):
            records.sort(key=lambda record: record.step or 0)
        runs = [Run("codes", tuple(records))]
    for run in runs:
        check_enough(len(run.last.codes), run.name, run.last.codes.unit)
    if len(runs) > 1:
        check_same_latents(runs)
    return runs


def _correlated_runs(
    models: Sequence[Any],
    located: Sequence[Located | None],
    dataset: FactorDataset,
    settings: EncodeSettings,
    progress: Progress,
    say: Say,
) -> tuple[list[Run], Sample]:
    """The last checkpoint of each run, read on images that are all alike, and its codes of correlated ones."""
    sampler = correlated_sampler(dataset, settings.correlate, settings.inverse)
    sample = draw_regime(dataset, sampler, settings.images, settings.seed, progress)
    plain = draw_sample(dataset, READING_IMAGES, settings.seed, progress)
    cache = None
    if settings.codes_folder is not None:
        cache = CodesCache(settings.codes_folder, sample, settings.seed, settings.reading)
    runs = []
    for model, place in zip(models, located, strict=True):
        if place is None:
            tested, record = (_of_encoder(model, images, settings, progress) for images in (plain, sample))
            runs.append(Run(record.label, (replace(record, plain_codes=tested.codes),)))
            continue
        if len(place.files) > 1:
            say(f"{place.name} is a series: its last checkpoint alone is scored on correlated images.")
        run = read_run(place, plain, settings.reading, settings.device, seed=settings.seed, progress=progress)
        run = under_regime(run, sample, settings.device, seed=settings.seed, progress=progress)
        if cache is not None and run.last.file is not None:
            cache.keep(run.last.file, run.last)
        runs.append(run)
    return runs, sample
