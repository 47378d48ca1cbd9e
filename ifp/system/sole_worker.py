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
_held: dict[tuple[int, int, int], int] = {}
"""The thread that works in each folder: by process, so that a forked one does not take its parent's folders for its
own, device and inode."""


@contextmanager
def sole_worker(folder: Path, *, within_own: bool = True) -> Iterator[None]:
    """Within the block nobody else works in `folder`, which is made if it is missing.

    The folder itself is locked, so that no file tells of it, and the system takes the lock away with the process,
    however that ends. Where the file system has no locks nothing is held, and nothing is refused.

    Parameters
    ----------
    folder : the folder.
    within_own : whether the thread that works there already may begin again, as a study does that writes its result
        where it works.

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
        place = (os.getpid(), about.st_dev, about.st_ino)
        if within_own and _held.get(place) == threading.get_ident():
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                raise _in_use(folder, place in _held) from error
        _held[place] = threading.get_ident()
        try:
            yield
        finally:
            _held.pop(place, None)
            with contextlib.suppress(OSError):
                # processes forked meanwhile, such as those of a DataLoader, hold the lock too, until they end
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _in_use(folder: Path, here: bool) -> FolderInUse:
    """here : whether it is this process that works there."""
    if here:
        return FolderInUse(
            f"This process is at work in {folder} already; wait until that call has ended (a recorder ends with its "
            "`close()`), or choose another folder as `out`."
        )
    return FolderInUse(
        f"Another process is at work in {folder}; wait until it has ended, or choose another folder as `out`."
    )
