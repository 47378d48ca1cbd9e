"""CheckpointFile: one checkpoint of a run in a folder, its place in the order of training, and its settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifp.checkpoints.files.containers import sniff
from ifp.checkpoints.folders.pieces import Pieces, pieces_of
from ifp.errors import IfpError
from ifp.system.printable import printable

SUFFIXES = re.compile(r"(\.(pt|pth|tar|ckpt|index|safetensors|pt2|bin|pkl))+$")
"""The usual suffixes of checkpoints at the end of a file's name."""
_MAX_FILES = 2000
"""Maximum number of entries of a folder that are looked at."""


@dataclass(frozen=True)
class CheckpointFile:
    """One checkpoint of a run.

    Attributes
    ----------
    path : the file.
    label : what to call it.
    step_from_name : the number in its name, None if there is none.
    config : the settings in the files beside it.
    pieces : all files of a model that is kept in several, each with its role; see `ifp.checkpoints.folders.pieces`.
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


def series_of(paths: Sequence[Path], config: Mapping[str, Any]) -> list[CheckpointFile]:
    """The checkpoints at `paths`, in the order of the numbers in their names.

    The number in the name of a single file counts only after "step" or "epoch".
    """
    if len(paths) == 1:
        name = paths[0].name
        return [CheckpointFile(paths[0], printable(name), named_step(name), config, pieces_of(paths[0]))]
    labels = [printable(SUFFIXES.sub("", path.name)) for path in paths]
    return in_order(
        [
            CheckpointFile(path, label, number_in(label), config, pieces_of(path))
            for path, label in zip(paths, labels, strict=True)
        ]
    )


def in_order(files: Iterable[CheckpointFile]) -> list[CheckpointFile]:
    """Sorted by the numbers in their names, files without a number last."""
    return sorted(files, key=lambda file: (file.step_from_name is None, file.step_from_name or 0, file.label))


def named_step(name: str) -> int | None:
    """The number after "step", else after "epoch", in a file's name; None if there is none.

    >>> [named_step(name) for name in ("epoch=3-step=900.ckpt", "model-30.pt")]
    [900, None]
    """
    numbers = re.findall(r"step[=_-](\d{1,18})", name) or re.findall(r"epoch[=_-](\d{1,18})", name)
    return int(numbers[-1]) if numbers else None


def number_in(label: str) -> int | None:
    """The step, else the epoch, else the last number in a file's name; None if there is none.

    >>> [number_in(name) for name in ("epoch=3-step=900", "model-30", "checkpoint_epoch_12", "50000", "last")]
    [900, 30, 12, 50000, None]
    """
    numbers = re.findall(r"\d{1,18}", label)
    step = named_step(label)
    return step if step is not None or not numbers else int(numbers[-1])


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a file in a container that is read."""
    if not path.is_file():
        return False
    try:
        sniff(path)
    except IfpError:
        return False
    return True


def entries(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    """The entries of a folder that are `wanted`, by name; hidden ones and those after the first 2,000 are ignored."""
    visible = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return [entry for entry in visible[:_MAX_FILES] if wanted(entry)]
