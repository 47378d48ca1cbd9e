"""What `ifp anneal --dry-run` and `ifp train --dry-run` say a run will cost, against what it then costs.

    python benchmarks/estimates.py

Both are taken in CPU seconds of one thread: the program's clock is replaced by that of the process, so that other work
on the machine counts little. Members are kept from stopping early, because the estimate is what they take at most.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checkout import use_checkout

use_checkout()


def annealing(factor: str, **settings: object) -> tuple[float, float]:
    """Seconds estimated and taken, edges left out of both."""
    from ifp.annealing import train
    from ifp.annealing.config import preset_config
    from ifp.annealing.finished import Curves
    from ifp.annealing.plan import plan_cells, plan_keys
    from ifp.annealing.resources import Resources
    from ifp.annealing.run import _add_edges, run
    from ifp.annealing.run_cost import run_cost
    from ifp.datasets.catalog import load_dataset

    config = preset_config("standard", dataset="sprites", factors=(factor,), **settings)
    cells = plan_cells(load_dataset("sprites"), config)
    curves = Curves(plan_keys(cells, config))
    _add_edges(cells, config, curves, lambda *_: None)
    cost = run_cost(cells, config, curves.finished(), device="cpu", threads=1, time_exact=True)
    train.CONFIRMING_RECORDS = config.records + 1  # nobody is answered before the end
    train.DIED_AWAY = -1.0
    began = time.process_time()
    run(cells, config, curves, Resources("cpu", 1, cost.training.chunk if cost.training else None))
    return (cost.exact_seconds or 0.0) + (cost.training.seconds if cost.training else 0.0), time.process_time() - began


def training(**settings: object) -> tuple[float, float]:
    """Seconds estimated and taken, images and records included."""
    from ifp.analysis.training.settings import make_config
    from ifp.analysis.training.study import prepare_training

    config = make_config({"dataset": "sprites", **settings})
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_training("sprites", config, typed=settings, device="cpu", threads=1)
        cost = prepared.cost()
        began = time.process_time()
        prepared.run(prepared.folder(Path(folder) / "run"))
        return cost.seconds, time.process_time() - began


CASES: list[tuple[str, Callable[[], tuple[float, float]]]] = [
    ("anneal, 16 mlp members of posX, 400 steps", lambda: annealing(
        "posX", method="train", contexts=8, steps=400, hold_steps=0, records=20)),
    ("anneal, 8 mlp members of shape, 400 steps", lambda: annealing(
        "shape", method="train", contexts=4, steps=400, hold_steps=0, records=20)),
    ("anneal, 2 conv members of scale, 40 steps", lambda: annealing(
        "scale", method="train", contexts=1, architecture="conv", steps=40, hold_steps=0, records=4)),
    ("anneal, 8 exact traversals of posY", lambda: annealing("posY", method="exact", contexts=8)),
    ("anneal, 6 exact traversals of scale", lambda: annealing("scale", method="exact", contexts=6)),
    ("train, mlp, 2 networks, 300 steps, 3 records", lambda: training(
        architecture="mlp", images=2000, seeds=2, steps=300, records=3)),
    ("train, conv, 1 network, 60 steps, 1 record", lambda: training(
        architecture="conv", images=2000, steps=60, records=1)),
]  # fmt: skip


def main() -> None:
    """Measure and print."""
    import torch

    torch.set_num_threads(1)
    time.perf_counter = time.process_time
    print("| run | estimated, CPU s | taken, CPU s | ratio |\n|---|---|---|---|")
    for name, case in CASES:
        estimated, taken = case()
        print(f"| {name} | {estimated:.1f} | {taken:.1f} | {estimated / taken:.2f} |", flush=True)


if __name__ == "__main__":
    main()
