"""Member-steps per CPU second of annealing, now and at another commit, both sides in turn in one run.

`python benchmarks/against_commit.py COMMIT` exports the commit into a temporary folder and starts one process per side,
which train the same members on one thread. The time is the CPU's own (of the process, system calls included), so that
other work on the machine counts little; a ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
# architecture, members, factor, images per step, steps; a record every 20 steps of the MLP, as in both presets
CASES = [
    ("mlp", 16, "posX", 64, 180),
    ("mlp", 64, "posX", 64, 180),
    ("mlp", 16, "posX", 32, 180),
    ("mlp", 64, "posX", 32, 180),
    ("mlp", 64, "scale", 64, 180),
    ("mlp", 1, "posX", 64, 360),
    ("conv", 1, "posX", 64, 4),
]


def serve() -> None:
    """One side: for each case on a line of the input, the member-steps per CPU second on a line of the output."""
    import torch

    from ifp.annealing.config import preset_config
    from ifp.annealing.members import Member, chunk_members, data_of
    from ifp.annealing.train import anneal_chunk
    from ifp.annealing.training_cost import training_cost
    from ifp.datasets.catalog import load_dataset
    from ifp.system.threads import single_threaded_kernels

    torch.set_num_threads(1)
    dataset, sizes = load_dataset("sprites"), {}
    for line in sys.stdin:
        architecture, count, factor, batch, steps = case = tuple(json.loads(line))
        traversals = dataset.sample_traversals(factor, count, seed=0)
        members = [Member(factor, t.context, 0, "cool", dataset.traversal_images(t), 100.0, 105.0) for t in traversals]
        # fewer records than it takes to answer a member's question, so that all of them train to the end
        records = max(1, steps // 20) if steps <= 180 else 9
        config = preset_config(
            "standard",
            dataset="sprites",
            architecture=architecture,
            batch=batch,
            steps=steps,
            records=records,
            hold_steps=0,
        )
        data = data_of(members, config)
        if case not in sizes:
            sizes[case] = training_cost(members, data, config, "cpu", 1).chunk
        started = time.process_time()
        with single_threaded_kernels():
            for rows in chunk_members(data, config, sizes[case]):
                anneal_chunk([members[i] for i in rows], config, data=[data[i] for i in rows])
        seconds = time.process_time() - started
        print(json.dumps([count * steps / seconds, sizes[case]]), flush=True)


def start(folder: Path) -> subprocess.Popen[str]:
    """A process that serves with the package in `folder`."""
    return subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def ask(side: subprocess.Popen[str], case: tuple[object, ...]) -> tuple[float, int]:
    """Member-steps per CPU second of one side, and its members per chunk."""
    assert side.stdin
    assert side.stdout
    side.stdin.write(json.dumps(case) + "\n")
    side.stdin.flush()
    speed, size = json.loads(side.stdout.readline())
    return speed, size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?", default="HEAD")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    archive = subprocess.run(["git", "archive", options.commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        before, now = start(Path(folder)), start(ROOT)
        print(f"| annealing, member-steps per CPU second | {options.commit} | now | ratio | members per chunk |")
        print("|---|---|---|---|---|")
        for case in CASES:
            rounds = [(ask(before, case), ask(now, case)) for _ in range(ROUNDS)]
            ratios = [new[0] / old[0] for old, new in rounds]
            old, new = (statistics.median(one[side][0] for one in rounds) for side in (0, 1))
            print(
                f"| {case[0]}, {case[1]} members of {case[2]}, {case[3]} images per step | {old:,.0f} | {new:,.0f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
                f"{rounds[0][0][1]}, {rounds[0][1][1]} |",
                flush=True,
            )
        for side in (before, now):
            side.communicate()


if __name__ == "__main__":
    main()
