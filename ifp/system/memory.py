"""Memory that is freed stays with the process, so that the next array of its size need not be asked of the system.

PyTorch on a CPU allocates every intermediate array anew. Those above 128 kB come from the system page by page, each
page cleared first, and go back at once: in many small steps that costs up to half of the arithmetic.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

LARGEST_KEPT, KEPT = 32 * 2**20, 256 * 2**20
"""Bytes of the largest array that is kept when it is freed (glibc allows no more), and of all that may be kept."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The numbers of these settings in glibc's malloc.h; see mallopt(3)."""


@cache
def keep_freed_memory() -> bool:
    """Tell this process's allocator, once; whether it is one that can be told (glibc's, on Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        settings = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(settings(_MMAP_THRESHOLD, LARGEST_KEPT)) and bool(settings(_TRIM_THRESHOLD, KEPT))
