"""The layouts in which the field's trainers leave checkpoints in a folder; the first that fits gives the run in it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ifp.checkpoints.folders.checkpoint_files import (
    SUFFIXES,
    CheckpointFile,
    entries,
    in_order,
    is_checkpoint,
    named_step,
    series_of,
)
from ifp.checkpoints.folders.pieces import shard_groups, split_pieces
from ifp.checkpoints.folders.settings_files import read_json, settings_beside
from ifp.errors import IfpError
from ifp.formats import GAN_FORMAT, VAE_FORMAT
from ifp.system.own_files import SeedRun, read_own_json
from ifp.system.printable import listed, printable

_SHOWN_NAMES = 5
"""Maximum number of file names in a message."""
_BEST = re.compile(r"(?<![a-z])best(?![a-z])", re.IGNORECASE)
"""Matches the name of the best checkpoint of a run, which is a copy of one of the others."""
_LAST = re.compile(r"(?<![a-z])(last|latest|final|newest|current)(?![a-z])", re.IGNORECASE)
"""Matches the name of the last checkpoint of a run."""
_RUN_NUMBER = re.compile(r"(?<![a-z])(seed|run|fold|trial|version)s?[-_=]?0", re.IGNORECASE)
"""Matches a word after which a number (written 0 here) tells runs apart, not the steps of one run."""
_NO_MODEL = re.compile(r"optim|sched|scaler|rng_state|random_states|training_args|sampler")
"""Matches the names of files that trainers save beside a model and that hold none."""
_MAX_STEP = 10**18
"""A number of epochs in the settings counts only if it is smaller than this."""


def checkpoints_in(folder: Path) -> list[CheckpointFile]:
    """The run in `folder` by the first layout that fits, [] if none does.

    Raises
    ------
    IfpError : if the folder holds several models that are not one run, or a settings file that cannot be read.
    """
    for layout in (_ours, _pythae, _specs, _gin, _tensorflow, _lightning, _numbered, _rtqichen, _sharded, _unnamed):
        if files := layout(folder):
            return files
    return []


def left_out(folder: Path, files: Sequence[CheckpointFile]) -> list[str]:
    """A sentence about the best checkpoint if it is not among `files`: it is a copy of one, and nothing says which."""
    taken = {path for file in files for path in file.paths}
    best = [file.name for file in _models(folder) if _BEST.search(file.name) and file not in taken]
    if not best:
        return []
    return [f"{listed(best, _SHOWN_NAMES)} in {folder} is left out of the series; name the file to diagnose it alone."]


def _ours(folder: Path) -> list[CheckpointFile]:
    run_file = folder / "run.json"
    if not run_file.is_file() or read_json(run_file).get("format") not in (VAE_FORMAT, GAN_FORMAT):
        return []
    read_own_json(run_file, SeedRun, "restore it, or name a checkpoint beside it")
    return series_of([*_glob(folder, "*.pt"), *_glob(folder, "*.safetensors")], {})


def _pythae(folder: Path) -> list[CheckpointFile]:
    if (folder / "model_config.json").is_file() and (folder / "model.pt").is_file():
        name = folder.resolve().name
        return [CheckpointFile(folder / "model.pt", printable(name), named_step(name), settings_beside(folder))]
    inner = [*_glob(folder, "checkpoint_epoch_*", Path.is_dir), folder / "final_model"]
    return in_order(file for subfolder in inner if subfolder.is_dir() for file in _pythae(subfolder))


def _specs(folder: Path) -> list[CheckpointFile]:
    """The layout of YannDubs and dent: specs.json with chkpt*.pth.tar or model*.pt."""
    if not (folder / "specs.json").is_file():
        return []
    files = _glob(folder, "chkpt*.pth.tar") or _glob(folder, "model*.pt")
    settings = settings_beside(folder)
    return _with_last_epoch(series_of(files, settings), settings.get("epochs"))


def _with_last_epoch(files: list[CheckpointFile], epochs: object) -> list[CheckpointFile]:
    """Give the final model.pt of YannDubs, which has no number, the number of `epochs` after which it was written."""
    steps = [file.step_from_name for file in files[:-1] if file.step_from_name is not None]
    if len(steps) != len(files) - 1 or not steps or type(epochs) is not int or not max(steps) < epochs < _MAX_STEP:
        return files
    last = files[-1]
    return [*files[:-1], dataclasses.replace(last, step_from_name=epochs) if last.path.name == "model.pt" else last]


def _gin(folder: Path) -> list[CheckpointFile]:
    """The layout of erow: model.gin or train.gin."""
    if not any((folder / name).is_file() for name in ("model.gin", "train.gin")):
        return []
    files = _glob(folder, "*.ckpt") or _glob(folder / "checkpoints", "*.ckpt") or _glob(folder, "*.pt")
    return series_of(files or _glob(folder, "*.pth"), settings_beside(folder))


def _tensorflow(folder: Path) -> list[CheckpointFile]:
    """The layout of google; its exported module, which holds the model alone, goes before the trainer's checkpoints."""
    for name in ("", "tfhub", "model/tfhub"):
        if (folder / name / "tfhub_module.pb").is_file() and (folder / name / "variables").is_dir():
            files = _glob(folder / name / "variables", "*.index")
            return series_of(files, settings_beside(folder / name))
    for name in ("", "variables", "tf_checkpoint", "model/tf_checkpoint"):
        if files := _glob(folder / name, "*.index"):
            return series_of(files, settings_beside(folder / name))
    return []


