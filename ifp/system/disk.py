"""Room on the disk, asked for before anything large is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from ifp.errors import IfpError

_SPARE_BYTES = 64 * 2**20
"""Free bytes that are left on the disk."""


def free_disk_bytes(folder: Path) -> int:
    """Free bytes of the disk on which `folder`, which need not exist, lies or would lie."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def check_room(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Raise IfpError where the disk of `folder` has no room for `needed` bytes."""
    free = free_disk_bytes(folder)
    if free < needed + _SPARE_BYTES:
        raise IfpError(
            f"{what} needs {needed / 1e9:.2f} GB in {folder}, where {free / 1e9:.2f} GB are free; make room, or "
            f"{remedy}."
        )
