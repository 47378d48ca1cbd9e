"""Reads one training of an ensemble: its last checkpoint, or all of them, on the points that the models share.

Shapes: N points, D latents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ifp.checkpoints.encoded_runs import read_run
from ifp.checkpoints.folders.locate import CheckpointFile, Located
from ifp.checkpoints.posteriors import Sample, check_image_shape, encode_images
from ifp.checkpoints.readings.candidates import load_candidates
from ifp.checkpoints.readings.choose_reading import choose
from ifp.checkpoints.run_records import Record
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.training_facts import TC_ALONE
from ifp.checkpoints.vae import Vae
from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.fingerprints.find_models import TrainingSource
from ifp.fingerprints.models import Model
from ifp.system.progress import silent
from ifp.system.workers import Site
from ifp.uniform_codes import PRESSURE


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a model came from.

    Attributes
    ----------
    file : its checkpoint, None for codes and functions.
    step : of training; None where nothing says.
    argument : which of the named paths, functions or files of codes it belongs to, from 0.
    family, likelihood : "" where there is no checkpoint.
    warning : the self-test's doubt about how the file was read, "" for none.
    beta_note : what its beta weighs, where that is not the whole KL; "" where it is.
    scaling : how its codes were scaled, where they were; "" where they were not.
    """

    file: CheckpointFile | None
    step: int | None = None
    argument: int = 0
    family: str = ""
    likelihood: str = ""
    warning: str = ""
    beta_note: str = ""
    scaling: str = ""

    @property
    def pressure(self) -> str:
        """What the model's beta is, in words."""
        return PRESSURE if self.scaling else "beta"


@dataclass(frozen=True, eq=False)
class SharedReading:
    """How every training of an ensemble is read; see `read_training`."""

    sample: Sample
    points: int
    options: ReadingOptions
    device: str
    seed: int
    along: bool


def read_place(
    shared: SharedReading, place: tuple[int, TrainingSource], site: Site | None
) -> tuple[int, list[tuple[Model, Origin]]]:
    """The number of a place with its models, here or on a worker."""
    number, source = place
    device = shared.device if site is None else site.device
    return number, list(
        read_training(source, shared.sample, shared.points, shared.options, device, shared.seed, shared.along)
    )


def read_training(
    place: TrainingSource, sample: Sample, points: int, options: ReadingOptions, device: str, seed: int, along: bool
) -> Iterator[tuple[Model, Origin]]:
    """The models that a place gives: the model of its last checkpoint, or those of all of them.

    Parameters
    ----------
    sample : the first `points` images are encoded, all serve the self-test.

    Raises
    ------
    IfpError : with the name of the place; see `ifp.checkpoints.encoded_runs.read_run`.
    """
    files = place.files if along else place.files[-1:]
    try:
        records = _read_files(place.name, files, sample, points, options, device, seed)
    except IfpError as error:
        raise naming(place.name, error) from error
    last = records[-1].choice
    assert last is not None
    file_of = {file.label: file for file in files}
    trace = place.history.trace() if place.history is not None else None
    for record in records:
        file, is_last = file_of[record.label], record is records[-1]
        if place.history is not None:
            beta = place.history.beta_at(record.step)
        else:
            beta = last.vae.beta if is_last else load_candidates(file, options).vaes[0].beta
        name = _name(place, record) if len(records) > 1 else place.name
        yield (
            Model(name, first_rows(record.codes, points), place.level, beta, trace),
            Origin(
                file,
                record.step,
                place.argument,
                last.vae.family,
                last.vae.likelihood,
                last.warning if is_last else "",
                _beta_note(last.vae) if is_last and place.history is None else "",
                next((entry.value for entry in last.vae.assumptions if entry.what == "scale"), ""),
            ),
        )


def _read_files(
    name: str,
    files: Sequence[CheckpointFile],
    sample: Sample,
    points: int,
    options: ReadingOptions,
    device: str,
    seed: int,
) -> Sequence[Record]:
    """The records of these checkpoints, the last with its model."""
    if len(files) > 1:
        return read_run(Located(name, tuple(files)), sample, options, device, seed=seed, progress=silent).records
    # the points of a file of its own, without the reconstruction that `read_run` measures too
    (file,) = files
    candidates = load_candidates(file, options)
    for vae in candidates.vaes:
        check_image_shape(vae, sample.dataset)
    target = torch.device(device)
    choice = choose(candidates, sample.images_NCHW, target)
    part = replace(sample, images_NCHW=sample.images_NCHW[:points], positions_NF=sample.positions_NF[:points])
    codes = part.codes(*encode_images(choice.vae.to(target).encode, part.images_NCHW, target, silent))
    return [Record(file.label, candidates.step, codes, choice=choice)]


def _beta_note(vae: Vae) -> str:
    alone = any(entry.what == "beta" and entry.value.endswith(TC_ALONE) for entry in vae.assumptions)
    return f"beta {vae.beta:g} weighs the total correlation alone and is no pressure on the whole KL." if alone else ""


def _name(place: TrainingSource, record: Record) -> str:
    return f"{place.name} {record.label}" if record.step is None else f"{place.name} step {record.step}"


def first_rows(codes: Codes, points: int) -> Codes:
    """Of the first `points` images."""
    return rows_of(codes, np.arange(min(points, len(codes))))


def rows_of(codes: Codes, rows: np.ndarray) -> Codes:
    """Of the images at `rows`."""
    return codes.at_rows(rows)


def naming(name: str, error: IfpError) -> IfpError:
    """The error with the name of the model that it is about."""
    return error if name in str(error) else IfpError(f"{name}: {error}")
