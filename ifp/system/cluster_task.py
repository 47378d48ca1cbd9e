"""What a worker of dask does with one chunk: the shared part from its memory, the kernels' threads as the client has
them, and word to the client of how far it is.

It is called by workers of the user's own cluster only (docs/cluster.md).
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ifp.errors import IfpError
from ifp.system.workers import Compute, Site

SHARED_KEPT = 2
"""Shared parts, of the last runs, that a worker keeps unpacked."""
TELL_SECONDS = 0.5
"""A chunk tells how far it is no more often than this."""


@dataclass(frozen=True)
class Order:
    """What the client asks of a worker beside the chunk.

    Attributes
    ----------
    topic : of the events that go back to the client. device : on which to compute.
    kernel_threads, blas_threads : of PyTorch and of NumPy's linear algebra, as the client has them.
    digest : of the shared part.
    """

    topic: str
    device: str
    kernel_threads: int
    blas_threads: int
    digest: str


@dataclass(frozen=True)
class Refused:
    """The sentence of an IfpError, which the user has to read; it is no failure of the worker's."""

    sentence: str


_shared: OrderedDict[str, Any] = OrderedDict()
_shared_lock = threading.Lock()


def compute_chunk(compute: Compute[Any, Any, Any], packed: bytes, chunk: Any, order: Order) -> Any:
    """The result of one chunk, or `Refused`; `packed` holds the shared part."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    told = _Told(worker, order.topic)

    def stop() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    with _kernels.of(order.kernel_threads, order.blas_threads):
        try:
            return compute(_unpacked(packed, order.digest), chunk, Site(order.device, stop, told.count, told.say))
        except IfpError as error:
            return Refused(str(error))
        finally:
            told.tell()


def _unpacked(packed: bytes, digest: str) -> Any:
    """The shared part, unpacked once per process."""
    with _shared_lock:
        if digest not in _shared:
            _shared[digest] = pickle.loads(packed)
            while len(_shared) > SHARED_KEPT:
                _shared.popitem(last=False)
        _shared.move_to_end(digest)
        return _shared[digest]


class _Told:
    """Events to the client, few of them."""

    def __init__(self, worker: Any, topic: str) -> None:
        self._worker, self._topic = worker, topic
        self._units, self._told_at = 0, time.monotonic()

    def count(self, units: int) -> None:
        self._units += units
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self.tell()

    def say(self, text: str) -> None:
        self._worker.log_event(self._topic, {"say": text})

    def tell(self) -> None:
        if self._units:
            self._worker.log_event(self._topic, {"units": self._units})
        self._units, self._told_at = 0, time.monotonic()


class _Kernels:
    """The threads of kernels are one number per process: chunks that want another wait until it is free to change."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work = 0
        self._now: tuple[int, int] | None = None

    @contextmanager
    def of(self, torch_threads: int, blas_threads: int) -> Iterator[None]:
        """Within the block kernels have these numbers of threads."""
        import torch
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        wanted = (torch_threads, blas_threads)
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work or self._now == wanted)
            torch.set_num_threads(torch_threads)  # it is a setting of each thread as well as of the process
            if self._now != wanted:
                threadpool_limits(blas_threads, user_api="blas")
                self._now = wanted
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()


_kernels = _Kernels()


def about_worker() -> dict[str, Any]:
    """What the client compares with itself before it sends work: versions, without loading torch."""
    from ifp.system.versions import versions

    return {"pid": os.getpid(), "versions": versions()}
