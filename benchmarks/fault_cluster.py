"""A scheduler and two workers on this machine, and runs that lose one of them at a random moment."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fault_runs import Case, contents, differences, finish, run, traceback_in

PROCESSES = Path(__file__).resolve().parents[1] / "tests" / "cluster" / "processes.py"
ON_WORKERS = ("anneal", "train", "deft", "whole", "channels")
"""The cases that take `--scheduler`."""


@dataclass(frozen=True)
class Cluster:
    """Processes of one cluster: the number of each, and where the scheduler listens."""

    scheduler: int
    workers: list[int]
    address: str


@contextmanager
def started() -> Iterator[Cluster]:
    """A scheduler and two workers, which end with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", str(PROCESSES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        to_maker, from_maker = maker.stdin, maker.stdout
        assert to_maker is not None
        assert from_maker is not None
        from_maker.readline()

        def start(order: str) -> int:
            print(order, file=to_maker, flush=True)
            return int(from_maker.readline())

        address = f"tcp://127.0.0.1:{port}"
        scheduler = start(f"scheduler {port}")
        time.sleep(1.0)
        workers = [start(f"worker {address}") for _ in range(2)]
        try:
            yield Cluster(scheduler, workers, address)
        finally:
            to_maker.close()
            maker.wait(60)


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def worker_killed(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """One of two workers dies at work; the run ends by itself with the bytes of an undisturbed one."""
    if case.name not in ON_WORKERS:
        return 0, []
    with started() as cluster:
        lost = rng.choice(cluster.workers)

        def act(number: int) -> bool:
            _kill(lost)
            return True

        elsewhere = replace(case, arguments=[*case.arguments, "--scheduler", cluster.address])
        ended = run(elsewhere, out, act, rng.uniform(0.02, 1.0) * case.seconds + 1.0)
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}: {ended.text[-300:]}"]
    changed = [f"{name} differs" for name in differences(contents(out), case.files)]
    return int(ended.disturbed), [*wrong, *traceback_in(ended), *changed]


def scheduler_killed(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """The scheduler dies at work: one sentence; the same command goes on without it, to the same bytes."""
    if case.name not in ON_WORKERS:
        return 0, []
    with started() as cluster:

        def act(number: int) -> bool:
            _kill(cluster.scheduler)
            return True

        elsewhere = replace(case, arguments=[*case.arguments, "--scheduler", cluster.address])
        ended = run(elsewhere, out, act, rng.uniform(0.02, 1.0) * case.seconds + 1.0)
    wrong = traceback_in(ended)
    if ended.code not in (case.code, 2) or (ended.code == 2 and "Error:" not in ended.text):
        wrong.append(f"exit code {ended.code}: {ended.text[-300:]}")
    return int(ended.disturbed and ended.code == 2), [*wrong, *finish(case, out)]
