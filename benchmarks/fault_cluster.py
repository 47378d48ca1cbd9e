"""A scheduler and two workers on this machine, and runs that lose one of them while the workers are at a chunk.

A moment by the clock came too late more often than not: most of a short run on a cluster is spent on connecting. So the
moment is one of the workers' own CPU time, at random between nothing and what an undisturbed run of the case takes.
"""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fault_runs import MOST_SECONDS, Case, Ended, contents, differences, finish, run, traceback_in

PROCESSES = Path(__file__).resolve().parents[1] / "tests" / "cluster" / "processes.py"
ON_WORKERS = ("anneal", "train", "deft", "whole", "channels", "diagnose")
"""The cases that take `--scheduler`."""
ON_CLUSTER = ("worker killed", "scheduler killed")
"""The faults that need one."""
TICKS = os.sysconf("SC_CLK_TCK")
EARLIEST, LATEST = 0.1, 0.8
"""The moment as parts of the workers' CPU time in an undisturbed run."""
_undisturbed: dict[str, float] = {}
"""CPU seconds of the workers in an undisturbed run of each case."""


@dataclass(frozen=True)
class Cluster:
    """Processes of one cluster, by their numbers, where the scheduler listens, and the workers' CPU seconds at rest."""

    scheduler: int
    workers: list[int]
    address: str
    at_rest: list[float]

    def worked(self) -> list[float]:
        """CPU seconds of each worker since the cluster was started."""
        return [cpu_seconds(worker) - rest for worker, rest in zip(self.workers, self.at_rest, strict=True)]


def cpu_seconds(number: int) -> float:
    """CPU seconds of a process so far, of Linux; none of one that has ended."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


@cache
def _maker() -> Callable[[str], int]:
    """Starts a process of a cluster; its own process has imported everything once and ends with this one."""
    command = [sys.executable, "-W", "ignore", str(PROCESSES)]
    maker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    to_maker, from_maker = maker.stdin, maker.stdout
    assert to_maker is not None
    assert from_maker is not None
    assert from_maker.readline() == "ready\n"
    atexit.register(maker.communicate)

    def start(order: str) -> int:
        print(order, file=to_maker, flush=True)
        return int(from_maker.readline())

    return start


@contextmanager
def started() -> Iterator[Cluster]:
    """A scheduler and two workers, which end with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start, address = _maker(), f"tcp://127.0.0.1:{port}"
    scheduler = start(f"scheduler {port}")
    _wait_until_it_listens(port)
    workers = [start(f"worker {address}") for _ in range(2)]
    time.sleep(1.5)  # until both have said that they are there
    try:
        yield Cluster(scheduler, workers, address, [cpu_seconds(worker) for worker in workers])
    finally:
        for number in (scheduler, *workers):
            _kill(number)


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the scheduler does not answer")


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _impatient() -> None:
    """A client that gives up a scheduler sooner: that is what most of a trial would wait for."""
    from ifp.system import cluster

    cluster.CONNECT_SECONDS = 2.0


def _on_cluster(case: Case, out: Path, rng: random.Random, lose: Callable[[Cluster], None]) -> tuple[Ended, list[str]]:
    """The case on a cluster that loses something while its workers are at work."""
    if case.name not in _undisturbed:
        with started() as cluster:
            beside = out.with_name(f"{out.name}-cluster")
            wrong = finish(replace(case, arguments=[*case.arguments, "--scheduler", cluster.address]), beside)
            if wrong:
                return Ended(-1, "", False), [f"undisturbed on a cluster: {fault}" for fault in wrong]
            _undisturbed[case.name] = sum(cluster.worked())
            print(f"{case.name}: workers {_undisturbed[case.name]:.1f} CPU s", flush=True)
    moment = rng.uniform(EARLIEST, LATEST) * _undisturbed[case.name]
    with started() as cluster:

        def act(number: int) -> bool:
            lose(cluster)
            return True

        def at_work() -> bool:
            return sum(cluster.worked()) >= moment

        elsewhere = replace(case, arguments=[*case.arguments, "--scheduler", cluster.address])
        return run(elsewhere, out, act, MOST_SECONDS, before=_impatient, when=at_work), []


def worker_killed(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """The busier of two workers dies at work; the run ends by itself with the bytes of an undisturbed one."""

    def lose(cluster: Cluster) -> None:
        worked = cluster.worked()
        _kill(cluster.workers[worked.index(max(worked))])

    ended, wrong = _on_cluster(case, out, rng, lose)
    if wrong:
        return 0, wrong
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}: {ended.text[-300:]}"]
    changed = [f"{name} differs" for name in differences(contents(out), case.files)]
    return int(ended.disturbed), [*wrong, *traceback_in(ended), *changed]


def scheduler_killed(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """The scheduler dies at work: one sentence; the same command goes on without it, to the same bytes."""
    ended, wrong = _on_cluster(case, out, rng, lambda cluster: _kill(cluster.scheduler))
    if wrong:
        return 0, wrong
    wrong = traceback_in(ended)
    if ended.code not in (case.code, 2) or (ended.code == 2 and "Error:" not in ended.text):
        wrong.append(f"exit code {ended.code}: {ended.text[-300:]}")
    return int(ended.disturbed and ended.code == 2), [*wrong, *finish(case, out)]
