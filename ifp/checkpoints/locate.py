"""Where the checkpoints are: in a file, or in a folder as the field's trainers leave it.

The first layout that fits is taken. A folder with none of them is searched three levels down, and must then hold one
run only: several would not be a series.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifp.checkpoints.beside import read_json, settings_beside
from ifp.checkpoints.contents import sniff
from ifp.checkpoints.shown import listed, printable
from ifp.errors import IfpError
from ifp.formats import VAE_FORMAT

DEPTH = 3
LOOKED_FOR = (
    "model_config.json (pythae), specs.json beside chkpt*.pth.tar (dent) or model*.pt (YannDubs), model.gin or "
    "train.gin (erow), tfhub_module.pb or *.index (TensorFlow), *.ckpt (Lightning), files named last or by a number "
    "(1Konny, amir-abdi), checkpt-*.pth (rtqichen), run.json of ifp, or one checkpoint file"
)
_MAX_FILES = 2000
_MAX_FOLDERS = 500
_SHOWN_NAMES = 5
_MAX_STEP = 10**18
_SUFFIXES = re.compile(r"(\.(pt|pth|tar|ckpt|index|safetensors|pt2|bin|pkl))+$")


@dataclass(frozen=True)
class CheckpointFile:
    """One checkpoint: the file, what to call it, the number in its name, and the settings that lie beside it."""

    path: Path
    label: str
    step_from_name: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Located:
    """One run: a checkpoint, or a series of them by the numbers in their names, those without a number last."""

    name: str
    files: tuple[CheckpointFile, ...]


def locate(path: Path) -> Located:
    """The checkpoints that `path` means; no checkpoint is read here, but for its first and last bytes.

    Raises
    ------
    IfpError : nothing there, nothing that is known, several runs, or a settings file that cannot be read.
    """
    try:
        if not path.is_dir():
            return _file(path)
        return _folder(path)
    except OSError as error:
        raise IfpError(f"{path} cannot be read ({error.strerror}).") from error


def _file(path: Path) -> Located:
    index = path.with_name(path.name + ".index")
    if not path.is_file() and not index.is_file():
        raise IfpError(f"There is no file or folder {path}; give the path of a checkpoint or of a folder with some.")
    found = path if path.is_file() else index
    sniff(found)
    folder = found.resolve().parent
    file = CheckpointFile(found, printable(found.name), _named_step(found.name), settings_beside(folder))
    return Located(printable(f"{folder.name}/{found.name}"), (file,))


def _folder(path: Path) -> Located:
    level: list[Path] = [path]
    for _ in range(DEPTH + 1):
        found = [(folder, files) for folder in level if (files := _checkpoints(folder))]
        if len(found) > 1:
            names = listed((folder.relative_to(path) for folder, _ in found), _SHOWN_NAMES)
            raise IfpError(f"{path} holds {len(found)} runs ({names}); name one of them.")
        if found:
            return Located(printable(path.resolve().name), tuple(found[0][1]))
        level = [inner for folder in level for inner in _entries(folder, Path.is_dir)][:_MAX_FOLDERS]
    raise IfpError(f"{path} holds no checkpoint that is known here; looked for, {DEPTH} folders deep: {LOOKED_FOR}.")


def _checkpoints(folder: Path) -> list[CheckpointFile]:
    """The run in `folder` by the first layout that fits, [] where none does."""
    for layout in (_ours, _pythae, _specs, _gin, _tensorflow, _lightning, _numbered, _rtqichen, _alone):
        if files := layout(folder):
            return files
    return []


def _ours(folder: Path) -> list[CheckpointFile]:
    about = folder / "run.json"
    if not about.is_file() or read_json(about).get("format") != VAE_FORMAT:
        return []
    return _series([*_glob(folder, "*.pt"), *_glob(folder, "*.safetensors")], {})


def _pythae(folder: Path) -> list[CheckpointFile]:
    if (folder / "model_config.json").is_file() and (folder / "model.pt").is_file():
        name = folder.resolve().name
        return [CheckpointFile(folder / "model.pt", printable(name), _named_step(name), settings_beside(folder))]
    inner = [*_glob(folder, "checkpoint_epoch_*", Path.is_dir), folder / "final_model"]
    return _sorted(file for one in inner if one.is_dir() for file in _pythae(one))


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
    files = _entries(folder, lambda entry: bool(re.fullmatch(r"last|\d+", entry.name)) and _is_checkpoint(entry))
    return _series(files, settings_beside(folder))


def _rtqichen(folder: Path) -> list[CheckpointFile]:
    return _series(_glob(folder, "checkpt-*.pth"), {})


def _alone(folder: Path) -> list[CheckpointFile]:
    """One checkpoint, or several whose names differ in their numbers only."""
    files = _entries(folder, _is_checkpoint)
    names = {re.sub(r"\d+", "0", file.name) for file in files}
    if len(names) > 1:
        shown = listed((file.name for file in files), _SHOWN_NAMES)
        raise IfpError(f"{folder} holds {len(files)} checkpoints that are no known series ({shown}); give one.")
    return _series(files, settings_beside(folder) if files else {})


def _series(files: Sequence[Path], config: Mapping[str, Any]) -> list[CheckpointFile]:
    if len(files) == 1:
        return [CheckpointFile(files[0], printable(files[0].name), _named_step(files[0].name), config)]
    labels = [printable(_SUFFIXES.sub("", file.name)) for file in files]
    return _sorted(
        [CheckpointFile(file, label, _number(label), config) for file, label in zip(files, labels, strict=True)]
    )


def _sorted(files: Iterable[CheckpointFile]) -> list[CheckpointFile]:
    return sorted(files, key=lambda f: (f.step_from_name is None, f.step_from_name or 0, f.label))


def _named_step(name: str) -> int | None:
    """The number after "step" or "epoch": of a single file, no other number says when it was written."""
    found = re.findall(r"step[=_-](\d{1,18})", name) or re.findall(r"epoch[=_-](\d{1,18})", name)
    return int(found[-1]) if found else None


def _number(label: str) -> int | None:
    """The step, else the epoch, else the last number in a file's name.

    >>> [_number(name) for name in ("epoch=3-step=900", "model-30", "checkpoint_epoch_12", "50000", "last")]
    [900, 30, 12, 50000, None]
    """
    numbers = re.findall(r"\d{1,18}", label)
    named = _named_step(label)
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
    return _entries(folder, lambda entry: entry.match(pattern) and wanted(entry)) if folder.is_dir() else []


def _entries(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    """What a folder holds of a kind, by name; hidden things and those past the first 2,000 are passed over."""
    names = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return [entry for entry in names[:_MAX_FILES] if wanted(entry)]
