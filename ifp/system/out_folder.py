"""Folders of results: only new, empty ones and those of the same kind are written into; a refused command leaves none.

A refused command leaves nothing behind, so that the corrected one can take the same folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifp.errors import IfpError
from ifp.system.checksums import seal, unseal
from ifp.system.files import remove_partials, replace_file
from ifp.system.sole_worker import FolderInUse, sole_worker

UNFINISHED = ".unfinished"
"""The file that stands in a folder while results are written into it, and says of which kind they are."""
ABOUT = ("run.json", UNFINISHED)
"""Files that say what a run is about to do; a folder that holds nothing else holds no result."""


@dataclass(frozen=True)
class ResultKind:
    """A kind of results, and how its folder is known.

    Attributes
    ----------
    what : the kind in words, with an article.
    markers : patterns of files of which each finished result has at least one.
    before : names of folders in it that are written while the work still goes on.
    """

    what: str
    markers: tuple[str, ...]
    before: tuple[str, ...] = ()


DIAGNOSIS = ResultKind("a diagnosis", ("diagnosis.json", "a/diagnosis.json", "[1-9]*-*/diagnosis.json"), ("codes",))
SHIFT = ResultKind("a shift", ("shift.json",), ("probes",))
BOUNDS = ResultKind("freezing bounds", ("freezing_bounds.csv",))
CHANNELS = ResultKind("a comparison of channels", ("channels.json",))
DIRECTIONS = ResultKind("directions of a decoder", ("directions.json",))
FIGURES = ResultKind("figures", ("*.pdf", "*.png", "*.svg", "*.pgf"))


def as_folder(folder: Any, name: str = "folder") -> Path:
    """The path that a user gave for a folder; raises IfpError, which calls it `name`, for what is no path.

    >>> as_folder("runs/one").name
    'one'
    """
    if not isinstance(folder, str | os.PathLike) or not isinstance(os.fspath(folder), str) or not os.fspath(folder):
        raise IfpError(f"{name} must be the path of a folder, got {folder!r}; write {name}='runs/name'.")
    return Path(folder)


def check_out(path: Path, name: str = "`out`") -> None:
    """Raise IfpError unless `path` is a folder that can be written, or one that can be made; leaves nothing there."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        what = "it" if nearest == path else str(nearest)
        raise IfpError(f"{name} must name a folder, got {str(path)!r}, and {what} is a file; choose another name.")
    try:
        with tempfile.TemporaryDirectory(prefix=".ifp-", dir=nearest):
            pass
    except OSError as error:
        raise IfpError(
            f"{name} names {str(path)!r}, where no file can be written ({error.strerror}); choose a folder of your own."
        ) from error


def result_folder(folder: Any, kind: ResultKind | None = None, name: str = "folder") -> Path:
    """The path of a folder that results may be written into: it is new, empty, or holds a result of the same kind.

    Nothing is written. `kind` : None for results that go into a new or an empty folder alone. `name` : the argument.

    Raises
    ------
    IfpError : no path; a file, or a path through one; a place where nothing can be written; a folder that holds
        something else.
    """
    path = as_folder(folder, name)
    check_out(path, name)
    there = {inside.name for inside in path.iterdir()} if path.is_dir() else set()
    if kind is None:
        if there:
            raise IfpError(f"{path} is not an empty folder; choose a new one.")
        return path
    # hidden files are what a killed command was about to write
    other = {inside for inside in there if inside not in kind.before and not inside.startswith(".")}
    if other and not _is_of_kind(path, kind):
        raise IfpError(f"{path} holds something else than {kind.what}; choose a new folder.")
    return path


def _is_of_kind(path: Path, kind: ResultKind) -> bool:
    """Whether the folder holds a result of this kind, or the part of one whose writing was cut short."""
    unfinished = path / UNFINISHED
    if unfinished.is_file() and unfinished.read_bytes() == kind.what.encode():
        return True
    return any(True for marker in kind.markers for _ in path.glob(marker))


@contextmanager
def writing_result(folder: Any, kind: ResultKind, name: str = "folder") -> Iterator[Path]:
    """Within the block a result is written into the folder, whose path is given; raises as `result_folder` does.

    A block that does not end leaves a mark by which the same command may write into the folder again, and by which
    nobody takes what is there for a result.
    """
    path = result_folder(folder, kind, name)
    with sole_worker(path):
        remove_partials(path)
        replace_file(path / UNFINISHED, kind.what.encode())
        for folder in _with_inner(path):
            unseal(folder)
        yield path
        for folder in _with_inner(path):
            seal(folder)
        (path / UNFINISHED).unlink(missing_ok=True)


def _with_inner(path: Path) -> list[Path]:
    """The folder, and the folders of single models in it."""
    return [path, *(inside for inside in path.iterdir() if inside.is_dir() and (inside / "diagnosis.json").is_file())]


def check_finished(path: Path) -> None:
    """Raise IfpError where the writing of a result into the folder was cut short."""
    if (path / UNFINISHED).is_file():
        raise IfpError(f"{path} holds a part of a result, whose writing was cut short; run the same command again.")


@contextmanager
def no_folder_if_refused(path: Path) -> Iterator[None]:
    """Within the block, an IfpError takes away the folder `path` and its parents, as far as the block made them.

    What the block has found so far is kept: a folder in which there is more than empty folders and the run.json stays.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    was_empty = path.is_dir() and not any(path.iterdir())
    try:
        yield
    except FolderInUse:  # what is there now is another process's
        raise
    except IfpError:
        if (missing or was_empty) and path.is_dir() and not _results(path):
            for inside in path.iterdir():
                if inside.is_dir():
                    shutil.rmtree(inside)
                else:
                    inside.unlink()
            for folder in missing:  # from the innermost
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        raise


def _results(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_symlink() or not (file.is_dir() or file.name in ABOUT)]
