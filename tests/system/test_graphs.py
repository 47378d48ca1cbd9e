"""Recorded work: buffers, keys, forgetting and falling back, with a recorder that needs no GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ifp.system.graphs import Recordings, recorder


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


def test_a_cpu_records_nothing() -> None:
    assert recorder("cpu") is None
