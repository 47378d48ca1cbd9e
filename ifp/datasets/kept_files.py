"""What the cache folder holds of data sets, and how to make room there: all of it can be made again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifp.datasets.cache import cache_folder
from ifp.errors import IfpError, unknown_name
from ifp.system.files import cannot_write, remove_partials

_OURS = re.compile(r"(?P<dataset>[a-z0-9-]+)-[0-9a-f]{12,16}\.(grid|npy|json)")


@dataclass(frozen=True)
class CachedFile:
    """A file of the cache folder.

    Attributes
    ----------
    path : where it is. dataset : whose images it holds, or of which it remembers a checksum.
    size : bytes. written : when, in seconds since 1970.
    """

    path: Path
    dataset: str
    size: int
    written: float


def cached_files(folder: Path | None = None) -> list[CachedFile]:
    """The files that this project has put into the cache folder, by name; any others there are not looked at.

    Parameters
    ----------
    folder : None for $IFP_CACHE, else the system's usual place.
    """
    place = folder or cache_folder()
    found = []
    for path in sorted(place.iterdir()) if place.is_dir() else []:
        named = _OURS.fullmatch(path.name)
        if named and path.is_file() and not path.is_symlink():
            stat = path.stat()
            found.append(CachedFile(path, named["dataset"], stat.st_size, stat.st_mtime))
    return found


def clean_cache(datasets: Sequence[str] = (), folder: Path | None = None, *, dry_run: bool = False) -> list[CachedFile]:
    """Remove the cached files of these data sets, of all without a name; they are made again when they are needed.

    What killed processes left half written is removed too. Downloaded files are not touched.

    Parameters
    ----------
    dry_run : remove nothing.

    Returns
    -------
    The files that were, or would be, removed.

    Raises
    ------
    IfpError : nothing of such a data set is there, or a file cannot be removed.
    """
    there = cached_files(folder)
    known = sorted({file.dataset for file in there})
    for name in datasets:
        if not known:
            raise IfpError(f"The cache {folder or cache_folder()} holds nothing, so nothing of {name!r}.")
        if name not in known:
            raise unknown_name("data set in the cache", name, known)
    chosen = [file for file in there if not datasets or file.dataset in datasets]
    if dry_run:
        return chosen
    for file in chosen:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(file.path, error) from error
    place = folder or cache_folder()
    if place.is_dir():
        remove_partials(place)
    return chosen
