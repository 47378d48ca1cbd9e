"""One set of chunks on a cluster: sent as workers become free, tried again where a worker dies, given up after three
tries.

A worker that dies takes all that it was at with it, and nobody knows which of it was to blame. So a chunk that was lost
twice is set aside, and computed at the end with nothing beside it: what dies then is to blame itself.
"""

from __future__ import annotations

import hashlib
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from ifp.errors import IfpError
from ifp.system.cluster_task import Order, Refused, compute_chunk
from ifp.system.progress import Say, unsaid
from ifp.system.workers import by_place, uncounted

TRIES = 3
"""A chunk that failed so often is given up."""
LOOK_SECONDS = 0.2
"""How long to wait for a result before looking at the connection and for Ctrl-C."""
WORKERS_SECONDS = 1.0
"""How often to look for workers that came or went."""
EMBEDDED_BYTES = 20_000
"""A shared part up to this size travels with each chunk; a larger one is brought to every worker once."""


class ChunksGivenUp(IfpError):
    """Chunks that failed three times; all others are computed and saved."""


@dataclass(eq=False)
class _Task:
    """A chunk and how often it failed."""

    chunk: Any
    failures: int = 0
    lost: int = 0
    alone: bool = False


@dataclass(eq=False)
class ClusterRun:
    """See `ifp.system.workers.Workers.map_chunks` for the parameters."""

    client: Any
    device: str
    scheduler: str
    slots_of: Callable[[Any, str], int]
    compute: Any
    shared: Any
    on_result: Callable[[Any], Sequence[Any] | None]
    name: Callable[[Any], str] = by_place
    count: Callable[[int], None] = uncounted
    say: Say = unsaid
    kernel_threads: int = 1
    waiting: deque[_Task] = field(default_factory=deque)
    suspects: deque[_Task] = field(default_factory=deque)
    at_work: dict[Any, _Task] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    def run(self, chunks: Sequence[Any]) -> None:
        """Compute them all."""
        packed = pickle.dumps(self.shared, protocol=pickle.HIGHEST_PROTOCOL)
        self._events: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._wake: SimpleQueue[None] = SimpleQueue()
        topic = f"ifp-{uuid.uuid4().hex}"
        self._order = Order(
            topic, "cpu" if self.device == "cpu" else "cuda:0", self.kernel_threads, _blas_threads(),
            hashlib.sha256(packed).hexdigest(),
        )  # fmt: skip
        self._packed: Any = packed
        self._looked_at, self._slots = -WORKERS_SECONDS, 0
        self.waiting.extend(map(_Task, chunks))
        try:
            self.client.subscribe_topic(topic, lambda event: self._events.put(event[1]))
            self._bring_shared(packed)
            while self.waiting or self.suspects or self.at_work:
                if self.client.status != "running":
                    self._begin_again()
                self._send()
                self._take(self._ended())
                self._hear()
            self._hear()
        except IfpError:
            raise
        except Exception as error:
            if self.client.status == "running":
                raise
            raise self._gone() from error
        finally:
            self._cancel()
        if self.given_up:
            raise ChunksGivenUp(
                f"Given up after {TRIES} tries, and all others are there: {'; '.join(self.given_up)}; the same command "
                "computes what is missing."
            )

    def _bring_shared(self, packed: bytes) -> None:
        if len(packed) > EMBEDDED_BYTES:
            self._packed = self.client.scatter(packed, broadcast=True)

    def _send(self) -> None:
        """Send as many chunks as there are workers free; a suspect only when nothing else is at work."""
        if time.monotonic() - self._looked_at > WORKERS_SECONDS:
            before, self._slots = self._slots, self.slots_of(self.client, self.device)
            self._looked_at = time.monotonic()
            if before and not self._slots:
                self.say("All workers are gone; waiting for others (Ctrl-C ends the run, what is finished is kept).")
        while self.waiting and len(self.at_work) < self._slots:
            self._submit(self.waiting.popleft())
        if self.suspects and not self.waiting and not self.at_work:
            suspect = self.suspects.popleft()
            suspect.alone = True
            self._submit(suspect)

    def _submit(self, task: _Task) -> None:
        resources = None if self.device == "cpu" else {"GPU": 1}
        future = self.client.submit(
            compute_chunk, self.compute, self._packed, task.chunk, self._order, pure=False, resources=resources
        )
        self.at_work[future] = task
        future.add_done_callback(lambda _: self._wake.put(None))

    def _ended(self) -> list[Any]:
        """The futures that ended, after a short wait for one."""
        with suppress(Empty):
            self._wake.get(timeout=LOOK_SECONDS)
        return [future for future in self.at_work if future.status != "pending"]

    def _take(self, ended: Sequence[Any]) -> None:
        """Take in the futures that ended."""
        if any(future.status in ("cancelled", "lost") for future in ended):
            self._begin_again()
            return
        for future in ended:
            task = self.at_work.pop(future)
            if future.status != "finished":
                self._failed(task, future.exception())
                continue
            result = future.result()
            future.release()
            if isinstance(result, Refused):
                raise IfpError(result.sentence)
            # what follows from a result comes first: its worker has its data still
            self.waiting.extendleft(reversed([_Task(chunk) for chunk in self.on_result(result) or ()]))

    def _failed(self, task: _Task, error: BaseException) -> None:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            task.lost += 1
            deaths = int(error.allowed_failures) + 1
            task.failures += deaths
            reason = "every worker that was at it died"
        else:
            task.failures += 1
            reason = f"{type(error).__name__}: {str(error).strip() or 'no reason'}".splitlines()[0]
        blamed = not task.lost or task.alone
        if task.failures >= TRIES and blamed:
            self.given_up.append(f"{self.name(task.chunk)} ({reason})")
            self.say(f"Given up: {self.given_up[-1]}; the rest goes on.")
        elif task.failures >= TRIES - 1 and task.lost:
            self.suspects.append(task)
        else:
            self.waiting.append(task)

    def _begin_again(self) -> None:
        """The connection was lost, or data with the last worker that held them: send again what was at work.

        Raises
        ------
        IfpError : the scheduler does not come back.
        """
        deadline = time.monotonic() + 2 * float(self.client._timeout) + 1
        while self.client.status == "connecting" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        if self.client.status != "running":
            raise self._gone()
        self.waiting.extendleft(self.at_work.values())
        self._cancel()
        if not isinstance(self._packed, bytes):
            self.client.wait_for_workers(1)
            self._bring_shared(pickle.dumps(self.shared, protocol=pickle.HIGHEST_PROTOCOL))

    def _gone(self) -> IfpError:
        return IfpError(
            f"The scheduler at {self.scheduler} is gone; what was finished is kept, and the same command goes on."
        )

    def _cancel(self) -> None:
        """Tell the workers to stop what they are at."""
        futures, self.at_work = list(self.at_work), {}
        if futures and self.client.status == "running":
            self.client.cancel(futures, force=True)

    def _hear(self) -> None:
        """Pass on what the workers told."""
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                return
            if "say" in event:
                self.say(str(event["say"]))
            self.count(int(event.get("units", 0)))


def _blas_threads() -> int:
    """Threads of NumPy's linear algebra in this process."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    return max((int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