def _lightning(folder: Path) -> list[CheckpointFile]:
    files = _glob(folder, "*.ckpt") or _glob(folder / "checkpoints", "*.ckpt")
    return series_of(files, settings_beside(folder))


def _numbered(folder: Path) -> list[CheckpointFile]:
    """The layout of 1Konny and amir-abdi: files named "last" or by a number alone."""
    files = entries(folder, lambda entry: bool(re.fullmatch(r"last|\d+", entry.name)) and is_checkpoint(entry))
    return series_of(files, settings_beside(folder))


def _rtqichen(folder: Path) -> list[CheckpointFile]:
    return series_of(_glob(folder, "checkpt-*.pth"), {})


def _sharded(folder: Path) -> list[CheckpointFile]:
    """Models in shards, each by its index or its first shard."""
    files = shard_groups(entries(folder, Path.is_file))
    return series_of(files, settings_beside(folder) if files else {})


def _unnamed(folder: Path) -> list[CheckpointFile]:
    """One checkpoint of any name; or several whose names differ only in a number, and the last and best of them."""
    files = _models(folder)
    others = [file for file in files if not _BEST.search(file.name)] or files
    numbered = [file for file in others if re.search(r"\d", file.name)] if len(others) > 1 else others
    patterns = {re.sub(r"\d+", "0", file.name) for file in numbered or others}
    if len(patterns) > 1 or not all(file in numbered or _is_last(file, numbered) for file in others):
        names = listed((file.name for file in files), _SHOWN_NAMES)
        raise IfpError(
            f"{folder} holds {len(files)} checkpoints that are no known series ({names}); name one, or those of one "
            "run with `series=True`."
        )
    if len(others) > 1 and any(_RUN_NUMBER.search(pattern) for pattern in patterns):
        names = listed((file.name for file in others), _SHOWN_NAMES)
        raise IfpError(f"{folder} holds {len(others)} models, not one run ({names}); name one of them, or several.")
    return series_of(others, settings_beside(folder) if others else {})


def _is_last(file: Path, numbered: Sequence[Path]) -> bool:
    """Whether a file without a number is the last of a series, such as last.pt, or model.pt next to model_10.pt."""
    stem = SUFFIXES.sub("", file.name)
    return bool(_LAST.search(file.name) or (numbered and all(other.name.startswith(stem) for other in numbered)))


def _models(folder: Path) -> list[Path]:
    """The files of models in a folder.

    Of two formats of one model the safe one is taken, and of an encoder's and a decoder's file the encoder's. Files of
    optimizers are left out, unless there are no others.
    """
    files = entries(folder, is_checkpoint)
    files = [file for file in files if not _NO_MODEL.search(file.name.lower())] or files
    names = {file.name for file in files}
    if "model.safetensors" in names:
        files = [file for file in files if file.name != "pytorch_model.bin"]
    decoders = {pieces[1][1] for file in files if (pieces := split_pieces(file, files)) and pieces[0][1] == file}
    return [file for file in files if file not in decoders]


def _glob(folder: Path, pattern: str, wanted: Callable[[Path], bool] = Path.is_file) -> list[Path]:
    return entries(folder, lambda entry: entry.match(pattern) and wanted(entry)) if folder.is_dir() else []
