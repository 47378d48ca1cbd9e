"""One process at a time works in a folder: a second one is told so before it computes what the first computes too."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ifp.errors import IfpError

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind: there everybody may work
    fcntl = None  # type: ignore[assignment]


class FolderInUse(IfpError):
    """Another process, or another call in this one, is at work in a folder: nothing in it may be touched."""


_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""What the system says where another process works; file systems that cannot lock say other things."""
_held = threading.local()
"""The folders of each thread, by device and inode, so that a study may write its result where it works."""


@contextmanager
def sole_worker(folder: Path) -> Iterator[None]:
    """Within the block nobody else works in `folder`, which is made if it is missing.

    The folder itself is locked, so that no file tells of it, and the system takes the lock away with the process,
    however that ends. Where the file system has no locks nothing is held, and nothing is refused.

    Raises
    ------
    FolderInUse : another process, or another call in this one, is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        about = os.fstat(descriptor)
        place = (about.st_dev, about.st_ino)
        held: set[tuple[int, int]] = _held.__dict__.setdefault("places", set())
        if place in held:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                raise FolderInUse(
                    f"Another process is at work in {folder}; wait until it has ended, or choose another folder as "
                    "`out`."
                ) from error
        held.add(place)
        try:
            yield
        finally:
            held.discard(place)
            with contextlib.suppress(OSError):
                # processes forked meanwhile, such as those of a DataLoader, hold the lock too, until they end
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
