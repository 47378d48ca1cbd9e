"""Do loops of cooling and heating close when beta moves more slowly? For one shape they should not.

    python experiments/hysteresis/run.py

Anneals the orientation of the ellipse, the square and the heart of sprites, by the exact curve and by networks at three
speeds, cooling and heating. The same command goes on where it was stopped. Runs go to work/, which is not kept;
crossings.csv, machine.json and the figure go to results/.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the small products of these networks gain nothing by two

import numpy as np
import pandas as pd
from draw import draw

import ifp
from ifp.datasets.arrays import ArrayDataset
from ifp.system.files import write_json
from ifp.system.versions import versions

HERE = Path(__file__).resolve().parent
SHAPES = ("square", "ellipse", "heart")
"""In the order of the data set's factor "shape"."""
CONTEXTS = np.array([(5, 15, 15), (5, 8, 20), (4, 20, 10), (5, 24, 24)])
"""Scale, posX and posY of the traversals: large sprites, whole in the picture."""
SPEEDS = (2000, 8000, 32000)
"""Steps in which beta goes through its range."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contexts", type=int, default=len(CONTEXTS), help="traversals of each shape")
    parser.add_argument("--speeds", type=int, nargs="*", default=list(SPEEDS), help="steps of each sweep")
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    rows, minutes = [], {}
    for shape, name in enumerate(SHAPES):
        dataset = orientations(shape, given.contexts)
        settings = {"factors": ["orientation"], "contexts": given.contexts}
        plans = {"exact": {"method": "exact"}} | {
            str(steps): {"method": "train", "direction": "both", "steps": steps, "records": 200}
            for steps in given.speeds
        }
        for plan, own in plans.items():
            started = time.perf_counter()
            result = ifp.anneal(dataset, out=given.work / name / plan, threads=1, say=print, **settings, **own)
            minutes[f"{name} {plan}"] = round((time.perf_counter() - started) / 60, 2)
            points = result.freezing_points()
            points = points[points["method"] == own["method"]]
            rows.append(points.assign(shape=name, steps=0 if plan == "exact" else int(plan)))
    given.out.mkdir(parents=True, exist_ok=True)
    columns = ["shape", "steps", "context", "method", "direction", "status", "beta_ifp"]
    pd.concat(rows)[columns].to_csv(given.out / "crossings.csv", index=False, float_format="%.6g")
    about = {"cores": os.cpu_count(), "machine": platform.machine(), "versions": versions(), "minutes": minutes}
    write_json(given.out / "machine.json", about)
    draw(given.out)


def orientations(shape: int, contexts: int) -> ArrayDataset:
    """The 40 orientations of a shape in some contexts, with the factors context and orientation."""
    sprites = ifp.load_dataset("sprites")
    turns = sprites.space.sizes[sprites.space.index_of("orientation")]
    values = [(shape, scale, turn, x, y) for scale, x, y in CONTEXTS[:contexts] for turn in range(turns)]
    images = sprites.render(np.array(values), np.zeros(len(values), dtype=int))
    factors = np.stack([np.repeat(np.arange(contexts), turns), np.tile(np.arange(turns), contexts)], axis=1)
    return ifp.dataset(images, factors, ["context", "orientation"])


if __name__ == "__main__":
    main()
