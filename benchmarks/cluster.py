"""What the cluster's engine costs: empty tasks, bytes on the wire, and whether memory and open files stay flat.

python benchmarks/cluster.py            # prints the tables of docs/scale.md; some minutes
"""

from __future__ import annotations

import argparse
import gc
import os
import pickle
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.freezing.study import plan_annealing
from ifp.annealing.exact_curves import ExactChunk
from ifp.annealing.finished import Curves
from ifp.annealing.folder import RunWriter
from ifp.annealing.members import data_of
from ifp.annealing.plan import LEAST_EXACT_CHUNK, plan_keys, plan_members
from ifp.annealing.trained_curves import TrainedChunk
from ifp.datasets.toys import Toys
from ifp.system.cluster import connect
from ifp.system.workers import Site
from ifp.trace import AnnealTrace, closed_form_trace

MEMBERS = 16


def empty(shared: None, chunk: int, site: Site) -> int:
    """A task that does nothing."""
    return chunk


def memory_and_files() -> tuple[float, int]:
    """Resident memory of this process, MB, and its open files."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir("/proc/self/fd"))


def empty_tasks(workers_here: int, tasks: int) -> None:
    """Tasks per second, and the CPU seconds of the client (and of the scheduler, which lives in it) for one."""
    with connect(f"local:{workers_here}") as workers:
        assert workers is not None
        workers.map_chunks(empty, None, range(4 * workers_here), lambda result: None)
        wall, cpu = time.perf_counter(), time.process_time()
        workers.map_chunks(empty, None, range(tasks), lambda result: None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"| {workers_here} | {tasks / wall:,.0f} | {1e3 * cpu / tasks:.2f} ms | {wall / tasks * 1e3:.2f} ms |",
        flush=True,
    )


def flat_client(tasks: int) -> None:
    """Memory and files of the client while many trivial chunks pass."""
    with connect("local:2") as workers:
        assert workers is not None
        workers.map_chunks(empty, None, range(tasks // 10), lambda result: None)
        before = memory_and_files()
        workers.map_chunks(empty, None, range(tasks), lambda result: None)
        after = memory_and_files()
    _say_flat(f"client, {tasks:,} tasks", before, after)


def flat_folder(chunks: int) -> None:
    """Memory, files and time of a run's folder while many trivial chunks are saved."""

    def curve(number: int) -> AnnealTrace:
        return closed_form_trace(["size"], [(number,)], [3], np.ones(1), np.ones(1))

    keys = [curve(number).labels()[0] for number in range(chunks + chunks // 10)]
    with tempfile.TemporaryDirectory() as place:
        from ifp.annealing.config import AnnealConfig

        folder = RunWriter(Path(place) / "run", AnnealConfig(dataset="toys"), Toys(), keys, "cpu")
        folder.open()
        seconds = []
        before = (0.0, 0)
        for number in range(chunks + chunks // 10):
            if number == chunks // 10:
                before = memory_and_files()
            started = time.process_time()
            folder.add(curve(number))
            seconds.append(time.process_time() - started)
        after = memory_and_files()
        there = sum(1 for _ in (folder.path / ".chunks").iterdir())
    _say_flat(f"folder, {chunks:,} chunks ({there} files at the end)", before, after)
    first, last = (np.mean(part) * 1e3 for part in (seconds[: chunks // 10], seconds[-chunks // 10 :]))
    print(f"  CPU of saving a chunk: {first:.2f} ms for the first tenth, {last:.2f} ms for the last", flush=True)


def _say_flat(what: str, before: tuple[float, int], after: tuple[float, int]) -> None:
    print(f"{what}: memory {before[0]:.1f} -> {after[0]:.1f} MB, open files {before[1]} -> {after[1]}", flush=True)


def on_the_wire(dataset: str) -> None:
    """Bytes that go to a worker and come back, of a member and of a traversal."""
    plan = plan_annealing(dataset, preset="standard", contexts=4, device="cpu", threads=1)
    edges = np.ones((len(plan.cells), 2))
    members = plan_members(plan.cells, edges, plan.config)
    data = data_of(members, plan.config)
    sizes: dict[str, list[float]] = {}
    for start in range(0, len(members), MEMBERS):
        rows = range(start, min(start + MEMBERS, len(members)))
        chunk = TrainedChunk([members[i] for i in rows], [data[i] for i in rows])
        sizes.setdefault("trained", []).append(len(pickle.dumps(chunk)) / len(rows))
    for start in range(0, len(plan.cells), LEAST_EXACT_CHUNK):
        cells = plan.cells[start : start + LEAST_EXACT_CHUNK]
        sizes.setdefault("exact", []).append(len(pickle.dumps(ExactChunk(cells, edges))) / len(cells))
    back = len(pickle.dumps(_full(plan.config.records, plan.config.latents)))
    for what, found in sizes.items():
        print(f"{dataset}, {what}: {np.mean(found) / 1e3:.1f} kB to the worker each, at most {max(found) / 1e3:.1f}")
    print(f"{dataset}, a trained curve of all records: {back / 1e3:.1f} kB back", flush=True)
    keys = plan_keys(plan.cells, plan.config)
    print(f"{dataset}: {len(members)} members, {len(keys)} curves, {len(Curves(keys).finished())} of them finished")


def _full(records: int, latents: int) -> AnnealTrace:
    known: Any = closed_form_trace(["size"], [(0, 0, 0, 0, 0)], [3], np.ones(1), np.ones(1))
    arrays = {name: getattr(known, name).copy() for name in known.__dataclass_fields__}
    arrays |= {"beta_MT": np.ones((1, records)), "recon_nats_MT": np.ones((1, records))}
    return AnnealTrace(**{**arrays, "kl_nats_MTD": np.ones((1, records, latents))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--part", choices=["bytes", "folder", "tasks", "flat"], action="append", help="only these")
    given = parser.parse_args()
    wanted = given.part or ["bytes", "folder", "tasks", "flat"]
    if "bytes" in wanted:
        on_the_wire("sprites")
    if "folder" in wanted:
        flat_folder(given.chunks)
    if "tasks" in wanted:
        print("| workers | empty tasks per second | CPU of client and scheduler | wall per task |\n|---|---|---|---|")
        for workers in (1, 2, 4):
            empty_tasks(workers, given.tasks)
    if "flat" in wanted:
        flat_client(given.chunks)


if __name__ == "__main__":
    main()
