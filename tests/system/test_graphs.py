"""Recorded work: buffers, keys, forgetting and falling back, with a recorder that needs no GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from ifp.system import graphs
from ifp.system.graphs import MOST_SEEN, Recordings, recorder


class Tape:
    """Records as a GPU does: the work is not run while it is recorded, and a replay runs it on the tensors held."""

    def __init__(self) -> None:
        self.recordings = self.replays = 0

    def record(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        self.recordings += 1
        result = torch.empty(3)

        def replay() -> None:
            self.replays += 1
            result.copy_(work())

        return replay, result


def test_the_first_call_is_plain_the_second_records_and_all_give_the_same() -> None:
    tape, total = Tape(), torch.zeros(3)

    def work(x: Tensor, y: Tensor) -> Tensor:
        total.add_(x)
        return total * y

    recorded = Recordings(tape.record)
    expected = torch.zeros(3)
    for number in range(5):
        x, y = torch.full((3,), float(number)), torch.arange(3.0) + number
        expected = expected + x
        assert torch.equal(recorded.run(work, x, y), expected * y)
    assert (tape.recordings, tape.replays) == (1, 4)


def test_other_shapes_and_keys_are_recorded_apart_and_forgotten_together() -> None:
    tape = Tape()
    recorded = Recordings(tape.record)

    def work(x: Tensor) -> Tensor:
        return x.sum().expand(3)

    for x, key in [(torch.ones(2), "a"), (torch.ones(2), "b"), (torch.ones(4), "a")]:
        for _ in range(3):
            assert torch.equal(recorded.run(work, x, key=key), torch.full((3,), float(len(x))))
    assert (tape.recordings, tape.replays) == (3, 6)
    recorded.forget()
    recorded.run(work, torch.ones(2), key="a")
    assert (tape.recordings, tape.replays) == (3, 6)
    recorded.run(work, torch.ones(2), key="a")
    assert (tape.recordings, tape.replays) == (4, 7)


def test_what_cannot_be_recorded_runs_plainly_and_says_so_once() -> None:
    said: list[str] = []

    def refuse(work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    recorded = Recordings(refuse, said.append)
    for number in range(4):
        assert recorded.run(lambda x: x + 1, torch.tensor([number])).item() == number + 1
    assert said == [
        "The steps run without a CUDA graph, which is slower: operation not permitted when stream is capturing"
    ]


def test_what_changes_at_every_call_is_forgotten_and_what_was_recorded_stays() -> None:
    tape = Tape()
    recorded = Recordings(tape.record)
    for key in ["kept", "kept", *range(3 * MOST_SEEN), "kept"]:
        recorded.run(lambda x: x + 1, torch.ones(3), key=key)
    assert (tape.recordings, tape.replays) == (1, 2)
    assert len(recorded._seen) == MOST_SEEN


class FakeCuda:
    """What a recording asks of `torch.cuda`, on a device that notes what it is told."""

    def __init__(self, *, fails: bool) -> None:
        self.fails, self.told = fails, list[object]()
        self.CUDAGraph = lambda: SimpleNamespace(replay=lambda: self.told.append("replayed"))
        self.Stream = lambda device: "side stream"
        self.device = lambda device: nullcontext()
        self.current_stream = lambda device: "user's stream"
        self.current_device = lambda: 0
        self.graph_pool_handle = lambda: (0, 7)
        self.set_stream = self.told.append
        self.default_generators = [
            SimpleNamespace(clone_state=lambda: "fresh state", graphsafe_set_state=self.told.append)
        ]

    @contextmanager
    def graph(self, graph: object, *, pool: object, stream: object, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        self.told.append(stream)
        yield
        if self.fails:  # as PyTorch does, at the end of what could not be recorded
            raise RuntimeError("operation failed due to a previous error during capture")


def test_a_recording_that_fails_is_cleared_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for fails in (False, True):
        cuda = FakeCuda(fails=fails)
        allocator = SimpleNamespace(
            _cuda_endAllocateToPool=lambda *which, told=cuda.told: told.append(("ended", *which)),
            _cuda_releasePool=lambda *which, told=cuda.told: told.append(("released", *which)),
        )
        monkeypatch.setattr(graphs, "torch", SimpleNamespace(cuda=cuda, _C=allocator, device=torch.device))
        said: list[str] = []
        recorded = Recordings(recorder("cuda:0"), said.append)
        for _ in range(2):
            assert torch.equal(recorded.run(lambda x: x + 1, torch.ones(3)), torch.full((3,), 2.0))
        cleared = ["fresh state", ("ended", 0, (0, 7)), ("released", 0, (0, 7))] if fails else ["replayed"]
        assert cuda.told == ["side stream", "user's stream", *cleared]
        assert len(said) == fails


def test_a_cpu_records_nothing() -> None:
    assert recorder("cpu") is None
