"""Resources: what a run may use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ifp.system.processes import ProcessWorkers, can_start
from ifp.system.workers import ThreadWorkers, Workers

PROCESSES_PAY = 10.0
"""Seconds of work from which processes are faster: each takes some two seconds to start, while this one is at work."""


@dataclass(frozen=True)
class Resources:
    """What a run may use: decides how fast, never what.

    Attributes
    ----------
    device : a torch device name.
    threads : chunks at work at once on a CPU, in threads of this process or in processes.
    chunk : members that train as one batch, None to measure.
    elsewhere : the workers of a cluster, None for those of this machine.
    """

    device: str = "cpu"
    threads: int = 1
    chunk: int | None = None
    elsewhere: Workers | None = None

    @cached_property
    def workers(self) -> Workers:
        """Who computes the chunks."""
        return self.elsewhere or ThreadWorkers(self.device, self.threads)

    def workers_for(self, seconds: float) -> Workers:
        """Who computes chunks of many small steps: processes where threads would lose more to Python's lock.

        seconds : a rough guess of what all chunks take on one core.
        """
        if self.elsewhere or self.device != "cpu" or self.threads < 2 or seconds < PROCESSES_PAY or not can_start():
            return self.workers
        return ProcessWorkers(self.threads)
