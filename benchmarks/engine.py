"""Member-steps per second of the engine against a plain loop, and the closed form and exact curves against training.

One run, one machine, ratios. `python benchmarks/engine.py` prints the table for RESULTS.md; a GPU has `gpu.py`.

Shapes: K steps, M members.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

import ifp
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.members import Member, chunk_members, data_of
from ifp.annealing.train import anneal_chunk, start_chunk, train_block
from ifp.annealing.training_cost import training_cost
from ifp.datasets.catalog import load_dataset
from ifp.system.threads import single_threaded_kernels

sys.path.insert(0, str(Path(__file__).parent))
from plain_loop import plain_loop_steps_per_second

ROUNDS = 3


def members_of(dataset_name: str, factor: str, count: int) -> list[Member]:
    """`count` cooling members on different traversals of one factor."""
    dataset = load_dataset(dataset_name)
    traversals = dataset.sample_traversals(factor, count, seed=0)
    return [Member(factor, t.context, 0, "cool", dataset.traversal_images(t), 100.0, 105.0) for t in traversals]


def engine_steps_per_second(
    members: Sequence[Member], config: AnnealConfig, steps: int, threads: int
) -> tuple[float, int]:
    """Member-steps per second of all members together, as `ifp anneal` trains them, and its members per batch."""
    data = data_of(members, config)
    size = training_cost(members, data, config, "cpu", threads).chunk
    with single_threaded_kernels():
        chunks = []
        for rows in chunk_members(data, config, size):
            chunk = start_chunk([members[i] for i in rows], [data[i] for i in rows], config, "cpu")
            chunks.append((chunk, np.full((steps, len(rows)), 50.0)))
            train_block(chunk, chunks[-1][1][:3])
        started = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda one: train_block(*one), chunks))
        return len(members) * steps / (time.perf_counter() - started), size


def engine_row(architecture: str, count: int, steps: int, plain_steps: int, threads: int) -> str:
    """A row of the table: the median ratio over rounds in which both were measured in turn."""
    members = members_of("sprites", "posX", count)
    # a batch of the plain loop holds every image once, so the engine's does too
    batch = len(members[0].images)
    config = preset_config("standard", dataset="sprites", architecture=architecture, batch=batch)
    plain, engine, size = [], [], 0
    for _ in range(ROUNDS):
        plain.append(plain_loop_steps_per_second(members[0].images, architecture, plain_steps))
        speed, size = engine_steps_per_second(members, config, steps, threads)
        engine.append(speed)
    ratio = statistics.median(e / p for e, p in zip(engine, plain, strict=True))
    return (
        f"| {architecture}, {count} members, cpu | {statistics.median(plain):,.0f} | "
        f"{statistics.median(engine):,.0f} | {ratio:.1f} | {size} members per batch, "
        f"{threads} at a time |"
    )


def seconds(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def train_seconds(members: Sequence[Member], config: AnnealConfig) -> float:
    """Seconds to train all members on one core."""
    chunks = chunk_members(data_of(members, config), config, 16)
    with single_threaded_kernels():
        started = time.perf_counter()
        for rows in chunks:
            anneal_chunk([members[i] for i in rows], config)
        return time.perf_counter() - started


def theory_rows(per_factor: int) -> list[str]:
    """Closed form, exact curve and trained bracket of the same traversals, seconds per traversal."""
    dataset = load_dataset("sprites")
    config = preset_config("standard", dataset="sprites")
    rows = []
    for factor in dataset.space.names:
        traversals = dataset.sample_traversals(factor, per_factor, seed=0)
        images = [dataset.traversal_images(t) for t in traversals]
        lower = seconds(lambda images=images: ifp.freezing_bounds(images, upper=False)) / per_factor
        both = seconds(lambda images=images: ifp.freezing_bounds(images)) / per_factor
        exact = seconds(lambda images=images: ifp.exact_annealing(images)) / per_factor
        edges = ifp.freezing_bounds(images)
        members = [
            Member(factor, t.context, 0, d, x, float(low), float(high))
            for t, x, low, high in zip(traversals, images, edges.beta_closed_form_M, edges.beta_upper_M, strict=True)
            for d in ("cool", "heat")
        ]
        trained = train_seconds(members, config) / per_factor
        rows.append(
            f"| {factor} | {1e3 * lower:.2f} | {1e3 * both:.1f} | {exact:.2f} | {trained:.2f} | "
            f"{trained / lower:,.0f} | {trained / both:,.0f} | {trained / exact:.1f} |"
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--per-factor", type=int, default=8, help="traversals per factor in the second table")
    options = parser.parse_args()
    name = platform.processor() or "CPU"
    print(f"{time.strftime('%Y-%m-%d')}, {name}, {options.threads} threads, python {platform.python_version()}, "
          f"torch {torch.__version__}, ifp {ifp.__version__}\n")  # fmt: skip
    print("| | plain loop, steps/s | engine, member-steps/s | ratio | |\n|---|---|---|---|---|")
    print(engine_row("mlp", 64, 100, 300, options.threads), flush=True)
    print(engine_row("conv", 8, 10, 40, options.threads), flush=True)
    print("\n| traversals of | lower edge, ms | both edges, ms | exact, s | trained bracket, s | trained / lower | "
          "trained / both | trained / exact |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for row in theory_rows(options.per_factor):
        print(row, flush=True)


if __name__ == "__main__":
    main()
