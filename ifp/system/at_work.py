"""Whether a process works in a folder, without touching it: the system's list of locks is read."""

from __future__ import annotations

from pathlib import Path

LOCKS = Path("/proc/locks")
"""Where Linux lists all locks, one per line: number, kind, ..., process, device:inode, range."""


def is_at_work(folder: Path) -> bool | None:
    """Whether a process on this machine holds the lock of `ifp.system.sole_worker`; None where that cannot be told.

    A process of another machine that shares the file system is not seen.
    """
    try:
        inode, lines = folder.stat().st_ino, LOCKS.read_text().splitlines()
    except OSError:
        return None
    return any(_locks(line.split(), inode) for line in lines)


def _locks(words: list[str], inode: int) -> bool:
    """Whether a line is of a lock that `sole_worker` takes, on the folder of this inode."""
    return "FLOCK" in words and "WRITE" in words and any(word.endswith(f":{inode}") for word in words)
