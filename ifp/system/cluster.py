"""Workers on many machines, through dask.distributed: `connect` gives those of a scheduler or starts some here.

The client sends as many chunks as there are workers free, and saves each result as it comes. What a worker was at when
it died, or what failed there, is tried again elsewhere; after three tries it is given up, named, and the rest goes on.

A scheduler is trusted: whoever reaches it can make its workers, and this process, run anything. Connect to your own.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from ifp.errors import IfpError, bad_value
from ifp.system.cluster_run import ClusterRun
from ifp.system.cluster_task import about_worker
from ifp.system.cpus import granted_cpus
from ifp.system.processes import interrupts_ignored
from ifp.system.progress import Say, unsaid
from ifp.system.versions import versions
from ifp.system.workers import Workers

LOCAL = "local"
"""The address that starts workers on this machine: local, or local:N for N of them."""
CONNECT_SECONDS = 5.0
"""A scheduler that has not answered by then is not there."""
DECIDING = ("ifp", "torch", "numpy", "scipy")
"""Packages that decide the bits of results."""
ALLOWED = "local, local:N with N of at least 1, or the address of a scheduler, tcp://HOST:PORT or tls://HOST:PORT"
_ADDRESS = re.compile(r"([a-z]+://)?[^\s/]+:\d{1,5}/?")
EXTRA = (
    "`scheduler` needs the package dask.distributed, which is not here; install it with `pip install 'ifp[cluster]'`."
)


@contextmanager
def connect(scheduler: str | None, wanted: str = "auto", say: Say = unsaid) -> Iterator[Workers | None]:
    """Within the block, the workers of a cluster that compute the chunks of a run; None without a scheduler.

    Parameters
    ----------
    scheduler : the address of a scheduler of dask, tcp://HOST:PORT or tls://HOST:PORT (with dask's own configuration of
        certificates); "local" or "local:N" for processes here; None for none.
    wanted : the device that the user asked for: "auto", "cpu" or "cuda".
    say : is told of workers whose packages differ, and of waiting.

    Raises
    ------
    IfpError : the extra is missing, nobody answers, an address or a device that cannot be.
    """
    check_scheduler(scheduler)
    if scheduler is None:
        yield None
        return
    number = local_number(scheduler)
    import distributed

    _silence()
    with ExitStack() as stack:
        if number is not None:
            client = stack.enter_context(_local_client(distributed, number, wanted))
        else:
            client = stack.enter_context(_client(distributed, scheduler))
        _wait_for_one(client, scheduler, say)
        chosen = _device_of(client, wanted, scheduler)
        _compare_versions(client, say)
        yield ClusterWorkers(client, chosen, scheduler)


def _silence() -> None:
    """Keep dask's own words, which are many, from stderr: what matters is said in one sentence of ours."""
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def check_scheduler(scheduler: str | None) -> None:
    """Raise IfpError, before any slow work, for an address that cannot be one or where nobody listens, and where the
    extra is missing."""
    if scheduler is None:
        return
    if not isinstance(scheduler, str) or (local_number(scheduler) is None and not _ADDRESS.fullmatch(scheduler)):
        raise bad_value("scheduler", scheduler, ALLOWED)
    if importlib.util.find_spec("distributed") is None:
        raise IfpError(EXTRA)
    if local_number(scheduler) is None:
        _check_listening(scheduler)


