"""Finds the models that a path stands for: a checkpoint, a series, or an `ifp train` run of several seeds.

Shapes: T records of a training, D latents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifp.checkpoints.folders.locate import CheckpointFile, Located, locate
from ifp.checkpoints.folders.settings_files import read_json
from ifp.datasets.own_arrays import FLOAT, INT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.fingerprints.models import FEWEST_MODELS, KlTrace
from ifp.formats import FINISHED, GAN_FORMAT, TRAIN_FORMAT, VAE_FORMAT
from ifp.system.own_files import SeedRun, TrainStanding, read_own_json
from ifp.system.printable import listed, printable

_SHOWN_SEEDS = 5
_RESTORE = "restore it, or run the same `ifp train` command again, which writes it anew"
_RECORDS = {
    "step": Declared(INT, "T", low=0, optional=True),
    "beta": Declared(FLOAT, "T", no_infinity=True, optional=True),
    "kl_nats": Declared(FLOAT, "TD", finite=True, optional=True),
}
"""The arrays of one network in records.npz that are read."""


@dataclass(frozen=True, eq=False)
class History:
    """What an `ifp train` run recorded of one network; beta in the units of the run's own loss (run.json)."""

    step_T: np.ndarray
    beta_T: np.ndarray
    kl_nats_TD: np.ndarray

    def beta_at(self, step: int | None) -> float | None:
        """Beta of the record at `step`, None without such a record or where the objective has no beta."""
        beta_T = self.beta_T[self.step_T == (-1 if step is None else step)]
        return float(beta_T[-1]) if np.isfinite(beta_T[-1:]).any() else None

    def trace(self) -> KlTrace | None:
        """The KL against beta, if beta moved and turned at most once: a controller's wandering beta tells nothing."""
        moves = np.diff(self.beta_T[np.isfinite(self.beta_T) & (self.beta_T > 0)])
        signs = np.sign(moves[moves != 0])
        if not len(signs) or np.count_nonzero(np.diff(signs)) > 1:
            return None
        return KlTrace(self.beta_T, self.kl_nats_TD)


@dataclass(frozen=True, eq=False)
class TrainingSource:
    """One training to read.

    Attributes
    ----------
    argument : which of the named paths it belongs to, from 0.
    files : its checkpoints in order, the last of which is the model.
    level : the run whose seed it is, "" for a model of its own.
    history : of its training, where `ifp train` recorded it.
    data, checksum : the data it was trained on, "" where nothing says.
    """

    name: str
    argument: int
    files: tuple[CheckpointFile, ...]
    level: str = ""
    history: History | None = None
    data: str = ""
    checksum: str = ""


def list_trainings(paths: Sequence[Path]) -> tuple[list[TrainingSource], list[str]]:
    """The trainings that `paths` mean, and a sentence for what was left out: unfinished seeds, best checkpoints.

    Raises
    ------
    IfpError : see `ifp.checkpoints.folders.locate.locate`; a run without a finished seed; a checkpoint that is named
        twice, which would pass for two models that agree; trainings on different data.
    """
    places: list[TrainingSource] = []
    notes: list[str] = []
    for argument, path in enumerate(paths):
        about = _about(path, TRAIN_FORMAT)
        if about is None:
            located = locate(path)
            places.append(_single(argument, located))
            notes += located.notes
            continue
        finished, others = _seeds(about)
        if not finished:
            raise IfpError(f"{path} holds no network that is trained to its end; finish it, or name another run.")
        if others:
            notes.append(f"{path}: {listed(others, _SHOWN_SEEDS)} left out, not trained to the end.")
        places += _models(argument, path, finished, _data(about))
    _check_different(places)
    _check_same_data(places)
    return places, notes


def check_enough_at(paths: Sequence[Path], others: int, *, along_training: bool, hotspots: bool) -> None:
    """Raise IfpError where hotspots are wanted of too few models; reads the folders' settings only, without torch.

    `others` : the number of models that have no path. `along_training` : every checkpoint of a series counts.
    """
    trainings, _ = list_trainings(paths)
    of_paths = sum(len(training.files) if along_training else 1 for training in trainings)
    check_enough_models(of_paths + others, hotspots=hotspots)


