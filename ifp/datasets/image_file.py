"""ImageFile: images that lie one after the other in a file, of which only those asked for are read.

They are read, not mapped: pages of a map count as memory of the process, and a training that visits all images would
hold the whole file. The system's page cache keeps what is read often.

Shapes: N images in the file, M images asked for, H W C rows, columns, channels.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifp.errors import IfpError

_LOCK = threading.Lock()
"""Held while a file is opened, and while it is read where the system cannot read at a place."""


@dataclass(eq=False)
class ImageFile:
    """N images uint8 [H, W, C] of a file, from a byte on.

    Parameters
    ----------
    path : the file. offset : the byte at which the first image begins.
    shape : (N, H, W, C). sha256 : of all images in their order.
    """

    path: Path
    offset: int
    shape: tuple[int, int, int, int]
    sha256: str
    _descriptor: int | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict[str, Any]:
        """Without the open file, which another process opens itself."""
        return {**self.__dict__, "_descriptor": None}

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return math.prod(self.shape[1:])

    def images(self, index_M: np.ndarray) -> np.ndarray:
        """Images uint8 [M, C, H, W] by their numbers; neighbours are read in one go.

        Raises
        ------
        IfpError : the file is no longer there or has become shorter. IndexError : a number outside 0 .. N - 1.
        """
        index_M = np.asarray(index_M, dtype=np.int64)
        images_MHWC = np.empty((len(index_M), *self.shape[1:]), dtype=np.uint8)
        if len(index_M):
            if index_M.min() < 0 or index_M.max() >= len(self):
                raise IndexError(f"images are numbered 0 to {len(self) - 1}")
            starts = np.flatnonzero(np.diff(index_M, prepend=index_M[0] - 2) != 1)
            for start, stop in zip(starts, [*starts[1:], len(index_M)], strict=True):
                self._read(images_MHWC[start:stop], int(index_M[start]))
        return np.ascontiguousarray(images_MHWC.transpose(0, 3, 1, 2))

    def _read(self, into: np.ndarray, first: int) -> None:
        view = into.data.cast("B")
        at = self.offset + first * self.image_bytes
        try:
            descriptor = self._open()
            while view:
                if hasattr(os, "preadv"):
                    count = os.preadv(descriptor, [view], at)
                else:
                    with _LOCK:
                        os.lseek(descriptor, at, os.SEEK_SET)
                        data = os.read(descriptor, len(view))
                    count = len(data)
                    view[:count] = data
                if not count:
                    raise IfpError(f"{self.path} has become shorter while it was in use; start again.")
                view, at = view[count:], at + count
        except OSError as error:
            raise IfpError(
                f"{self.path} cannot be read ({error.strerror or error}); it must stay where it is while its images "
                "are in use, and be there for every worker."
            ) from error

    def _open(self) -> int:
        with _LOCK:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor
