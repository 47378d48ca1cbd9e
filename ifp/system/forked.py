"""Processes forked after work: PyTorch's kernels run on one thread there.

OpenMP's threads do not come along into a forked process, and GNU's library waits for them for ever at the next kernel
that is split over threads (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=58378).
"""

from __future__ import annotations

import os
import sys

_is_forked = False


def at_fork_one_thread() -> None:
    """From now on kernels of a forked process have one thread each."""
    if hasattr(os, "register_at_fork"):  # where processes can be forked
        os.register_at_fork(after_in_child=_in_child)


def possible_threads(count: int) -> int:
    """`count`, or 1 in a forked process."""
    return 1 if _is_forked else count


def _in_child() -> None:
    global _is_forked
    _is_forked = True
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
