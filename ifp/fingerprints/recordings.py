"""Recordings of users' own training loops as models of an ensemble: their codes are there, no model is asked.

Shapes: N points, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ifp.checkpoints.run_records import Record, Run, check_same_latents
from ifp.errors import IfpError
from ifp.fingerprints.collect import ModelEnsemble, check_points, named_apart, with_betas
from ifp.fingerprints.find_models import History, check_enough_models
from ifp.fingerprints.models import Model
from ifp.fingerprints.read_models import Origin, rows_of
from ifp.recording.read_recording import Recording, read_recording
from ifp.seeds import numpy_generator


def read_recordings(paths: Sequence[Path], *, along: bool, hotspots: bool) -> list[Recording]:
    """The recordings at these paths, all of the same images.

    Parameters
    ----------
    along : every record is a model. hotspots : whether at least 5 models are needed.

    Raises
    ------
    IfpError : a recording without a record, one that is named twice, too few models, or other images.
    """
    recordings = [read_recording(path) for path in paths]
    for recording in recordings:
        if not recording.records:
            raise IfpError(f"{recording.path} holds no record yet; let its loop come to its first record.")
    places = [path.resolve() for path in paths]
    if len(set(places)) < len(places):
        twice = next(path for path in places if places.count(path) > 1)
        raise IfpError(f"{twice} is named twice; name each recording once.")
    first = recordings[0]
    for other in recordings[1:]:
        if other.about["dataset"].get("checksum") != first.about["dataset"].get("checksum"):
            raise IfpError(
                f"{first.path} and {other.path} are recordings on different data, which cannot be compared; name "
                "those of one data set."
            )
    check_enough_models(sum(len(r.records) if along else 1 for r in recordings), hotspots=hotspots)
    return recordings


def models_of_recordings(
    recordings: Sequence[Recording], *, points: int, seed: int, along: bool, betas: Sequence[float] = ()
) -> ModelEnsemble:
    """Each recording's last record as a model, or with `along` every record, at the beta of its step.

    Raises
    ------
    IfpError : codes of different images, fewer rows than points, or damaged files.
    """
    held: list[tuple[Model, Origin, Record]] = []
    for argument, recording in enumerate(recordings):
        records = recording.records if along else recording.records[-1:]
        history = History(
            np.array([record.step for record in recording.records]),
            np.array([record.beta for record in recording.records]),
            np.stack([record.kl_nats for record in recording.records]),
        )
        for record in records:
            codes = recording.codes(record.step)
            name = f"{recording.name} step {record.step}" if along else recording.name
            model = Model(name, codes, recording.name if along else "", history.beta_at(record.step), history.trace())
            held.append((model, Origin(None, record.step, argument), Record(name, record.step, codes)))
    check_same_latents([Run(record.label, (record,)) for _, _, record in held])
    images = len(held[0][0].codes)
    check_points(points, images, held[0][0].name)
    rows = numpy_generator(seed, "channels", "points").permutation(images)[:points]
    read = [(replace(model, codes=rows_of(model.codes, rows)), origin) for model, origin, _ in held]
    read, said = with_betas(read, betas)
    models, origins = zip(*read, strict=True)
    return ModelEnsemble(named_apart(models), origins, notes=tuple(said))
