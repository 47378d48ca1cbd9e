"""Where the official files come from and where they lie: mirrors, published checksums, the data folder.

`fetch`, with `ifp.datasets.transfer`, is the only place of the project that uses the network. All facts about the files
are in mirrors.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any
from urllib.error import URLError

from ifp.datasets.cache import cache_folder
from ifp.datasets.transfer import PART, receive
from ifp.errors import IfpError
from ifp.system.disk import check_room, free_disk_bytes
from ifp.system.files import replace_file
from ifp.system.progress import Progress

_BLOCK = 1 << 20
"""Bytes that are hashed at a time."""
FIRST_USE = ".sha256"
"""What is added to the name of a file without a published checksum: there lies that of its first use here."""

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
    also : other names, or places in the data folder, under which the same content may lie.
    about_bytes : roughly how large it is, for the room on the disk; None where nothing is known.
    earlier_hash : "algorithm:hex" of the file as it was first published, where what is published now may differ.
    """

    name: str
    size: int | None
    hash: str | None
    git_blob: str | None
    urls: tuple[str, ...]
    also: tuple[str, ...] = ()
    about_bytes: int | None = None
    earlier_hash: str | None = None


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
            tuple(one.get("also", ())),
            one.get("about_bytes"),
            one.get("earlier_hash"),
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


def find_official_file(data_dir: Path, file: OfficialFile) -> Path | None:
    """Where the file lies in `data_dir`, under its name, gzipped or not, or under another that it is known by."""
    return next((path for name in (file.name, *file.also) if (path := find_file(data_dir, name)) is not None), None)


def unpacked_bytes(dataset: str) -> int:
    """Bytes that the first use of a data set writes into the cache folder."""
    return int(_mirrors().get(dataset, {}).get("unpacked_bytes", 0))


def missing_files(dataset: str, data_dir: Path) -> list[OfficialFile]:
    """The files of `dataset` that are not in `data_dir`."""
    return [file for file in official_files(dataset) if find_official_file(data_dir, file) is None]


def bytes_to_download(files: list[OfficialFile], data_dir: Path) -> int:
    """About how many bytes are still to come, less what earlier downloads left half done."""
    total = 0
    for file in files:
        part = data_dir / f"{file.name}{PART}"
        total += max(0, (file.size or file.about_bytes or 0) - (part.stat().st_size if part.is_file() else 0))
    return total


def download_plan(dataset: str, data_dir: Path) -> str:
    """One sentence on what `fetch` would bring and the room that it and the first use need; "" where all is there."""
    missing = missing_files(dataset, data_dir)
    if not missing:
        return ""
    size = bytes_to_download(missing, data_dir)
    there = f"{free_disk_bytes(data_dir) / 1e9:.1f} GB free"
    amount = f"about {size / 1e9:.2f} GB" if size else "a number of bytes that nobody publishes"
    sentence = f"{dataset}: {amount} to {data_dir} ({there})"
    if unpacked := unpacked_bytes(dataset):
        cache = cache_folder()
        sentence += (
            f", and {unpacked / 1e9:.1f} GB to {cache} on its first use ({free_disk_bytes(cache) / 1e9:.1f} GB free)"
        )
    return f"{sentence}."


def fetch(dataset: str, data_dir: Path, report: Report | None = None) -> list[Path]:
    """Download the files of `dataset` that are not in `data_dir`; returns the new ones.

    Each goes to NAME.part, is checked against its published checksum, and only then gets its name; what an earlier call
    left half done is gone on with. A file that is there, plain or gzipped, is not fetched and not looked into (see
    `check`). Of a file for which no checksum is published the SHA-256 is kept in NAME.sha256, so that later changes
    show.

    Raises
    ------
    IfpError : too little room on the disk; a file that no mirror gave; the message holds each URL with its error, and
        what to do by hand.
    """
    missing = missing_files(dataset, data_dir)
    if missing:
        check_room(data_dir, bytes_to_download(missing, data_dir), dataset, "choose another folder (IFP_DATA)")
    data_dir.mkdir(parents=True, exist_ok=True)
    new, failures = [], []
    for file in missing:
        errors = []
        for url in file.urls:
            try:
                new.append(_retrieve(file, url, data_dir, report))
                break
            except (OSError, HTTPException, ValueError) as error:  # the last for a file with another checksum
                errors.append(f"  {url}: {_plain(error)}")
        else:
            failures.append((file, errors))
    if failures:
        halves = [file.name for file, _ in failures if (data_dir / f"{file.name}{PART}").is_file()]
        raise IfpError(
            "\n".join(
                [
                    f"{len(failures)} of {len(missing)} files of {dataset} could not be downloaded:",
                    *(line for _, errors in failures for line in errors),
                    *(
                        [f"What came of {', '.join(halves)} is kept; the same command goes on from there."]
                        * bool(halves)
                    ),
                    f"To put them there by hand, the folder is {data_dir} and the exact names are",
                    *(f"  {file.name}" for file, _ in failures),
                    _mirrors()[dataset]["by_hand"],
                ]
            )
        )
    return new


def _retrieve(file: OfficialFile, url: str, data_dir: Path, report: Report | None) -> Path:
    path, part = data_dir / file.name, data_dir / f"{file.name}{PART}"
    known = file.hash is not None or file.git_blob is not None
    resumed = receive(url, part, file.size, any_mirror=known, report=report, name=file.name)
    try:
        _compare(part, file)
    except IfpError:
        part.unlink()
        if not resumed:
            raise
        # a part of another file, or one that was damaged on the disk: once more from the start
        receive(url, part, file.size, any_mirror=known, report=report, name=file.name)
        try:
            _compare(part, file)
        except IfpError:
            part.unlink()
            raise
    os.replace(part, path)
    if not known:
        replace_file(path.with_name(path.name + FIRST_USE), f"{_hex(path, hashlib.sha256())}  {path.name}\n".encode())
    return path


def check_file(path: Path, file: OfficialFile) -> str:
    """Compare a file with what is published of it, offline; returns what was compared.

    Of a file without a published checksum the SHA-256 of its first use is compared, if one was kept.

    Raises
    ------
    IfpError : another size or checksum.
    """
    if path.name in {Path(name).name for name in file.also}:
        return "under another name or unpacked: no checksum is published, its layout is checked"
    if path.name != file.name:
        return "unpacked: no checksum is published, its layout is checked"
    return _compare(path, file)


def _compare(path: Path, file: OfficialFile) -> str:
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
    if file.hash is None and file.git_blob is None:
        return _compare_first_use(path, file)
    return f"fits: {', '.join(compared)}"


def _compare_first_use(path: Path, file: OfficialFile) -> str:
    """What is known of a file without a published checksum."""
    if file.earlier_hash is not None:
        algorithm, expected = file.earlier_hash.split(":")
        if _hex(path, hashlib.new(algorithm)) == expected:
            return f"fits: {algorithm} of the file as first published"
    kept = path.with_name(path.name + FIRST_USE)
    words = kept.read_text(errors="replace").split() if kept.is_file() and kept.stat().st_size < 1000 else []
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        return "no checksum is published and none was kept from a first use; its layout is checked"
    if (found := _hex(path, hashlib.sha256())) != words[0]:
        raise _other(path, f"the sha256 checksum {found}", f"{words[0]}, that of its first use")
    return "fits: sha256 of its first use here (none is published)"


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
