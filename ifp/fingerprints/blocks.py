"""Sums over the points of fingerprints, computed in blocks of points that fit into memory, several blocks at a time.

Shapes: C channels, N points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ifp.fingerprints.fingerprints import Fingerprints
from ifp.system.cpus import granted_cpus
from ifp.system.progress import Progress, silent
from ifp.system.threads import run_jobs
from ifp.system.workers import Site, Workers

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
    workers: Workers | None = None,
    progress: Progress = silent,
) -> Sums:
    """Add up what `block(start, stop)` gives of each block of points, in the order of the points.

    Parameters
    ----------
    row_bytes : memory of a block per point.
    memory_bytes : of the blocks that are computed at the same time; a block has at least one point.
    workers : of a cluster, to which `block` travels; None for threads of this process.
    progress : called with (what, points done, N).
    """
    points, on_cpu = fingerprints.points, fingerprints.device.type == "cpu"
    threads = min(torch.get_num_threads(), granted_cpus()) if on_cpu else 1
    rows = max(1, min(memory_bytes // threads, CACHED_BYTES if on_cpu else memory_bytes) // row_bytes)
    edges = [points * shard // SHARDS for shard in range(SHARDS + 1)]
    waiting: dict[int, Sums] = {}
    total: list[Sums] = []
    added = 0

    def take(result: tuple[int, Sums]) -> None:
        nonlocal added
        waiting[result[0]] = result[1]
        while added in waiting:
            total[:] = [_add(total[0] if total else (), waiting.pop(added))]
            added += 1
        progress("comparing channels", edges[added], points)

    shared, shards = SharedBlocks(block, rows), [(shard, edges[shard], edges[shard + 1]) for shard in range(SHARDS)]
    if workers is None:
        run_jobs([partial(_shard_here, shared, shard) for shard in shards], threads, take)
    else:
        workers.map_chunks(shard_sums, shared, shards, take, name=lambda shard: f"points {shard[1]} to {shard[2]}")
    return total[0]


@dataclass(frozen=True, eq=False)
class SharedBlocks:
    """What sums over points have in common: what a block gives, and the points of a block."""

    block: Callable[[int, int], Sums]
    rows: int


def shard_sums(shared: SharedBlocks, shard: tuple[int, int, int], site: Site) -> tuple[int, Sums]:
    """The number of a shard with its sums, on a worker."""
    return _shard_here(shared, shard, site.stop)


def _shard_here(shared: SharedBlocks, shard: tuple[int, int, int], stopped: Callable[[], bool]) -> tuple[int, Sums]:
    number, first, last = shard
    sums: Sums = ()
    for start in range(first, last, shared.rows):
        if stopped():
            break
        sums = _add(sums, shared.block(start, min(start + shared.rows, last)))
    return number, sums


def _add(sums: Sums, more: Sums) -> Sums:
    if not (sums and more):
        return sums or more
    return tuple(a.add_(b) for a, b in zip(sums, more, strict=True))
