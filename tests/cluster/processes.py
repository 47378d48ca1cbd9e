"""Processes of a cluster for the tests, forked from one that has imported everything: torch is loaded once.

Reads commands on stdin, "scheduler PORT" and "worker ADDRESS", and prints the number of the new process. All of them
end when stdin does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile

import dask
import distributed

import ifp.analysis.freezing.study
import ifp.system.cluster_task  # noqa: F401

logging.getLogger("distributed").setLevel(logging.CRITICAL)
dask.config.set({"distributed.scheduler.allowed-failures": 0, "distributed.comm.timeouts.connect": "3s"})


async def scheduler(port: str) -> None:
    async with distributed.Scheduler(host="127.0.0.1", port=int(port), dashboard=False) as running:
        await running.finished()


async def worker(address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with distributed.Worker(
            address, nthreads=1, memory_limit=0, dashboard=False, local_directory=folder, death_timeout=20
        ) as running:
            await running.finished()


def start(kind: str, argument: str) -> int:
    """The number of a new process."""
    number = os.fork()
    if number:
        return number
    os.close(0)
    try:
        asyncio.run({"scheduler": scheduler, "worker": worker}[kind](argument))
    finally:
        os._exit(0)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave nothing behind when they end
    numbers = []
    print("ready", flush=True)
    for line in sys.stdin:
        numbers.append(start(*line.split()))
        print(numbers[-1], flush=True)
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


if __name__ == "__main__":
    main()
