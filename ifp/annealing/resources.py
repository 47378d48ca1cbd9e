"""Resources: what a run may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a run may use: decides how fast, never what.

    Attributes
    ----------
    device : a torch device name.
    threads : chunks at work at once on a CPU.
    chunk : members that train as one batch, None to measure.
    """

    device: str = "cpu"
    threads: int = 1
    chunk: int | None = None
