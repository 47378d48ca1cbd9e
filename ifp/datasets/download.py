"""Where the official files come from and where they lie: mirrors, published checksums, the data folder.

`fetch` is the only place of the project that uses the network. All facts about the files are in mirrors.json.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ifp.errors import IfpError
from ifp.system.progress import Progress

TIMEOUT_SECONDS = 30
"""A mirror that sends nothing for this long is given up."""
_BLOCK = 1 << 18
"""Bytes that are received at a time."""

Report = Progress
"""Called as report(file name, bytes done, bytes in all)."""


@dataclass(frozen=True)
class OfficialFile:
    """One file of an official data set.

    Attributes
    ----------
    name : the exact file name; a gzipped one may also be there unpacked, without ".gz".
    size : bytes, None where nobody publishes them.
    hash : "algorithm:hex" as published, None where nobody publishes one.
    git_blob : the file's id in the authors' git repository, or None.
    urls : mirrors, in the order in which they are tried.
    """

    name: str
    size: int | None
    hash: str | None
    git_blob: str | None
    urls: tuple[str, ...]


def default_data_dir() -> Path:
    """The folder for downloaded files: $IFP_DATA, else `data` in the system's cache folder of ifp."""
    named = os.environ.get("IFP_DATA")
    if named:
        return Path(named).expanduser()
    import pooch  # only for the folder's name: costs a tenth of a second

    return Path(pooch.os_cache("ifp")) / "data"


def official_files(dataset: str) -> list[OfficialFile]:
    """The files of `dataset`, an empty list for data that are not downloaded."""
    entry = _mirrors().get(dataset)
    if entry is None:
        return []
    return [
        OfficialFile(
            one["name"],
            one["bytes"],
            one["hash"],
            one.get("git_blob"),
            tuple(url.format(name=one["name"]) for url in entry["urls"]),
        )
        for one in entry["files"]
    ]


def _mirrors() -> dict[str, Any]:
    mirrors: dict[str, Any] = json.loads((package_files("ifp.datasets") / "mirrors.json").read_text())
    del mirrors["about"]
    return mirrors


def find_file(data_dir: Path, name: str) -> Path | None:
    """`name` in `data_dir`, gzipped or not, or None."""
    plain = name.removesuffix(".gz")
    return next((path for path in (data_dir / plain, data_dir / f"{plain}.gz") if path.is_file()), None)


def fetch(dataset: str, data_dir: Path, report: Report | None = None) -> list[Path]:
    """Download the files of `dataset` that are not in `data_dir`; returns the new ones.

    Each goes to a temporary file, is checked against its published checksum, and only then gets its name. A file that
    is there, plain or gzipped, is not fetched and not looked into (see `check`).

    Raises
    ------
    IfpError : a file that no mirror gave; the message holds each URL with its error, and what to do by hand.
    """
    missing = [file for file in official_files(dataset) if find_file(data_dir, file.name) is None]
    data_dir.mkdir(parents=True, exist_ok=True)
    new, failures = [], []
    for file in missing:
        errors = []
        for url in file.urls:
            try:
                new.append(_retrieve(file, url, data_dir, report))
                break
            except (OSError, HTTPException, ValueError) as error:  # pooch raises the last for a wrong checksum
                errors.append(f"  {url}: {_plain(error)}")
        else:
            failures.append((file, errors))
    if failures:
        raise IfpError(
            "\n".join(
                [
                    f"{len(failures)} of {len(missing)} files of {dataset} could not be downloaded:",
                    *(line for _, errors in failures for line in errors),
                    f"To put them there by hand, the folder is {data_dir} and the exact names are",
                    *(f"  {file.name}" for file, _ in failures),
                    _mirrors()[dataset]["by_hand"],
                ]
            )
        )
    return new


def _retrieve(file: OfficialFile, url: str, data_dir: Path, report: Report | None) -> Path:
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # pooch tells its own story on stderr
    try:
        path = Path(pooch.retrieve(url, file.hash, file.name, data_dir, downloader=_Downloader(file, report)))
    finally:
        logger.setLevel(level)
    try:
        check_file(path, file)
    except IfpError:
        path.unlink()
        raise
    return path


@dataclass(frozen=True)
class _Downloader:
    """What pooch takes to download with: it stops a mirror that sends more than the file has, and reports."""

    file: OfficialFile
    report: Report | None

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        request = Request(url, headers={"User-Agent": "ifp", "Accept-Encoding": "identity"})
        try:
            response = urlopen(request, timeout=TIMEOUT_SECONDS)
        except HTTPError as error:
            error.close()
            raise OSError(f"HTTP {error.code} {error.reason}") from error
        done = 0
        with response, open(output_file, "wb") as stream:
            total = self.file.size or int(response.headers.get("Content-Length", 0))
            while block := response.read(_BLOCK):
                done += len(block)
                if self.file.size is not None and done > self.file.size:
                    raise ValueError(f"the mirror sends more than the file's {self.file.size:,} bytes")
                stream.write(block)
                if self.report:
                    self.report(self.file.name, done, max(total, done))


def check_file(path: Path, file: OfficialFile) -> str:
    """Compare a file with what is published of it, offline; returns what was compared.

    Raises
    ------
    IfpError : another size or checksum.
    """
    if path.name != file.name:
        return "unpacked: no checksum is published, its layout is checked"
    if file.size is not None and path.stat().st_size != file.size:
        raise _other(path, f"{path.stat().st_size:,} bytes", f"{file.size:,}")
    compared = []
    if file.hash is not None:
        algorithm, expected = file.hash.split(":")
        if (found := _hex(path, hashlib.new(algorithm))) != expected:
            raise _other(path, f"the {algorithm} checksum {found}", expected)
        compared.append(f"published {algorithm}")
    if file.git_blob is not None:
        header = f"blob {path.stat().st_size}\0".encode()
        if (found := _hex(path, hashlib.sha1(header))) != file.git_blob:
            raise _other(path, f"the git id {found}", file.git_blob)
        compared.append("git id")
    return f"fits: {', '.join(compared) or 'size'}"


def _hex(path: Path, digest: Any) -> str:
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return str(digest.hexdigest())


def _other(path: Path, found: str, expected: str) -> IfpError:
    return IfpError(f"{path} has {found} instead of {expected}; delete it and run `ifp data get` again.")


def _plain(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    text = " ".join(str(reason).split())
    return text if len(text) <= 300 else f"{text[:300]} ..."
