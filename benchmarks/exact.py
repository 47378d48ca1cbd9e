"""Times the theory without a network: closed-form edges and exact annealing, per traversal.

    python benchmarks/exact.py [--dataset sprites] [--contexts 200] [--threads 2] [--skip-exact]

Prints seconds per factor, with the spread of the numbers, so that a faster wrong answer shows.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ifp.analysis.freezing.points import freezing_points
from ifp.datasets.catalog import load_dataset
from ifp.exact.annealing import exact_annealing
from ifp.system.threads import single_threaded_kernels
from ifp.theory.closed_form import freezing_bounds
from ifp.trace import AnnealTrace

CHUNK = 20
"""Traversals a job, about as many as `ifp anneal` gives one."""


def anneal_all(images: list[np.ndarray], threads: int) -> AnnealTrace:
    """Both branches and the equilibrium of all traversals, a chunk a job."""
    chunks = [images[at : at + CHUNK] for at in range(0, len(images), CHUNK)]
    with single_threaded_kernels(), ThreadPoolExecutor(threads) as pool:
        return AnnealTrace.concatenate(list(pool.map(exact_annealing, chunks)))


def main() -> None:
    """Time every factor of the data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="sprites")
    parser.add_argument("--contexts", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-exact", action="store_true")
    options = parser.parse_args()
    dataset = load_dataset(options.dataset)
    totals = np.zeros(4)
    for factor in dataset.space.names:
        marks = [time.perf_counter()]
        cells = dataset.sample_traversals(factor, min(options.contexts, dataset.num_contexts(factor)), seed=0)
        images = [dataset.traversal_images(cell) for cell in cells]
        marks.append(time.perf_counter())
        lower = freezing_bounds(images, upper=False).beta_closed_form_M
        marks.append(time.perf_counter())
        upper = freezing_bounds(images).beta_upper_M
        marks.append(time.perf_counter())
        low, median, high = np.percentile(lower, [5, 50, 95])
        line = f"{factor:12} {len(images)} traversals, edge {median:.0f} ({low:.0f}-{high:.0f}), "
        line += f"upper/lower up to {(upper / lower).max():.3f}"
        if not options.skip_exact:
            trace = anneal_all(images, options.threads)
            marks.append(time.perf_counter())
            points = freezing_points(trace)
            ratio = points["beta_ifp"] / points["beta_closed_form"]
            for direction in ("cool", "heat", "equilibrium"):
                line += f", {direction} {ratio[points['direction'] == direction].median():.3f}"
        spent = np.diff(marks)
        totals[: len(spent)] += spent
        print(line + " | seconds " + " ".join(f"{s:.1f}" for s in spent), flush=True)
    print("seconds in all: rendering, lower edge, both edges, exact: " + " ".join(f"{s:.1f}" for s in totals))


if __name__ == "__main__":
    main()
