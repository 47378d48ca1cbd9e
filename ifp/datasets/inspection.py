"""What can be said of a data set without a run: what it is, and whether the copy on this machine is right. Offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ifp.datasets.catalog import load_dataset
from ifp.datasets.download import check_file, default_data_dir, find_official_file, missing_files, official_files
from ifp.datasets.official import count_images, open_official
from ifp.datasets.transfer import PART
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

PINNED = {
    "sprites": "70475486eb9a38bec1c27831e02cc270eee5ab6964d4e49700db5fbee5f3b2dc",
    "sprites-noshape": "2fe874920489410b092a8fbaa639035bcf6d78df0cf85c7d2d17f5785eea460d",
    "sprites-color": "dd058a6fec7d3665f9959e4f40b07aad7ec3204b556964b67dc9a2efe6d4fd31",
    "sprites-noisy": "3ab6143fa8dc1f01b6899499d5cae5bdb3b74231100390cb214bd66ff7e998a5",
    "sprites-scream": "f075869c85ca549d3dde65f6a0f8972addb069e099234701e7f96a690511a28d",
    "toys": "b976a780cb602b7d996d2de90ffba08fa30c69b013b462dd6635a082bcfc01f4",
    "xysquares": "c8b573fda8a02c706fa0806a10069c150e479def0c5c7084ef605dafcdbf953d",
    "arrow": "861268d4ae9c8595e5c78ec7d9d9a3a9895bf764624c88424610191c7fc572bd",
}
"""The sample checksums of rendered data, from the machine on which they were first made (x86-64, NumPy 2.4)."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str


@dataclass(frozen=True)
class FileState:
    """Whether one file of an official data set is there.

    Attributes
    ----------
    name : as it is published. path : where it is, None where it is not. size : its bytes, or those of the part that an
    earlier download left.
    """

    name: str
    path: Path | None
    size: int

    def text(self) -> str:
        """One line.

        >>> FileState("a.npz", Path("data/a.npz"), 2_500_000).text(), FileState("b.npz", None, 0).text()
        ('there    a.npz (2.5 MB)', 'missing  b.npz')
        """
        amount = f"{self.size / 1e6:,.1f} MB"
        if self.path is not None:
            return f"there    {self.path.name} ({amount})"
        return f"missing  {self.name}" + (f" (of which {amount} have come)" if self.size else "")


def file_states(name: str, data_dir: Path | None = None) -> list[FileState]:
    """Which files of an official data set are there; an empty list for other data."""
    folder = data_dir or default_data_dir()
    states = []
    for file in official_files(name):
        path, part = find_official_file(folder, file), folder / f"{file.name}{PART}"
        counted = path or part
        states.append(FileState(file.name, path, counted.stat().st_size if counted.is_file() else 0))
    return states


def files_state(name: str, data_dir: Path | None) -> str:
    """Where the files of a built-in data set are, or how many are missing."""
    folder = data_dir or default_data_dir()
    files = official_files(name)
    if not files:
        return "rendered on this machine"
    missing = missing_files(name, folder)
    if missing:
        return f"{len(missing)} of {len(files)} missing in {folder}; run `ifp data get {name}`"
    return f"in {folder}"


def describe(name: str, data_dir: Path | None = None, background: Path | None = None) -> dict[str, object]:
    """The lines of `ifp data describe`; official data are described even where their files are missing.

    Raises
    ------
    IfpError : an unknown name, a damaged file.
    """
    if not official_files(name):
        dataset = load_dataset(name, data_dir=data_dir, background=background)
        return {**dataset.describe(), "checksum": dataset.checksum()}
    return {**open_official(name, read=False).describe(), "files": files_state(name, data_dir)}


def check(name: str, data_dir: Path | None = None, progress: Progress = silent) -> list[Check]:
    """Look at the copy of a data set on this machine; nothing is fetched, nothing is changed.

    Official files: there, as published, and a complete grid of images inside. Rendered data: a sample equals the pinned
    one. `npz:PATH`: it loads. `progress` counts images.

    Raises
    ------
    IfpError : an unknown name. Damage is a `Check` that is not ok.
    """
    return list(_official(name, data_dir, progress) if official_files(name) else _other(name))


def _official(name: str, data_dir: Path | None, progress: Progress) -> Iterator[Check]:
    folder = data_dir or default_data_dir()
    for file in official_files(name):
        path = find_official_file(folder, file)
        if path is None:
            yield Check(file.name, False, f"missing in {folder}; run `ifp data get {name}`")
        else:
            yield _attempt(path.name, partial(check_file, path, file))
    if not missing_files(name, folder):
        # whatever the checksums say: someone may have packed the right images again
        yield _attempt("images", partial(count_images, name, folder, progress))


def _other(name: str) -> Iterator[Check]:
    dataset = load_dataset(name)
    if name in PINNED:
        found = dataset.checksum()
        same = found == PINNED[name]
        yield Check(
            "sample of images",
            same,
            f"SHA-256 {found}"
            + ("" if same else f" instead of {PINNED[name]}: this machine renders other images than the pinned ones"),
        )
    else:
        yield Check("file", True, f"{dataset.describe()['images']} images, SHA-256 {dataset.checksum()}")


def _attempt(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, True, look())
    except IfpError as error:
        return Check(what, False, str(error))
