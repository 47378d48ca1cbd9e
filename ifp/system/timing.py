"""How long a piece of work takes, measured, and said in words."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def measured_seconds(work: Callable[[], object], device: torch.device | str) -> float:
    """Seconds of `work`, what it leaves to a GPU included."""
    wait_for(device)
    started = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - started


def wait_for(device: torch.device | str) -> None:
    """Return when a GPU has done what it was told to."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def duration_in_words(seconds: float) -> str:
    """Seconds up to a minute and a half, else minutes.

    >>> duration_in_words(89.0), duration_in_words(90_000.0)
    ('89 s', '1,500 min')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:,.0f} min"
