"""Worker processes on this machine, for chunks of many small steps: there threads wait for Python's lock.

The first chunk at work is computed by this process, each other one by a process of its own; the results have the same
bits wherever they are computed, because every process gives each kernel one thread. Processes are started for one set
of chunks and end with it.

They are plain programs that import this package, not copies of this one: a script needs no guard against being run
again, as it does with `multiprocessing`.
"""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from ifp.errors import IfpError
from ifp.system.progress import Say, unsaid
from ifp.system.threads import Stopped, run_jobs
from ifp.system.workers import ChunkT, Compute, ResultT, SharedT, Site, by_place, uncounted

PROGRAM = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from ifp.system.process_child import main; main()"
LOOK_SECONDS = 0.2
"""How often to ask, while a process computes, whether to stop."""
END_SECONDS = 5.0
"""How long to wait for a process that was killed."""


class ProcessDied(Exception):
    """A process ended, or its computation failed, before it had a result."""


class ProcessWorkers:
    """This process and `count` - 1 others, on CPUs; see `ifp.system.workers.Workers`.

    A chunk whose process dies, or that fails there, is computed here: a failure that is the chunk's own shows itself
    again, with its traceback.
    """

    device = "cpu"

    def __init__(self, count: int) -> None:
        self.count = count

    def map_chunks(
        self,
        compute: Compute[SharedT, ChunkT, ResultT],
        shared: SharedT,
        chunks: Sequence[ChunkT],
        on_result: Callable[[ResultT], Sequence[ChunkT] | None],
        *,
        name: Callable[[ChunkT], str] = by_place,
        count: Callable[[int], None] = uncounted,
        say: Say = unsaid,
        kernel_threads: int = 1,
    ) -> None:
        """See `ifp.system.workers.Workers.map_chunks`."""
        assert kernel_threads == 1, "processes share the machine's cores"
        with ExitStack() as stack:
            # the last that is put in is the first to be lent: here no time is lost with starting
            free: SimpleQueue[Process | None] = SimpleQueue()
            free.put(None)
            with interrupts_ignored():
                for _ in range(min(self.count, len(chunks)) - 1):
                    with suppress(OSError):  # no memory or no process left: then there are fewer
                        free.put(stack.enter_context(Process.started()))
            at_once = free.qsize()

            def job(chunk: ChunkT, stop: Callable[[], bool]) -> ResultT:
                process = free.get()
                try:
                    if process is not None and process.alive:
                        try:
                            return process.compute((compute, shared, chunk, self.device), stop, count, say)
                        except ProcessDied as error:
                            say(f"A worker process gave up {name(chunk)} ({error}); it is computed again here.")
                    return compute(shared, chunk, Site(self.device, stop, count, say))
                finally:
                    free.put(process)

            def take(result: ResultT) -> list[Callable[[Callable[[], bool]], ResultT]]:
                return [partial(job, chunk) for chunk in on_result(result) or ()]

            run_jobs([partial(job, chunk) for chunk in chunks], at_once, take)


def can_start() -> bool:
    """Whether this program is a Python that can be started again, and not one packed into a program of its own."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class Process:
    """One process that computes a chunk at a time."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self._answers: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.alive = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Process]:
        """A process that is killed at the end of the block, whatever it is at: only results count."""
        command = [sys.executable, "-c", PROGRAM, json.dumps(sys.path)]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = cls(program)
        try:
            yield process
        finally:
            program.kill()
            process._reader.join(END_SECONDS)
            # closing writes what the process did not take any more
            with suppress(OSError), program:
                pass

    def compute(
        self, order: Any, stop: Callable[[], bool], count: Callable[[int], None], say: Callable[[str], None]
    ) -> Any:
        """The result of an order.

        Raises
        ------
        ProcessDied : there is none.
        Stopped : the caller was asked to stop.
        IfpError : what the computation refused.
        """
        assert self._program.stdin is not None
        try:
            pickle.dump(order, self._program.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._program.stdin.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            self.alive = False
        while True:
            try:
                kind, content = self._answers.get(timeout=LOOK_SECONDS)
            except Empty:
                if stop():
                    raise Stopped from None
                continue
            if kind == "result":
                return content
            if kind == "refused":
                raise IfpError(content)
            if kind in ("failed", "ended"):
                if stop():
                    raise Stopped
                raise ProcessDied(content)
            (say if kind == "say" else count)(content)

    def _read(self) -> None:
        """Put every answer into the queue, and at last that there are no more."""
        assert self._program.stdout is not None
        try:
            while True:
                self._answers.put(pickle.load(self._program.stdout))
        except Exception:  # the stream ends, possibly within an answer
            self.alive = False
            with suppress(subprocess.TimeoutExpired):
                self._program.wait(END_SECONDS)
            self._answers.put(("ended", f"it ended with code {self._program.returncode}"))


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Processes that start within the block leave Ctrl-C to this one, which ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
