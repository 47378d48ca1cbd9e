"""One file from one URL, gone on with where an earlier transfer stopped.

What has come lies in NAME.part, and beside it in NAME.part.json from where it came and the server's mark of the file's
version (ETag or Last-Modified): it is gone on with only where the server says that the file is still the same, or where
a published checksum will tell.
"""

from __future__ import annotations

import os
import re
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ifp.errors import IfpError
from ifp.system.files import read_json, write_json
from ifp.system.progress import Progress

TIMEOUT_SECONDS = 30
"""A mirror that sends nothing for this long is given up."""
PART = ".part"
"""What is added to the name of a file of which a part has come."""
_BLOCK = 1 << 18
"""Bytes that are received at a time."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def receive(
    url: str, part: Path, size: int | None, *, any_mirror: bool, report: Progress | None = None, name: str = ""
) -> bool:
    """Bring the whole content of `url` into `part`, going on with what is there; returns whether it was gone on with.

    Parameters
    ----------
    size : of the whole file, None where it is not known.
    any_mirror : whether what came from another URL may be gone on with, because a checksum will be compared.
    report : called as report(name, bytes done, bytes in all).

    Raises
    ------
    OSError : no answer, an error of the server, or an end before the last byte; what has come is kept.
    ValueError : more than `size` bytes; nothing is kept.
    """
    record = part.with_name(part.name + ".json")
    kept = _record(record)
    there = part.stat().st_size if part.is_file() else 0
    validator = str(kept.get("version", ""))
    same = kept.get("url") == url and bool(validator)
    if not (any_mirror or same) or (size is not None and there >= size):
        there = 0
    headers = {"User-Agent": "ifp", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
        if same:
            headers["If-Range"] = validator
    response = _opened(url, headers)
    with response:
        started = _RANGE.match(response.headers.get("Content-Range", "")) if response.status == 206 else None
        if response.status == 206 and (started is None or int(started[1]) != there):
            raise OSError(f"the mirror answers with another part than the one from byte {there:,}")
        there = there if started else 0
        length = response.headers.get("Content-Length", "")
        total = size or (there + int(length) if length.isdecimal() else 0)
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        with part.open("r+b" if there else "wb") as stream:
            stream.seek(there)
            stream.truncate()
            write_json(record, {"url": url, "version": "" if version.startswith("W/") else version})
            done = there
            while block := response.read(_BLOCK):
                done += len(block)
                if size is not None and done > size:
                    part.unlink()
                    record.unlink(missing_ok=True)
                    raise ValueError(f"the mirror sends more than the file's {size:,} bytes")
                stream.write(block)
                if report:
                    report(name, done, max(total, done))
            stream.flush()
            os.fsync(stream.fileno())
    if done < total:
        raise OSError(f"the connection ended after {done:,} of {total:,} bytes")
    record.unlink(missing_ok=True)
    return bool(there)


def _opened(url: str, headers: dict[str, str]) -> HTTPResponse:
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        error.close()
        if error.code == 416 and "Range" in headers:  # what is there is longer than the file: from the start
            return _opened(url, {key: value for key, value in headers.items() if key not in ("Range", "If-Range")})
        raise OSError(f"HTTP {error.code} {error.reason}") from error
    return response


def _record(path: Path) -> dict[str, Any]:
    try:
        return read_json(path, "delete it")
    except (OSError, IfpError):
        return {}
