"""Reads the checkpoints of a run and encodes one sample of images with each of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ifp.checkpoints.folders.locate import CheckpointFile, Located, locate
from ifp.checkpoints.posteriors import (
    Sample,
    check_image_shape,
    draw_sample,
    encode_images,
    reconstruction_nats,
)
from ifp.checkpoints.readings.candidates import Candidates, load_candidates
from ifp.checkpoints.readings.choose_reading import choose
from ifp.checkpoints.readings.data_test import DataTest, named_dataset
from ifp.checkpoints.readings.moment_test import prior_test
from ifp.checkpoints.readings.verdicts import Choice
from ifp.checkpoints.run_records import RECONSTRUCTION_COST_IMAGES, Record, Run
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent


def read_checkpoints(
    path: Path | str,
    dataset: FactorDataset,
    *,
    images: int = 10_000,
    seed: int = 0,
    device: str = "cpu",
    options: ReadingOptions | None = None,
) -> Run:
    """The run at `path`, a checkpoint or a folder with a series: its codes of `images` images of `dataset`.

    Nothing in a checkpoint is executed. Each `run.records[i].codes` goes to `ifp.analysis.diffusion.diagnose`.

    Raises
    ------
    IfpError : see `locate` and `read_run`.
    """
    sample = draw_sample(dataset, images, seed, silent)
    return read_run(locate(Path(path)), sample, options or ReadingOptions(), device, seed=seed, progress=silent)


def read_model(path: Path, sample: Sample, options: ReadingOptions, device: str) -> Vae:
    """The model at `path`, of a series the last, read as `sample`'s images say; see `read_run` for errors."""
    return _choose(locate(path).files[-1], sample, options, torch.device(device))[1].vae


class Kept(Protocol):
    """Where codes are kept from one call to the next; see `ifp.checkpoints.codes_cache`."""

    def find(self, file: CheckpointFile, how: str = "") -> Record | None:
        """The record of `file`, without its model, if it was kept as read so."""

    def keep(self, file: CheckpointFile, record: Record, how: str = "") -> None:
        """Keep the record of `file`, read as `how` says."""


def read_run(
    located: Located,
    sample: Sample,
    options: ReadingOptions,
    device: str,
    *,
    seed: int,
    progress: Progress,
    kept: Kept | None = None,
) -> Run:
    """Encode `sample` by every checkpoint of a run, in the order of training.

    What a file leaves open is decided by the last one, the most trained, for all. Only the last
    record keeps its model. Checkpoints whose step nothing tells keep the order of `located`.

    Parameters
    ----------
    kept : checkpoints that were encoded before are taken from there, all but the model of the last.

    Raises
    ------
    IfpError : a checkpoint cannot be read, takes other images, or differs from the others in its latents.
    """
    encoded: list[tuple[CheckpointFile, Record]] = []
    series = len(located.files) > 1
    target, last = torch.device(device), located.files[-1]
    deciding = _choose(last, sample, options, target, progress=progress)
    like = deciding[1]
    for at, file in enumerate(located.files):
        if series:
            progress("checkpoints", at, len(located.files))
        record = kept.find(file, like.how) if kept is not None else None
        if record is None:
            chosen = deciding if file is last else _choose(file, sample, options, target, like)
            record = _encode(file, *chosen, sample, target, seed, silent if series else progress)
            if kept is not None:
                kept.keep(file, record, like.how)
        # models may be large, and all but one of them are not needed again
        encoded.append((file, dataclasses.replace(record, choice=None, file=file, how=like.how)))
        if series:
            progress("checkpoints", at + 1, len(located.files))
    if all(record.step is not None for _, record in encoded):
        encoded.sort(key=lambda row: row[1].step or 0)
    encoded = _without_copies(encoded)
    records = [record for _, record in encoded]
    latents = {record.codes.num_latents for record in records}
    if len(latents) > 1:
        raise IfpError(
            f"The checkpoints of {located.name} have different numbers of latents ({sorted(latents)}), so they are not "
            "one series; name them apart."
        )
    final = encoded[-1][0]
    candidates, model = deciding if final is last else _choose(final, sample, options, target, like)
    codes = records[-1].codes
    tested = DataTest(
        prior_test(codes.mean_ND, codes.logvar_ND),
        sample.dataset.name,
        named_dataset(candidates.settings),
        model.reading.drawn,
    )
    return Run(located.name, (*records[:-1], dataclasses.replace(records[-1], choice=model, data_test=tested)))


def read_last(located: Located, options: ReadingOptions) -> Vae:
    """The model of a run's last checkpoint, its likeliest reading: whether it can be read at all, without any image.

    Raises
    ------
    IfpError : as `read_run` does of that file.
    """
    return load_candidates(located.files[-1], options).vaes[0]


def _without_copies(encoded: list[tuple[CheckpointFile, Record]]) -> list[tuple[CheckpointFile, Record]]:
    """Trainers write their last checkpoint twice, under its step and as "last"; one of the two is enough."""
    different = encoded[:1]
    for file, record in encoded[1:]:
        before = different[-1][1]
        if record.step == before.step and np.array_equal(record.codes.mean_ND, before.codes.mean_ND):
            continue
        different.append((file, record))
    return different


def _choose(
    file: CheckpointFile,
    sample: Sample,
    options: ReadingOptions,
    device: torch.device,
    like: Choice | None = None,
    progress: Progress | None = None,
) -> tuple[Candidates, Choice]:
    candidates = load_candidates(file, options)
    for vae in candidates.vaes:
        check_image_shape(vae, sample.dataset)
    return candidates, choose(candidates, sample.images_NCHW, device, like=like, progress=progress)


def _encode(
    file: CheckpointFile,
    candidates: Candidates,
    choice: Choice,
    sample: Sample,
    device: torch.device,
    seed: int,
    progress: Progress,
) -> Record:
    vae = choice.vae.to(device)
    codes = sample.codes(*encode_images(vae.encode, sample.images_NCHW, device, progress))
    cost = None
    if vae.decoder is not None:
        few_NCHW = sample.images_NCHW[:RECONSTRUCTION_COST_IMAGES]
        cost = reconstruction_nats(vae, few_NCHW, codes, device, seed, progress)
    return Record(
        file.label, candidates.step, codes, cost, candidates.family, candidates.container, candidates.reader, choice
    )
