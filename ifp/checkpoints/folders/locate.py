"""Where the checkpoints are: in a file, or in a folder as the field's trainers leave it.

The first layout that fits is taken. A folder with none of them is searched three levels down, and must then hold one
run only: several would not be a series.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifp.checkpoints.files.contents import sniff
from ifp.checkpoints.files.printable import listed, printable
from ifp.checkpoints.folders.layouts import (
    CheckpointFile,
    checkpoints_in,
    entries,
    in_order,
    left_out,
    named_step,
    number_in,
)
from ifp.checkpoints.folders.pieces import pieces_of
from ifp.checkpoints.folders.settings_files import settings_beside
from ifp.errors import IfpError

__all__ = ["CheckpointFile", "Located", "locate"]

DEPTH = 3
LOOKED_FOR = (
    "model_config.json (pythae), specs.json beside chkpt*.pth.tar (dent) or model*.pt (YannDubs), model.gin or "
    "train.gin (erow), tfhub_module.pb or *.index (TensorFlow), *.ckpt (Lightning), files named last or by a number "
    "(1Konny, amir-abdi), checkpt-*.pth (rtqichen), run.json of ifp, or one checkpoint file"
)
_MAX_FOLDERS = 500
_SHOWN_NAMES = 5
_STEP_FOLDER = re.compile(r"(checkpoint|ckpt|epoch|step|iter|iteration|global_step)s?[-_=]?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Located:
    """One run: a checkpoint, or a series of them by the numbers in their names, those without a number last.

    Attributes
    ----------
    notes : sentences for the user: which files beside them were left out, and why.
    """

    name: str
    files: tuple[CheckpointFile, ...]
    notes: tuple[str, ...] = ()


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
    pieces = pieces_of(found)
    if not pieces:
        sniff(found)
    folder = found.resolve().parent
    file = CheckpointFile(found, printable(found.name), named_step(found.name), settings_beside(folder), pieces)
    return Located(printable(f"{folder.name}/{found.name}"), (file,))


def _folder(path: Path) -> Located:
    level: list[Path] = [path]
    for _ in range(DEPTH + 1):
        found = [(folder, files) for folder in level if (files := checkpoints_in(folder))]
        if len(found) > 1 and (series := _folder_series(found)):
            return Located(printable(path.resolve().name), tuple(series))
        if len(found) > 1:
            names = listed((folder.relative_to(path) for folder, _ in found), _SHOWN_NAMES)
            raise IfpError(f"{path} holds {len(found)} runs ({names}); name one of them.")
        if found:
            return Located(printable(path.resolve().name), tuple(found[0][1]), tuple(left_out(*found[0])))
        level = [inner for folder in level for inner in entries(folder, Path.is_dir)][:_MAX_FOLDERS]
    raise IfpError(f"{path} holds no checkpoint that is known here; looked for, {DEPTH} folders deep: {LOOKED_FOR}.")


def _folder_series(found: Sequence[tuple[Path, list[CheckpointFile]]]) -> list[CheckpointFile]:
    """One checkpoint in each of the folders checkpoint-500, checkpoint-1000, ...; [] where they are no such series."""
    if any(len(files) != 1 or not _STEP_FOLDER.fullmatch(folder.name) for folder, files in found):
        return []
    labels = [printable(folder.name) for folder, _ in found]
    return in_order(
        dataclasses.replace(files[0], label=label, step_from_name=number_in(label))
        for (_, files), label in zip(found, labels, strict=True)
    )
