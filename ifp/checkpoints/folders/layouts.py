"""What the field's trainers leave in a folder: the checkpoints of a run in it, by the first layout that fits."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifp.checkpoints.files.contents import sniff
from ifp.checkpoints.files.printable import listed, printable
from ifp.checkpoints.folders.pieces import Pieces, pieces_of, shard_groups, split_pieces
from ifp.checkpoints.folders.settings_files import read_json, settings_beside
from ifp.errors import IfpError
from ifp.formats import VAE_FORMAT

_SHOWN_NAMES = 5
_BEST = re.compile(r"(?<![a-z])best(?![a-z])", re.IGNORECASE)
_LAST = re.compile(r"(?<![a-z])(last|latest|final|newest|current)(?![a-z])", re.IGNORECASE)
_APART = re.compile(r"(?<![a-z])(seed|run|fold|trial|version)s?[-_=]?0", re.IGNORECASE)
"""A number after such a word tells trainings apart, not the steps of one."""
_NO_MODEL = re.compile(r"optim|sched|scaler|rng_state|random_states|training_args|sampler")
_SUFFIXES = re.compile(r"(\.(pt|pth|tar|ckpt|index|safetensors|pt2|bin|pkl))+$")
_MAX_FILES = 2000
_MAX_STEP = 10**18


@dataclass(frozen=True)
class CheckpointFile:
    """One checkpoint: the file, what to call it, the number in its name, and the settings that lie beside it.

    Attributes
    ----------
    pieces : all files of a model that is kept in several, with what each is; see `ifp.checkpoints.folders.pieces`.
    """

    path: Path
    label: str
    step_from_name: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    pieces: Pieces = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read."""
        return (self.path, *(piece for _, piece in self.pieces if piece != self.path))


def checkpoints_in(folder: Path) -> list[CheckpointFile]:
    """The run in `folder` by the first layout that fits, [] where none does."""
    for layout in (_ours, _pythae, _specs, _gin, _tensorflow, _lightning, _numbered, _rtqichen, _sharded, _alone):
        if files := layout(folder):
            return files
    return []


def left_out(folder: Path, files: Sequence[CheckpointFile]) -> list[str]:
    """A sentence on a best checkpoint that is not among `files`: it is one of them, and nothing says which."""
    taken = {path for file in files for path in file.paths}
    best = [file.name for file in _models(folder) if _BEST.search(file.name) and file not in taken]
    if not best:
        return []
    return [f"{listed(best, _SHOWN_NAMES)} in {folder} is left out of the series; name the file to diagnose it alone."]


def _ours(folder: Path) -> list[CheckpointFile]:
    about = folder / "run.json"
    if not about.is_file() or read_json(about).get("format") != VAE_FORMAT:
        return []
    return _series([*_glob(folder, "*.pt"), *_glob(folder, "*.safetensors")], {})


def _pythae(folder: Path) -> list[CheckpointFile]:
    if (folder / "model_config.json").is_file() and (folder / "model.pt").is_file():
        name = folder.resolve().name
        return [CheckpointFile(folder / "model.pt", printable(name), named_step(name), settings_beside(folder))]
    inner = [*_glob(folder, "checkpoint_epoch_*", Path.is_dir), folder / "final_model"]
    return in_order(file for one in inner if one.is_dir() for file in _pythae(one))


def _specs(folder: Path) -> list[CheckpointFile]:
    if not (folder / "specs.json").is_file():
        return []
    files = _glob(folder, "chkpt*.pth.tar") or _glob(folder, "model*.pt")
    settings = settings_beside(folder)
    return _with_last_epoch(_series(files, settings), settings.get("epochs"))


def _with_last_epoch(files: list[CheckpointFile], epochs: object) -> list[CheckpointFile]:
    """YannDubs' final model.pt has no number: it was written after the last of the `epochs`."""
    steps = [file.step_from_name for file in files[:-1] if file.step_from_name is not None]
    if len(steps) != len(files) - 1 or not steps or type(epochs) is not int or not max(steps) < epochs < _MAX_STEP:
        return files
    last = files[-1]
    return [*files[:-1], dataclasses.replace(last, step_from_name=epochs) if last.path.name == "model.pt" else last]


def _gin(folder: Path) -> list[CheckpointFile]:
    if not any((folder / name).is_file() for name in ("model.gin", "train.gin")):
        return []
    files = _glob(folder, "*.ckpt") or _glob(folder / "checkpoints", "*.ckpt") or _glob(folder, "*.pt")
    return _series(files or _glob(folder, "*.pth"), settings_beside(folder))


def _tensorflow(folder: Path) -> list[CheckpointFile]:
    """The exported module goes before the trainer's own checkpoints: it holds the model alone."""
    for name in ("", "tfhub", "model/tfhub"):
        if (folder / name / "tfhub_module.pb").is_file() and (folder / name / "variables").is_dir():
            files = _glob(folder / name / "variables", "*.index")
            return _series(files, settings_beside(folder / name))
    for name in ("", "variables", "tf_checkpoint", "model/tf_checkpoint"):
        if files := _glob(folder / name, "*.index"):
            return _series(files, settings_beside(folder / name))
    return []


