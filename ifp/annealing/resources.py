"""Resources: what a run may use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ifp.system.workers import ThreadWorkers, Workers


@dataclass(frozen=True)
class Resources:
    """What a run may use: decides how fast, never what.

    Attributes
    ----------
    device : a torch device name.
    threads : chunks at work at once on a CPU.
    chunk : members that train as one batch, None to measure.
    elsewhere : the workers of a cluster, None for threads of this process.
    """

    device: str = "cpu"
    threads: int = 1
    chunk: int | None = None
    elsewhere: Workers | None = None

    @cached_property
    def workers(self) -> Workers:
        """Who computes the chunks."""
        return self.elsewhere or ThreadWorkers(self.device, self.threads)
