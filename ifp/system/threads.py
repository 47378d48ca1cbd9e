"""Run independent jobs on a few threads, each with PyTorch's own threading off.

PyTorch lets go of Python's lock inside its kernels, so threads scale; one thread per kernel makes a member's numbers
independent of the batch it is in (a kernel split over threads adds in another order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event
from typing import TypeVar

import torch

JobResult = TypeVar("JobResult")
Job = Callable[[Callable[[], bool]], JobResult]
"""Called with a function that says whether to stop."""


class Stopped(Exception):
    """The caller asked a job to stop; what it was computing is lost."""


def torch_threads() -> int:
    """Threads of PyTorch's kernels in this process now."""
    return torch.get_num_threads()


@contextmanager
def single_threaded_kernels() -> Iterator[None]:
    """PyTorch's kernels on one thread each, and NumPy's products, within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _one_thread_per_product():
            yield
    finally:
        torch.set_num_threads(before)


def _one_thread_per_product() -> AbstractContextManager[object]:
    try:
        from ifp.system.blas import one_blas_thread
    except ImportError:  # benchmarks/gpu.py runs without it
        return nullcontext()
    return one_blas_thread()


def run_jobs(
    jobs: Sequence[Job[JobResult]], threads: int, on_result: Callable[[JobResult], Sequence[Job[JobResult]] | None]
) -> None:
    """Call every job with a `stop` function, `threads` at a time; `on_result` is called in this thread.

    What `on_result` returns are further jobs.

    When a job fails or the user interrupts, the others are told to stop and the error is raised again.
    """
    halt = Event()
    with single_threaded_kernels(), ThreadPoolExecutor(threads) as pool:
        waiting = list(jobs)[::-1]
        running: set[Future[JobResult]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < threads:
                    running.add(pool.submit(waiting.pop(), halt.is_set))
                # a short time-out, so that Ctrl-C is seen on every platform
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    waiting[:0] = list(on_result(future.result()) or ())[::-1]
        finally:
            halt.set()