def check_enough_models(models: int, *, hotspots: bool) -> None:
    """Raise IfpError where hotspots are wanted of fewer than 5 models."""
    if hotspots and models < FEWEST_MODELS:
        raise IfpError(
            f"Hotspots need at least {FEWEST_MODELS} models, got {models}: give more, or compare these alone "
            "with `hotspots=False`."
        )


def _single(argument: int, located: Located) -> TrainingSource:
    folder = located.files[-1].path.resolve().parent
    seed = folder.name.removeprefix("seed-")
    ours = any(_about(folder, form) is not None for form in (VAE_FORMAT, GAN_FORMAT)) and seed.isdecimal()
    run = _about(folder.parent, TRAIN_FORMAT) if ours else None
    history = _history(folder.parent, int(seed)) if run is not None else None
    if run is None or history is None:
        return TrainingSource(located.name, argument, located.files)
    level = printable(folder.parent.name)
    return TrainingSource(f"{level}/{located.name}", argument, located.files, level, history, *_data(run))


def _models(argument: int, path: Path, seeds: Sequence[int], data: tuple[str, str]) -> Iterator[TrainingSource]:
    run = printable(path.resolve().name)
    for seed in seeds:
        files = locate(path / f"seed-{seed}").files
        yield TrainingSource(f"{run}/seed-{seed}", argument, files, run, _history(path, seed), *data)


def _data(about: dict[str, Any]) -> tuple[str, str]:
    """Name and checksum of the data that a run was trained on."""
    stored = about.get("dataset")
    entries = stored if isinstance(stored, dict) else {}
    name, checksum = (
        printable(value) if isinstance(value := entries.get(key), str) else "" for key in ("name", "checksum")
    )
    return name, checksum


def _about(folder: Path, wanted: str) -> dict[str, Any] | None:
    """The run.json in `folder` if it is of the format `wanted`."""
    path = folder / "run.json"
    if not path.is_file() or read_json(path).get("format") != wanted:
        return None
    return read_own_json(path, TrainStanding if wanted == TRAIN_FORMAT else SeedRun, _RESTORE)


def _seeds(about: dict[str, Any]) -> tuple[list[int], list[str]]:
    """The finished seeds, and the names of the others with how they stand."""
    stored = about.get("seeds")
    standing = {
        int(seed): entry.get("status") if isinstance(entry, dict) else None
        for seed, entry in (stored.items() if isinstance(stored, dict) else ())
    }
    finished = sorted(seed for seed, status in standing.items() if status == FINISHED)
    others = [f"seed-{seed} ({status})" for seed, status in sorted(standing.items()) if status != FINISHED]
    return finished, others


def _history(run: Path, seed: int) -> History | None:
    path = run / "records.npz"
    if not path.is_file():
        return None
    arrays = read_own_arrays(path, {f"{seed}_{name}": declared for name, declared in _RECORDS.items()}, _RESTORE)
    if len(arrays) < len(_RECORDS):
        return None
    step_T, beta_T, kl_nats_TD = (arrays[f"{seed}_{name}"] for name in _RECORDS)
    return History(step_T, beta_T.astype(np.float64), kl_nats_TD.astype(np.float64))


def _check_different(places: Sequence[TrainingSource]) -> None:
    seen: dict[Path, str] = {}
    for place in places:
        file = place.files[-1].path
        if (real := file.resolve()) in seen:
            raise IfpError(f"{file} is named twice, as {seen[real]} and {place.name}; name each model once.")
        seen[real] = place.name


def _check_same_data(places: Sequence[TrainingSource]) -> None:
    recorded = [place for place in places if place.checksum]
    for place in recorded[1:]:
        if place.checksum != recorded[0].checksum:
            raise IfpError(
                f"{recorded[0].name} was trained on {recorded[0].data} and {place.name} on {place.data}: models of "
                "different data cannot be compared; name those of one data set."
            )
