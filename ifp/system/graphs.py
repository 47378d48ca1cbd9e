"""Recordings: the same work on a GPU again and again, launched as one CUDA graph instead of kernel by kernel.

A step of many small networks is some hundred kernels of a few microseconds each, and the host needs longer to launch
them than the GPU to run them. The work runs plainly the first time, which sets up what the libraries set up on first
use, is recorded the second time, and replayed from then on. Where it cannot be recorded it goes on running plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from threading import Lock

import torch
from torch import Tensor

from ifp.system.progress import Say, unsaid

Work = Callable[..., Tensor]
Record = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]
"""Records work without inputs: gives what replays it, and the tensor in which each replay leaves the result."""

MOST_RECORDINGS = 8
"""Each holds memory of the device; the oldest is dropped."""
MOST_SEEN = 64
"""Kinds of calls that are remembered, the latest: what changes at every step is never seen twice."""


class Recordings:
    """What was recorded of work that depends on nothing but its inputs and on tensors that it changes in place.

    It does not hold the work, whose owner holds it: a cycle would keep memory of the device past its time.

    Parameters
    ----------
    record : how work is recorded; None for never. say : is told, once, where that fails.
    """

    def __init__(self, record: Record | None, say: Say = unsaid) -> None:
        self._record, self._say = record, say
        self._recorded: dict[Hashable, tuple[Callable[[], None], tuple[Tensor, ...], Tensor]] = {}
        self._seen: dict[Hashable, None] = {}

    def run(self, work: Work, *inputs: Tensor, key: Hashable = None) -> Tensor:
        """The result of `work`, which the next call may overwrite; equal shapes and `key` share a recording.

        `work` takes tensors, gives one, and must not wait for the device.
        """
        if self._record is None:
            return work(*inputs)
        kind = (key, *(tuple(value.shape) for value in inputs))
        if kind not in self._recorded and kind not in self._seen:
            self._seen[kind] = None
            if len(self._seen) > MOST_SEEN:
                self._seen.pop(next(iter(self._seen)))
            return work(*inputs)
        if kind not in self._recorded:
            if len(self._recorded) == MOST_RECORDINGS:
                self._recorded.pop(next(iter(self._recorded)))
            held = tuple(value.clone() for value in inputs)
            try:
                replay, result = self._record(lambda: work(*held))
            except RuntimeError as error:
                self._record = None
                self._say(f"The steps run without a CUDA graph, which is slower: {_first_line(error)}")
                return work(*inputs)
            self._recorded[kind] = (replay, held, result)
        replay, held, result = self._recorded[kind]
        for one, value in zip(held, inputs, strict=True):
            one.copy_(value)
        replay()
        return result

    def forget(self) -> None:
        """Drop all recordings: the tensors that the work changes are others now."""
        self._recorded.clear()
        self._seen.clear()


def recorder(device: torch.device | str) -> Record | None:
    """How work on this device is recorded; None where it is not."""
    where = torch.device(device)
    return partial(_record_cuda, where) if where.type == "cuda" else None


_ONE_AT_A_TIME = Lock()


def _record_cuda(device: torch.device, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record `work`, which is not run, as a CUDA graph; raises RuntimeError where it cannot be."""
    # other threads, which drive other GPUs, may go on with what a recording forbids in its own thread
    with _ONE_AT_A_TIME, torch.cuda.device(device):
        graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        before = torch.cuda.current_stream(device)
        try:
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                result = work()
        except BaseException:
            torch.cuda.set_stream(before)
            _clear_up(torch.cuda.current_device(), pool)
            raise
        torch.cuda.set_stream(before)
    return graph.replay, result


def _clear_up(device: int, pool: tuple[int, int]) -> None:
    """Undo what a recording that failed leaves behind on the current device.

    PyTorch ends a recording in one call, which raises before it has told the device's generator of random numbers and
    its allocator: every `torch.rand` there would fail from then on, and no memory would be given back to the device.
    """
    generator = torch.cuda.default_generators[device]
    generator.graphsafe_set_state(generator.clone_state())
    # an error says that the allocator knows already, or that this version of PyTorch does not offer it
    with suppress(AttributeError, RuntimeError):
        torch._C._cuda_endAllocateToPool(device, pool)
        torch._C._cuda_releasePool(device, pool)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
