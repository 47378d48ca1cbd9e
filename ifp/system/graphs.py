"""Recordings: the same work on a GPU again and again, launched as one CUDA graph instead of kernel by kernel.

A step of many small networks is some hundred kernels of a few microseconds each, and the host needs longer to launch
them than the GPU to run them. The work runs plainly the first time, which sets up what the libraries set up on first
use, is recorded the second time, and replayed from then on. Where it cannot be recorded it goes on running plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
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
        self._seen: set[Hashable] = set()

    def run(self, work: Work, *inputs: Tensor, key: Hashable = None) -> Tensor:
        """The result of `work`, which the next call may overwrite; equal shapes and `key` share a recording.

        `work` takes tensors, gives one, and must not wait for the device.
        """
        if self._record is None:
            return work(*inputs)
        kind = (key, *(tuple(value.shape) for value in inputs))
        if kind not in self._seen:
            self._seen.add(kind)
            if len(self._recorded) == MOST_RECORDINGS:
                self._recorded.pop(next(iter(self._recorded)))
            return work(*inputs)
        if kind not in self._recorded:
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
    graph = torch.cuda.CUDAGraph()
    # other threads, which drive other GPUs, may go on with what a recording forbids in its own thread
    with _ONE_AT_A_TIME, torch.cuda.device(device):
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        before = torch.cuda.current_stream(device)
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = work()
        finally:
            torch.cuda.set_stream(before)  # a recording that failed leaves its own
    return graph.replay, result


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
