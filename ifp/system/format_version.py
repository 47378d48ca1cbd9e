"""The version of the files that a run leaves: one number in each JSON file, and newer ones than this are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifp.errors import IfpError

VERSION = 1
"""Written by this version of ifp; files without a number are of before. To be raised where a reader of before would
misread what is written now; tests/data keeps a small run of each."""
KEY = "format_version"


def check_version(content: Mapping[str, Any], path: Path) -> None:
    """Raise IfpError where a file was written by a newer version, whose meaning is not known.

    >>> check_version({"format_version": 1}, Path("run.json"))
    """
    version = content.get(KEY, 0)
    if type(version) is not int or version < 0:
        raise IfpError(f"{path}: the field {KEY} must be a whole number of at least 0; restore the file.")
    if version > VERSION:
        written = content.get("ifp_version")
        by = f" by ifp {written}" if isinstance(written, str) else ""
        raise IfpError(
            f"{path} was written{by} in the format {version}, and this version of ifp reads formats up to {VERSION}; "
            "update ifp (`pip install --upgrade ifp`), or read it with the version that wrote it."
        )
