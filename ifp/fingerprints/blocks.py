"""Sums over the points of fingerprints, computed in blocks of points that fit into memory, several blocks at a time.

Shapes: C channels, N points.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ifp.fingerprints.fingerprints import Fingerprints
from ifp.system.cpus import granted_cpus
from ifp.system.progress import Progress, silent
from ifp.system.threads import run_jobs

MEMORY_BYTES = 1_000_000_000
"""Default memory of the blocks that are computed at the same time."""
CACHED_BYTES = 4_000_000
"""Largest block on a CPU, in bytes: a block that stays in the processor's cache is several times as fast."""
SHARDS = 32
"""Number of parts into which the points are divided, whatever the number of threads, so that sums are the same to the
last bit."""

Sums = tuple[Tensor, ...]


def sum_over_points(
    fingerprints: Fingerprints,
    block: Callable[[int, int], Sums],
    *,
    row_bytes: int,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = silent,
) -> Sums:
    """Add up what `block(start, stop)` gives of each block of points, in the order of the points.

    Parameters
    ----------
    row_bytes : memory of a block per point.
    memory_bytes : of the blocks that are computed at the same time; a block has at least one point.
    progress : called with (what, points done, N).
    """
    points, on_cpu = fingerprints.points, fingerprints.device.type == "cpu"
    threads = min(torch.get_num_threads(), granted_cpus()) if on_cpu else 1
    rows = max(1, min(memory_bytes // threads, CACHED_BYTES if on_cpu else memory_bytes) // row_bytes)
    edges = [points * shard // SHARDS for shard in range(SHARDS + 1)]
    waiting: dict[int, Sums] = {}
    total: list[Sums] = []
    added = 0

    def job(shard: int) -> Callable[[Callable[[], bool]], tuple[int, Sums]]:
        def work(stopped: Callable[[], bool]) -> tuple[int, Sums]:
            first, last = edges[shard], edges[shard + 1]
            sums: Sums = ()
            for start in range(first, last, rows):
                if stopped():
                    break
                sums = _add(sums, block(start, min(start + rows, last)))
            return shard, sums

        return work

    def take(result: tuple[int, Sums]) -> None:
        nonlocal added
        waiting[result[0]] = result[1]
        while added in waiting:
            total[:] = [_add(total[0] if total else (), waiting.pop(added))]
            added += 1
        progress("comparing channels", edges[added], points)

    run_jobs([job(shard) for shard in range(SHARDS)], threads, take)
    return total[0]


def _add(sums: Sums, more: Sums) -> Sums:
    if not (sums and more):
        return sums or more
    return tuple(a.add_(b) for a, b in zip(sums, more, strict=True))
