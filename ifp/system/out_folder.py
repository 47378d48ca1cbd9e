"""A refused command leaves nothing behind, so that the corrected one can take the same folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ifp.errors import IfpError

ABOUT = ("run.json",)
"""Files that say what a run is about to do; a folder that holds nothing else holds no result."""


def check_out(path: Path) -> None:
    """Raise IfpError unless `path` is a folder that can be written, or one that can be made; leaves nothing there."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        what = "it" if nearest == path else str(nearest)
        raise IfpError(f"--out must name a folder, got {str(path)!r}, and {what} is a file; choose another name.")
    try:
        with tempfile.TemporaryDirectory(prefix=".ifp-", dir=nearest):
            pass
    except OSError as error:
        raise IfpError(
            f"--out names {str(path)!r}, where no file can be written ({error.strerror}); choose a folder of your own."
        ) from error


@contextmanager
def no_folder_if_refused(path: Path) -> Iterator[None]:
    """Within the block, an IfpError takes away the folder `path` and its parents, as far as the block made them.

    What the block has found so far is kept: a folder in which there is more than empty folders and the run.json stays.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    was_empty = path.is_dir() and not any(path.iterdir())
    try:
        yield
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
