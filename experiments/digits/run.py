"""What do VAEs of real handwritten digits find again and again, and has it to do with the labels?

    python experiments/digits/run.py

Trains 20 networks at each of three betas on scikit-learn's digits (1,797 images of 8 x 8), compares their latents
without the labels and with the labels beside, and draws what recurs. The same command goes on where it was stopped.
Networks go to work/, which is not kept; tables and figures to results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the small products of these networks gain nothing by two

from sklearn.datasets import load_digits

import ifp
from ifp.system.files import write_json
from ifp.system.versions import versions

HERE = Path(__file__).resolve().parent
BETAS = (2.0, 1.0, 0.5)
"""Below the edge of the whole data set, 3.35, at which an ideal VAE of all images begins to hold something."""
NETWORK: dict[str, Any] = {
    "architecture": "mlp", "hidden": 64, "latents": 8, "batch": 64, "learning_rate": 1e-3, "records": 4, "threads": 1,
}  # fmt: skip
KEPT = ("channels.csv", "hotspots.csv", "hotspot_freezing.csv", "models.csv", "spaces.csv")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="networks at each beta")
    parser.add_argument("--steps", type=int, default=3000, help="of each network")
    parser.add_argument("--points", type=int, default=1000, help="images by which channels are compared")
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    digits = load_digits()
    dataset = ifp.dataset(digits.images / 16, digits.target, ["digit"])
    minutes: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        minutes[name] = round((time.perf_counter() - started) / 60, 2)
        return result

    edges = ifp.anneal_whole(dataset, method="closed-form")
    print(edges)
    runs = {
        beta: timed(
            f"train beta {beta:g}",
            lambda beta=beta: ifp.train(
                dataset, "beta", beta=beta, seeds=given.seeds, steps=given.steps,
                out=given.work / f"beta-{beta:g}", say=print, **NETWORK,
            ),
        )
        for beta in BETAS
    }  # fmt: skip
    ensembles = {f"beta-{beta:g}": [run] for beta, run in runs.items()} | {"three-betas": list(runs.values())}
    for name, members in ensembles.items():
        models = [model for run in members for model in run.models()]
        for labels, images in (("without-labels", ifp.dataset(digits.images / 16)), ("with-labels", dataset)):
            # a piece that holds more bits as beta falls stays one by NMI, and falls apart by VI
            distance = "nmi" if len(members) > 1 else "vi"
            result = timed(
                f"{name} {labels}",
                lambda models=models, images=images, distance=distance: ifp.channels(
                    models, images, points=given.points, distance=distance
                ),
            )
            folder = given.work / f"channels-{name}-{labels}"
            shutil.rmtree(folder, ignore_errors=True)
            result.save(folder)
            keep(folder, given.out / name / labels, given.work)
    path = given.out / "machine.json"
    before = json.loads(path.read_text())["minutes"] if path.is_file() else {}
    # what was done before keeps the minutes that it took
    took = {name: max(now, before.get(name, 0.0)) for name, now in minutes.items()}
    write_json(path, {"cores": os.cpu_count(), "machine": platform.machine(), "versions": versions(), "minutes": took})


def keep(folder: Path, out: Path, work: Path) -> None:
    """Copy tables and the figure, checkpoints named from `work` on; the matrices are large and can be made anew."""
    out.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.csv"):
        if path.name in KEPT:
            (out / path.name).write_text(path.read_text().replace(f"{work}{os.sep}", ""))
    for path in folder.glob("figures/*structure*.png"):
        shutil.copy(path, out)


if __name__ == "__main__":
    main()
