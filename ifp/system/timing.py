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
    """Seconds up to a minute and a half, minutes up to an hour and a half, hours up to two days, else days.

    >>> duration_in_words(89.0), duration_in_words(5000.0), duration_in_words(90_000.0), duration_in_words(900_000.0)
    ('89 s', '83 min', '25 h', '10.4 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    if hours < 48:
        return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"
    return f"{hours / 24:,.1f} days"
