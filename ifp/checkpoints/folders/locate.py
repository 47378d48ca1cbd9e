"""Finds the checkpoints that a path means: in a file, or in a folder as the field's trainers leave it.

The first layout that fits is taken. A folder in which none fits is searched three levels deep, and must then hold one
run only, because several runs are not one series.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifp.checkpoints.files.containers import sniff
from ifp.checkpoints.folders.checkpoint_files import CheckpointFile, entries, in_order, named_step, number_in
from ifp.checkpoints.folders.layouts import checkpoints_in, left_out
from ifp.checkpoints.folders.pieces import pieces_of
from ifp.checkpoints.folders.settings_files import read_json, settings_beside
from ifp.errors import IfpError
from ifp.formats import GAN_FORMAT, RECORD_FORMAT, TRAIN_FORMAT, VAE_FORMAT
from ifp.system.printable import listed, printable

__all__ = ["CheckpointFile", "Located", "locate"]

DEPTH = 3
"""How many levels of folders are searched."""
LOOKED_FOR = (
    "model_config.json (pythae), specs.json beside chkpt*.pth.tar (dent) or model*.pt (YannDubs), model.gin or "
    "train.gin (erow), tfhub_module.pb or *.index (TensorFlow), *.ckpt (Lightning), files named last or by a number "
    "(1Konny, amir-abdi), checkpt-*.pth (rtqichen), run.json of ifp, or one checkpoint file"
)
"""The layouts in words, for the message when none fits."""
_MAX_FOLDERS = 500
"""Maximum number of folders that are searched on each level."""
_SHOWN_NAMES = 5
"""Maximum number of folder names in a message."""
_STEP_FOLDER = re.compile(r"(checkpoint|ckpt|epoch|step|iter|iteration|global_step)s?[-_=]?\d+", re.IGNORECASE)
"""Matches the name of a folder that holds the checkpoint of one step."""


@dataclass(frozen=True)
class Located:
    """One run: a checkpoint, or a series of them.

    Attributes
    ----------
    name : what to call the run.
    files : by the numbers in their names, files without a number last.
    notes : sentences for the user about files that were left out.
    """

    name: str
    files: tuple[CheckpointFile, ...]
    notes: tuple[str, ...] = ()


def locate(path: Path) -> Located:
    """The checkpoints that `path` means. Of each file only the first and last bytes are read here.

    Raises
    ------
    IfpError : if there is no such path, nothing that is known, several runs, or a settings file that cannot be read.
    """
    try:
        if not path.is_dir():
            return _located_file(path)
        return _located_folder(path)
    except OSError as error:
        raise IfpError(f"{path} cannot be read ({error.strerror}).") from error


def _located_file(path: Path) -> Located:
    index = path.with_name(path.name + ".index")
    if not path.is_file() and not index.is_file():
        raise IfpError(f"There is no file or folder {path}; give the path of a checkpoint or of a folder with some.")
    file = path if path.is_file() else index
    pieces = pieces_of(file)
    if not pieces:
        sniff(file)
    folder = file.resolve().parent
    checkpoint = CheckpointFile(file, printable(file.name), named_step(file.name), settings_beside(folder), pieces)
    return Located(printable(f"{folder.name}/{file.name}"), (checkpoint,))


def _located_folder(path: Path) -> Located:
    level: list[Path] = [path]
    for _ in range(DEPTH + 1):
        runs = [(folder, files) for folder in level if (files := checkpoints_in(folder))]
        if len(runs) > 1 and (series := _series_of_folders(runs)):
            return Located(printable(path.resolve().name), tuple(series))
        if len(runs) > 1:
            names = listed((folder.relative_to(path) for folder, _ in runs), _SHOWN_NAMES)
            raise IfpError(f"{path} holds {len(runs)} runs ({names}); name one of them.")
        if runs:
            folder, files = runs[0]
            return Located(printable(path.resolve().name), tuple(files), tuple(left_out(folder, files)))
        level = [inner for folder in level for inner in entries(folder, Path.is_dir)][:_MAX_FOLDERS]
    kind = _format_of(path)
    if kind in (TRAIN_FORMAT, VAE_FORMAT, GAN_FORMAT):
        raise IfpError(
            f"{path} is of a training, of which no checkpoint is there yet; wait for it, or run the same command again."
        )
    if kind == RECORD_FORMAT:
        raise IfpError(
            f"{path} is a recording of codes and holds no model; give a checkpoint, or record with checkpoints=True."
        )
    raise IfpError(f"{path} holds no checkpoint that is known here; looked for, {DEPTH} folders deep: {LOOKED_FOR}.")


def _format_of(path: Path) -> Any:
    """What a folder of ours calls itself; None for any other."""
    run_file = path / "run.json"
    return read_json(run_file).get("format") if run_file.is_file() else None


def _series_of_folders(runs: Sequence[tuple[Path, list[CheckpointFile]]]) -> list[CheckpointFile]:
    """The series in folders such as checkpoint-500 and checkpoint-1000, each with one checkpoint; [] if it is none."""
    if any(len(files) != 1 or not _STEP_FOLDER.fullmatch(folder.name) for folder, files in runs):
        return []
    labels = [printable(folder.name) for folder, _ in runs]
    return in_order(
        dataclasses.replace(files[0], label=label, step_from_name=number_in(label))
        for (_, files), label in zip(runs, labels, strict=True)
    )
