"""Collects an ensemble: every model that a user names, on the same N points, with beta and its training's trace.

Shapes: N points, D latents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ifp.checkpoints.custom import EncoderByName, encode_by_function
from ifp.checkpoints.encoded_runs import read_model
from ifp.checkpoints.in_memory import encode_in_memory, name_of
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.checkpoints.run_records import Record, Run, check_same_latents
from ifp.checkpoints.same_rows import in_one_order
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, bad_value, counted
from ifp.fingerprints.find_models import TrainingSource, list_trainings
from ifp.fingerprints.models import Model
from ifp.fingerprints.read_models import Origin, SharedReading, first_rows, read_place, rows_of
from ifp.seeds import numpy_generator
from ifp.system.progress import Progress, silent
from ifp.system.settings import is_number
from ifp.system.threads import torch_threads
from ifp.system.workers import Workers
from ifp.uniform_codes import PRESSURE

FEWEST_POINTS = 16
SELF_TEST_IMAGES = 1000
"""Minimum number of images for the self-test that decides how a file is read, even when fewer points are compared."""


@dataclass(frozen=True, eq=False)
class ModelEnsemble:
    """Members on the same points.

    Attributes
    ----------
    origins : one per model.
    sample : the images that were encoded, the points first; None for codes that came as arrays.
    notes : sentences for the user on how the models were read.
    """

    models: tuple[Model, ...]
    origins: tuple[Origin, ...]
    sample: Sample | None = None
    notes: tuple[str, ...] = ()
    device: str = "cpu"
    options: ReadingOptions = field(default_factory=ReadingOptions)

    def read_vae(self, model: int) -> Vae | None:
        """The network of a model, read anew (all of a large ensemble would fill the memory); None without a file."""
        file = self.origins[model].file
        if file is None or self.sample is None:
            return None
        return read_model(file.path, self.sample, self.options, self.device)


def collect_models(
    paths: Sequence[Path],
    dataset: FactorDataset,
    *,
    points: int = 1000,
    seed: int = 0,
    device: str = "cpu",
    options: ReadingOptions | None = None,
    along: bool = False,
    betas: Sequence[float] = (),
    encoders: Sequence[Any] = (),
    workers: Workers | None = None,
    progress: Progress = silent,
) -> ModelEnsemble:
    """The models at `paths` on `points` images of `dataset`.

    A path is a checkpoint, a folder with a series, of which the last counts, or the folder of an `ifp train` or
    `ifp anneal --whole` run, of which every finished seed is a model. Beta is that of the record at the checkpoint's
    step where `ifp train` recorded one (in the units of its loss), else what the file says (`Vae.beta`).

    Parameters
    ----------
    along : every checkpoint of a series is a model, at the beta of its step, each with the whole training's trace.
    betas : one per path, in place of what the files say, or one per encoder where there are no paths; empty to use what
        the files say.
    encoders : further models: `EncoderByName`s, modules with `encode`, or functions images -> (mean, logvar).
    workers : of a cluster, which read and encode the models at `paths`; None for this process.

    Raises
    ------
    IfpError : more points than images, numbers of betas and paths that differ, and see `list_trainings` and `read_run`.
    """
    options = options or ReadingOptions()
    check_points(points, dataset.listed_images, dataset.name)
    if paths and encoders:
        _check_betas(betas, len(paths), "model that has a path")
    else:
        _check_betas(betas, len(paths) + len(encoders), "model")
    places, notes = list_trainings(paths)
    sample = draw_sample(dataset, max(points, SELF_TEST_IMAGES), seed, progress)
    read: list[tuple[Model, Origin]] = []
    total = len(places) + len(encoders)
    shared = SharedReading(sample, points, options, device, seed, along)
    if workers is None:
        for number, place in enumerate(places):
            progress("models", number, total)
            read += read_place(shared, (number, place), None)[1]
    else:
        read += _read_there(shared, places, workers, total, progress)
    for number, encoder in enumerate(encoders):
        progress("models", len(places) + number, total)
        record = _encoded(encoder, sample, device)
        read.append((Model(record.label, first_rows(record.codes, points)), Origin(None, argument=len(paths) + number)))
    progress("models", total, total)
    read, said = with_betas(read, betas)
    models, origins = zip(*read, strict=True)
    strangers = [place for place in places if place.checksum not in ("", dataset.checksum())]
    if strangers:
        notes.append(f"The models were trained on {strangers[0].data} and are compared on images of {dataset.name}.")
    of_models = [f"{m.name}: {text}" for m, o in read for text in (o.warning, o.beta_note) if text]
    notes += [*said, *of_models, *_units(read), *_scalings(read)]
    return ModelEnsemble(named_apart(models), origins, sample, tuple(notes), device, options)


def _read_there(
    shared: SharedReading, places: Sequence[TrainingSource], workers: Workers, total: int, progress: Progress
) -> list[tuple[Model, Origin]]:
    """The models at these places, in their order, read by workers."""
    found: dict[int, list[tuple[Model, Origin]]] = {}

    def take(result: tuple[int, list[tuple[Model, Origin]]]) -> None:
        found[result[0]] = result[1]
        progress("models", len(found), total)

    workers.map_chunks(
        read_place, shared, list(enumerate(places)), take,
        name=lambda chunk: f"the model {chunk[1].name}", kernel_threads=torch_threads(),
    )  # fmt: skip
    return [one for number in range(len(places)) for one in found[number]]


def _scalings(read: Sequence[tuple[Model, Origin]]) -> list[str]:
    """A sentence for the models whose codes were scaled, GANs, whose beta is a pressure of another kind."""
    said = {origin.scaling: model.name for model, origin in reversed(read) if origin.scaling}
    return [
        f"{name} and others like it: {scaling}; what stands in the place of beta is {PRESSURE}."
        for scaling, name in said.items()
    ]


def _encoded(encoder: Any, sample: Sample, device: str) -> Record:
    if isinstance(encoder, EncoderByName):
        return encode_by_function(encoder.name, sample, device, silent)
    return encode_in_memory(encoder, sample, silent, name=name_of(encoder), device=device)


def models_of_codes(
    records: Sequence[Record],
    *,
    points: int = 1000,
    seed: int = 0,
    betas: Sequence[float] = (),
) -> ModelEnsemble:
    """The codes of these records as models, all on the same `points` rows, drawn by `seed`.

    Raises
    ------
    IfpError : codes of different images, fewer rows than points, numbers of betas and records that differ.
    """
    _check_betas(betas, len(records), "model's codes")
    # rows that have names say more exactly what differs
    runs, moved = in_one_order([Run(record.label, (record,)) for record in records])
    first = records[0].codes
    for record in records:
        codes = record.codes
        if len(codes) != len(first) or (codes.factor_names, codes.factor_sizes) != (
            first.factor_names,
            first.factor_sizes,
        ):
            raise IfpError(
                f"{records[0].label} holds codes of {_described(first)}, {record.label} of {_described(codes)}: models "
                f"of different data cannot be compared; encode the same {first.unit}s with all."
            )
    check_same_latents(runs)
    records = [run.last for run in runs]
    check_points(points, len(first), records[0].label, first.unit)
    # the rows may lie in the order of the factors, where the first of them are no fair sample
    rows = numpy_generator(seed, "channels", "points").permutation(len(first))[:points]
    read = [
        (Model(record.label, rows_of(record.codes, rows)), Origin(None, record.step, number))
        for number, record in enumerate(records)
    ]
    read, _ = with_betas(read, betas)
    models, origins = zip(*read, strict=True)
    return ModelEnsemble(named_apart(models), origins, notes=tuple(moved))


def with_betas(
    read: list[tuple[Model, Origin]], betas: Sequence[float]
) -> tuple[list[tuple[Model, Origin]], list[str]]:
    """The models with the betas that the user gave, and a sentence for each argument whose files say another."""
    out, said = [], dict[int, str]()
    for model, origin in read:
        if origin.argument >= len(betas):  # none were given, or a function beside paths
            out.append((model, origin))
            continue
        given = float(betas[origin.argument])
        if model.beta is not None and not np.isclose(model.beta, given, rtol=1e-6):
            if model.trace is not None:
                raise IfpError(
                    f"{model.name} is of a training whose beta moved, and its records say {model.beta:g}, not "
                    f"{given:g}; leave `betas` out."
                )
            text = f"{model.name}: beta {given:g} as given, in place of {model.beta:g}, which its files say."
            said.setdefault(origin.argument, text)
        out.append((replace(model, beta=given), origin))
    return out, list(said.values())


def _units(read: Sequence[tuple[Model, Origin]]) -> list[str]:
    likelihoods = sorted({origin.likelihood for model, origin in read if origin.likelihood and model.beta})
    if len(likelihoods) < 2:
        return []
    return [f"The models have different likelihoods ({', '.join(likelihoods)}), so their betas do not compare."]


def named_apart(models: Sequence[Model]) -> tuple[Model, ...]:
    """The models with numbers behind equal names."""
    counts, seen = Counter(model.name for model in models), Counter[str]()
    out = []
    for model in models:
        seen[model.name] += 1
        name = model.name if counts[model.name] == 1 else f"{model.name} ({seen[model.name]})"
        out.append(replace(model, name=name))
    return tuple(out)


def check_points(points: int, there: int, name: str, unit: str = "image") -> None:
    """Raise IfpError unless so many points can be compared on so many rows, each a `unit`."""
    if not isinstance(points, int | np.integer) or isinstance(points, bool) or points < FEWEST_POINTS:
        raise bad_value("points", points, f"a whole number of at least {FEWEST_POINTS}")
    if points > there:
        raise IfpError(
            f"{points} points are asked for and {name} holds {counted(there, unit)}; `points` must be {there} or less."
        )


def _check_betas(betas: Sequence[float], count: int, what: str) -> None:
    if betas and len(betas) != count:
        raise IfpError(f"`betas` must be given once for each {what}, got {len(betas)} for {count}.")
    for beta in betas:
        if not is_number(beta) or not 0 < beta < np.inf:
            raise bad_value("beta", beta, "a positive number")


def _described(codes: Codes) -> str:
    """
    >>> _described(Codes([[0.5], [-0.5]], [[-3], [-3]], unit="cell"))
    '2 cells without factors'
    """
    sized = [f"{name} ({size})" for name, size in zip(codes.factor_names, codes.factor_sizes, strict=True)]
    known = f"with the factors {', '.join(sized)}" if sized else "without factors"
    return f"{counted(len(codes), codes.unit)} {known}"
