"""Sweep: one quantity varied over a geometric series of sizes, measured, and the exponent of its growth.

CPU seconds are those of this process on one thread, so that other work on the machine counts little. Bytes of memory
are the rise of the largest resident size in a process of their own; those on disk are sizes of files.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

ROUNDS = 3
BLOCK_SECONDS = 0.05
"""A block of work is repeated until it takes at least this long."""
PRELOADED = ["__main__", "growth_bytes", "growth_analysis"]
"""Modules that a process which measures memory has imported before it starts."""
Work = Callable[[], object]


@dataclass(frozen=True)
class Sweep:
    """What one row of the table is measured from.

    Attributes
    ----------
    part, quantity : of the program, and what is varied. sizes : its values; one value measures a cost alone.
    unit : of what is measured.
    start : for "s ...", takes a size to a block of work and the number of units in it, such as the steps that it
        makes; for "bytes ... in memory", takes a size and does the work (a function of a module: another process calls
        it); for "bytes ... on disk", takes a size to the bytes.
    rounds : blocks of each size that are measured, after one that is not.
    """

    part: str
    quantity: str
    sizes: tuple[int, ...]
    unit: str
    start: Callable[[int], tuple[Work, float]] | Callable[[int], object]
    rounds: int = ROUNDS


def measure(sweep: Sweep, smoke: bool = False) -> dict[int, list[float]]:
    """The cost at each size, one value per round; the three smallest sizes, each once, in a smoke test."""
    sizes, rounds = (sweep.sizes[:3], 1) if smoke else (sweep.sizes, sweep.rounds)
    if "memory" in sweep.unit:
        return {size: [peak_bytes(sweep.start, size) for _ in range(rounds)] for size in sizes}
    if "disk" in sweep.unit:
        return {size: [float(sweep.start(size))] for size in sizes}  # type: ignore[arg-type]
    return cpu_seconds(sweep.start, sizes, rounds)  # type: ignore[arg-type]


def cpu_seconds(
    start: Callable[[int], tuple[Work, float]], sizes: Sequence[int], rounds: int
) -> dict[int, list[float]]:
    """CPU seconds per unit of work; all sizes in turn, round after round."""
    blocks = {size: start(size) for size in sizes}
    repeats = dict.fromkeys(sizes, 1)
    for size, (work, _) in blocks.items() if rounds > 1 else ():
        began = time.process_time()
        work()  # not counted: the first call is slower than the others
        repeats[size] = int(np.ceil(BLOCK_SECONDS / max(time.process_time() - began, 1e-4)))
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size, (work, units) in blocks.items():
            began = time.process_time()
            for _ in range(repeats[size]):
                work()
            found[size].append((time.process_time() - began) / (repeats[size] * units))
    return found


def peak_bytes(work: Callable[[int], object], size: int) -> float:
    """By how much `work(size)` raises the largest resident size of a process that has done `work(1)` before."""
    context = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
    # a process that the server forks has these modules without importing them
    context.set_forkserver_preload(PRELOADED)
    with context.Pool(1) as pool:
        return pool.apply(_peak_rise, (work, size))


def _peak_rise(work: Callable[[int], object], size: int) -> float:
    work(1)
    before = _largest_resident()
    work(size)
    return max(float(_largest_resident() - before), 1.0)


def _largest_resident() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """The slope of log cost against log size over the upper half of the sizes, and its standard error.

    From at least three sizes; NaN where there are fewer.
    """
    first = min(len(sizes) // 2, len(sizes) - 3)
    if first < 0:
        return np.nan, np.nan
    x, y = np.log(sizes[first:]), np.log(costs[first:])
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    return slope, float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x)))


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
