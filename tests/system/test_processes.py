"""Worker processes: words and failures that come back, and an end with whoever started them.

All tests share one process, in this order, because importing torch takes seconds; the last two end it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ifp.annealing.config import AnnealConfig
from ifp.annealing.exact_curves import ExactChunk, exact_chunk
from ifp.annealing.plan import Cell
from ifp.annealing.resources import PROCESSES_PAY, Resources
from ifp.datasets.factors import MOVING
from ifp.errors import IfpError
from ifp.system.processes import Process, ProcessDied, ProcessWorkers
from ifp.system.progress import unsaid
from ifp.system.threads import Stopped, single_threaded_kernels
from ifp.system.workers import Site, ThreadWorkers, uncounted


def answer(client: int, chunk: str, site: Site) -> tuple[int, str]:
    """What the chunk's name asks for, and in which process."""
    if chunk == "fail" and client != os.getpid():
        raise ValueError("not today")
    if chunk == "refuse":
        raise IfpError("This cannot be.")
    if chunk == "wait":
        time.sleep(60)
    print("a library prints what it likes")
    site.count(3)
    site.say(f"said of {chunk}")
    return os.getpid(), chunk


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with Process.started() as started:
        yield started


def ask(process: Process, chunk: str, stop: Callable[[], bool] = never) -> tuple[tuple[int, str], list[Any]]:
    told: list[Any] = []
    return process.compute((answer, os.getpid(), chunk, "cpu"), stop, told.append, told.append), told


def test_results_words_and_counts_come_back(process: Process) -> None:
    (there, chunk), told = ask(process, "one")
    assert there != os.getpid()
    assert chunk == "one"
    assert told == [3, "said of one"]


def test_what_is_refused_is_refused_here_and_what_fails_is_named(process: Process) -> None:
    with pytest.raises(IfpError, match=r"^This cannot be\.$"):
        ask(process, "refuse")
    with pytest.raises(ProcessDied, match="ValueError: not today"):
        ask(process, "fail")


def test_exact_curves_have_the_same_bits_in_both(process: Process) -> None:
    images = np.random.default_rng(0).random((2, 3, 1, 2, 4)).round(2)
    chunk = ExactChunk([Cell("place", (MOVING, n), images[n]) for n in range(2)], np.array([[1.0, 2.0]] * 2))
    order = (exact_chunk, AnnealConfig(method="exact", direction="cool"), chunk, "cpu")
    there = process.compute(order, never, uncounted, unsaid)
    with single_threaded_kernels():
        here = exact_chunk(*order[1:3], Site("cpu", never, uncounted, unsaid))
    for name, values in vars(here).items():
        np.testing.assert_array_equal(getattr(there, name), values, err_msg=name)


def test_processes_take_over_where_they_pay() -> None:
    assert isinstance(Resources(threads=2).workers_for(PROCESSES_PAY), ProcessWorkers)
    assert isinstance(Resources(threads=2).workers_for(0.5 * PROCESSES_PAY), ThreadWorkers)
    assert isinstance(Resources(threads=1).workers_for(1e6), ThreadWorkers)
    elsewhere = ProcessWorkers(3)
    assert Resources(threads=2, elsewhere=elsewhere).workers_for(1e6) is elsewhere


def test_chunks_are_shared_out_and_what_fails_there_is_computed_here(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def started() -> Iterator[Process]:
        yield process

    monkeypatch.setattr(Process, "started", started)
    said: list[str] = []
    found: list[tuple[int, str]] = []
    chunks = ["fail"] * 4
    ProcessWorkers(2).map_chunks(answer, os.getpid(), chunks, found.append, name=str.upper, say=said.append)
    # every chunk ends here, whoever was at it first
    assert found == [(os.getpid(), "fail")] * 4
    assert "A worker process gave up FAIL (ValueError: not today); it is computed again here." in said


def test_a_process_at_work_ends_with_the_one_that_started_it(process: Process) -> None:
    # it is left at work when the run stops
    with pytest.raises(Stopped):
        ask(process, "wait", lambda: True)
    program = process._program
    assert program.poll() is None
    # its standard input ends, as it does when whoever holds the other end is killed
    assert program.stdin is not None
    program.stdin.close()
    assert program.wait(10) == 0


def test_a_dead_process_is_named_and_not_asked_again(process: Process) -> None:
    with pytest.raises(ProcessDied, match="it ended with code 0"):
        ask(process, "one")
    assert not process.alive
