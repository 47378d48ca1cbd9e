"""Workers: who computes the chunks of a run. Threads of this process here, other machines in `ifp.system.cluster`.

What computes a chunk is a plain function compute(shared, chunk, site) of a module, so that it can be called anywhere:
`shared` is what all chunks have in common, `site` says on which device it is and how it is told to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from ifp.system.devices import DevicePool, slots
from ifp.system.progress import Say, unsaid
from ifp.system.threads import run_jobs


@dataclass(frozen=True)
class Site:
    """Where a chunk is computed.

    Attributes
    ----------
    device : a torch device name.
    stop : asked now and then; after True the chunk should raise `ifp.system.threads.Stopped`.
    count : called with the units of work done since the last call. say : with a sentence for the user.
    """

    device: str
    stop: Callable[[], bool]
    count: Callable[[int], None]
    say: Say


SharedT = TypeVar("SharedT")
ChunkT = TypeVar("ChunkT")
ResultT = TypeVar("ResultT")
Compute = Callable[[SharedT, ChunkT, Site], ResultT]


def uncounted(units: int) -> None:
    """Counts nothing."""


def by_place(chunk: Any) -> str:
    """The name of a chunk where nobody gives it a better one."""
    return "a chunk"


class Workers(Protocol):
    """Who computes chunks.

    Attributes
    ----------
    device : "cpu" or a name of GPUs, on which chunks are computed.
    """

    device: str

    @property
    def count(self) -> int:
        """How many chunks are at work at once."""

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
        """Compute every chunk; `on_result` takes each result as it ends, in this thread, and may ask for more chunks.

        Parameters
        ----------
        compute : a function of a module, not one defined within another. shared : given to every call.
        name : what a chunk is called where it is given up.
        count, say : where the units of work and the sentences of all chunks go.
        kernel_threads : threads of each kernel of PyTorch, on which its rounding may depend.
        """


class ThreadWorkers:
    """Threads of this process, one per GPU or as many as are given on a CPU; a chunk that fails ends the run."""

    def __init__(self, device: str, threads: int) -> None:
        self.device = device
        self._devices = slots(device, threads)

    @property
    def count(self) -> int:
        """How many chunks are at work at once."""
        return len(self._devices)

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
        """See `Workers.map_chunks`."""
        assert kernel_threads == 1, "kernels of several threads have the whole process to themselves"
        pool = DevicePool(self._devices)

        def job(chunk: ChunkT, stop: Callable[[], bool]) -> ResultT:
            with pool.lent() as device:
                return compute(shared, chunk, Site(device, stop, count, say))

        def take(result: ResultT) -> list[Callable[[Callable[[], bool]], ResultT]]:
            return [partial(job, chunk) for chunk in on_result(result) or ()]

        run_jobs([partial(job, chunk) for chunk in chunks], self.count, take)