def _check_listening(address: str) -> None:
    """Raise IfpError where nobody takes a connection at an address of TCP; others are tried when they are used."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        return
    try:
        with socket.create_connection((parts.hostname, parts.port or 0), timeout=CONNECT_SECONDS):
            pass
    except (OSError, ValueError, UnicodeError) as error:  # no such host, a port above 65535
        raise _no_answer(address) from error


def _no_answer(address: str) -> IfpError:
    return IfpError(
        f"No scheduler answers at {address!r} within {CONNECT_SECONDS:g} seconds; start one with `dask scheduler` "
        "and give the address that it prints, or local for processes on this machine."
    )


def device_here(device: str, scheduler: str | None) -> str:
    """The device that this process is asked for: what a cluster computes on is settled when it is reached."""
    return device if scheduler is None else "cpu"


def local_number(scheduler: str) -> int | None:
    """How many workers `local` or `local:N` starts, None for another address; raises IfpError for what is no number.

    >>> local_number("local:3"), local_number("tcp://10.0.0.1:8786")
    (3, None)
    """
    name, colon, number = scheduler.partition(":")
    if name != LOCAL:
        return None
    if not colon:
        return granted_cpus()
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 10_000):
        raise bad_value("scheduler", scheduler, ALLOWED)
    return int(number)


class ClusterWorkers:
    """The workers of a scheduler; see `ifp.system.workers.Workers`."""

    def __init__(self, client: Any, device: str, scheduler: str) -> None:
        self._client, self.device, self.scheduler = client, device, scheduler

    @property
    def count(self) -> int:
        """How many chunks are at work at once, at least 1 also where all workers are gone just now."""
        return max(1, slots_of(self._client, self.device))

    def map_chunks(self, compute: Any, shared: Any, chunks: Any, on_result: Any, **options: Any) -> None:
        """See `ifp.system.workers.Workers.map_chunks`.

        Raises
        ------
        ChunksGivenUp : after all others were computed, where chunks failed or their workers died three times.
        IfpError : what a chunk refused, or the scheduler is gone.
        """
        ClusterRun(self._client, self.device, self.scheduler, slots_of, compute, shared, on_result, **options).run(
            chunks
        )


def slots_of(client: Any, device: str) -> int:
    """How many chunks the workers that are there now can compute at once."""
    workers = client.scheduler_info(n_workers=-1).get("workers", {}).values()
    if device == "cpu":
        return int(sum(worker["nthreads"] for worker in workers))
    return int(sum(worker.get("resources", {}).get("GPU", 0) for worker in workers))


@contextmanager
def _client(distributed: Any, address: str) -> Iterator[Any]:
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:
        raise _no_answer(address) from error
    with client:
        yield client


@contextmanager
def _local_client(distributed: Any, number: int, wanted: str) -> Iterator[Any]:
    """Workers of one thread each on this machine; a worker per GPU where GPUs are wanted."""
    import dask

    kind = distributed.Nanny
    options = {
        "nthreads": 1,
        "memory_limit": 0,
        "host": "127.0.0.1",
        "dashboard": False,
        "silence_logs": logging.CRITICAL,
    }
    each: list[dict[str, Any]] = [{} for _ in range(number)]
    if wanted.startswith("cuda"):
        each = [{"resources": {"GPU": 1}, "env": {"CUDA_VISIBLE_DEVICES": str(gpu)}} for gpu in range(number)]
    workers = {place: {"cls": kind, "options": {**options, **more}} for place, more in enumerate(each)}
    scheduler = {"cls": distributed.Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard": False}}
    with ExitStack() as stack:
        # this client counts the deaths, so that it knows of each
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 0}))
        with interrupts_ignored():
            here = distributed.SpecCluster(
                workers=workers, scheduler=scheduler, name="ifp", silence_logs=logging.CRITICAL
            )
        stack.enter_context(here)
        yield stack.enter_context(distributed.Client(here, set_as_default=False))


def _wait_for_one(client: Any, scheduler: str, say: Say) -> None:
    if not client.scheduler_info(n_workers=-1)["workers"]:
        say(
            f"The scheduler at {scheduler} has no worker yet; waiting for one (`dask worker {scheduler} --nthreads 1`)."
        )
        client.wait_for_workers(1)


def _device_of(client: Any, wanted: str, scheduler: str) -> str:
    """The kind of device that the workers compute on."""
    gpus = slots_of(client, "cuda")
    if wanted in ("cpu", "cuda"):
        if wanted == "cuda" and not gpus:
            raise IfpError(
                f"No worker of {scheduler} declares a GPU; start one worker per GPU with `dask worker ADDRESS "
                "--nthreads 1 --resources GPU=1`, or choose the device cpu."
            )
        return wanted
    if wanted != "auto":
        raise bad_value("device", wanted, "auto, cpu or cuda where the work is done by a scheduler's workers")
    return "cuda" if gpus else "cpu"


def _compare_versions(client: Any, say: Say) -> None:
    """Refuse workers without this version of ifp; say where packages that decide bits differ."""
    try:
        found = client.run(about_worker)
    except Exception as error:
        raise IfpError(
            f"The workers cannot load ifp ({_first_line(error)}); install the same version of ifp and of its packages "
            "for each of them."
        ) from error
    here = versions()
    for address, about in sorted(found.items()):
        there = about["versions"]
        if there["ifp"] != here["ifp"]:
            raise IfpError(
                f"The worker {address} has ifp {there['ifp']} and this is {here['ifp']}; install the same on both."
            )
        other = [f"{name} {there[name]}, not {here[name]}" for name in DECIDING if there[name] != here[name]]
        if other:
            say(f"The worker {address} has {'; '.join(other)}: its results may differ in their last digits.")
            return


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
