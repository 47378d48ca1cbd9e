"""Times the rendered sprites: traversals image by image, and the whole grid made and opened again.

    python benchmarks/data.py [--skip-grid]

The grid (378 MB) is written to a temporary folder, not to the user's cache.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np

from ifp.datasets.catalog import load_dataset
from ifp.datasets.sprites import Sprites

CONTEXTS = 200
NAMES = ("sprites", "sprites-noshape", "sprites-color", "sprites-noisy", "sprites-scream", "toys")


def time_traversals(name: str) -> None:
    """Print the seconds for every factor's `CONTEXTS` traversals, and images per second."""
    data = load_dataset(name)
    images, start = 0, time.perf_counter()
    for factor in data.space.names:
        for traversal in data.sample_traversals(factor, min(CONTEXTS, data.num_contexts(factor)), seed=0):
            images += len(data.traversal_images(traversal))
    seconds = time.perf_counter() - start
    what = f"{name:16} {len(data.space.names)} factors x {CONTEXTS} traversals"
    print(f"{what}: {seconds:6.2f} s, {images / seconds:8.0f} images/s")


def time_grid() -> None:
    """Print the seconds to make the grid, to open it with its checks, and its mean pixel."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IFP_CACHE"] = folder
        start = time.perf_counter()
        grid = Sprites().grid()
        print(f"grid of {len(grid)} images made in {time.perf_counter() - start:.1f} s on {os.cpu_count()} cores")
        start = time.perf_counter()
        grid = Sprites().grid()
        print(f"opened and checked in {time.perf_counter() - start:.2f} s")
        start = time.perf_counter()
        grid.images(np.random.default_rng(0).integers(len(grid), size=10_000))
        print(f"10,000 random images unpacked in {time.perf_counter() - start:.2f} s")
        on = sum(int(np.unpackbits(block).sum()) for block in np.array_split(grid.packed_NP, 720))
        print(f"mean pixel {on / (len(grid) * 4096):.6f} (dSprites: 0.042494)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-grid", action="store_true", help="leave out the whole grid (378 MB on disk)")
    arguments = parser.parse_args()
    for name in NAMES:
        time_traversals(name)
    if not arguments.skip_grid:
        time_grid()