def _lightning(folder: Path) -> list[CheckpointFile]:
    files = _glob(folder, "*.ckpt") or _glob(folder / "checkpoints", "*.ckpt")
    return _series(files, settings_beside(folder))


def _numbered(folder: Path) -> list[CheckpointFile]:
    files = entries(folder, lambda entry: bool(re.fullmatch(r"last|\d+", entry.name)) and _is_checkpoint(entry))
    return _series(files, settings_beside(folder))


def _rtqichen(folder: Path) -> list[CheckpointFile]:
    return _series(_glob(folder, "checkpt-*.pth"), {})


def _sharded(folder: Path) -> list[CheckpointFile]:
    """Models in shards, by their index."""
    files = shard_groups(entries(folder, Path.is_file))
    return _series(files, settings_beside(folder) if files else {})


def _alone(folder: Path) -> list[CheckpointFile]:
    """One checkpoint, or several whose names differ in their numbers only, beside the last and the best of them."""
    files = _models(folder)
    others = [file for file in files if not _BEST.search(file.name)] or files
    numbered = [file for file in others if re.search(r"\d", file.name)] if len(others) > 1 else others
    patterns = {re.sub(r"\d+", "0", file.name) for file in numbered or others}
    if len(patterns) > 1 or not all(file in numbered or _is_last(file, numbered) for file in others):
        shown = listed((file.name for file in files), _SHOWN_NAMES)
        raise IfpError(
            f"{folder} holds {len(files)} checkpoints that are no known series ({shown}); name one, or those of one "
            "run with --series."
        )
    if len(others) > 1 and any(_APART.search(pattern) for pattern in patterns):
        shown = listed((file.name for file in others), _SHOWN_NAMES)
        raise IfpError(f"{folder} holds {len(others)} models, not one run ({shown}); name one of them, or several.")
    return _series(others, settings_beside(folder) if others else {})


def _is_last(file: Path, numbered: Sequence[Path]) -> bool:
    """Whether a name without a number is that of the last of a series: last.pt, or model.pt beside model_10.pt."""
    stem = _SUFFIXES.sub("", file.name)
    return bool(_LAST.search(file.name) or (numbered and all(other.name.startswith(stem) for other in numbered)))


def _models(folder: Path) -> list[Path]:
    """The files of models: of two formats the safe one, of encoder and decoder the encoder's, no optimizer's."""
    files = entries(folder, _is_checkpoint)
    files = [file for file in files if not _NO_MODEL.search(file.name.lower())] or files
    names = {file.name for file in files}
    if "model.safetensors" in names:
        files = [file for file in files if file.name != "pytorch_model.bin"]
    decoders = {pieces[1][1] for file in files if (pieces := split_pieces(file, files)) and pieces[0][1] == file}
    return [file for file in files if file not in decoders]


def _series(files: Sequence[Path], config: Mapping[str, Any]) -> list[CheckpointFile]:
    if len(files) == 1:
        name = files[0].name
        return [CheckpointFile(files[0], printable(name), named_step(name), config, pieces_of(files[0]))]
    labels = [printable(_SUFFIXES.sub("", file.name)) for file in files]
    return in_order(
        [
            CheckpointFile(file, label, number_in(label), config, pieces_of(file))
            for file, label in zip(files, labels, strict=True)
        ]
    )


def in_order(files: Iterable[CheckpointFile]) -> list[CheckpointFile]:
    return sorted(files, key=lambda f: (f.step_from_name is None, f.step_from_name or 0, f.label))


def named_step(name: str) -> int | None:
    """The number after "step" or "epoch": of a single file, no other number says when it was written."""
    found = re.findall(r"step[=_-](\d{1,18})", name) or re.findall(r"epoch[=_-](\d{1,18})", name)
    return int(found[-1]) if found else None


def number_in(label: str) -> int | None:
    """The step, else the epoch, else the last number in a file's name.

    >>> [number_in(name) for name in ("epoch=3-step=900", "model-30", "checkpoint_epoch_12", "50000", "last")]
    [900, 30, 12, 50000, None]
    """
    numbers = re.findall(r"\d{1,18}", label)
    named = named_step(label)
    return named if named is not None or not numbers else int(numbers[-1])


def _is_checkpoint(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        sniff(path)
    except IfpError:
        return False
    return True


def _glob(folder: Path, pattern: str, wanted: Callable[[Path], bool] = Path.is_file) -> list[Path]:
    return entries(folder, lambda entry: entry.match(pattern) and wanted(entry)) if folder.is_dir() else []


def entries(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    """What a folder holds of a kind, by name; hidden things and those past the first 2,000 are passed over."""
    names = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return [entry for entry in names[:_MAX_FILES] if wanted(entry)]
