"""Do methods that penalise the total correlation fail where factors are correlated? Trained and measured both ways.

    python experiments/correlated_training/run.py

Networks, settings and images are those of ../deft_vs_baselines at its scale "twelve"; trainings on independent factors
that lie there are measured and not trained again. The same command goes on where it was stopped. Trainings go to
--work, which is not kept; measures.csv, summary.csv, machine.json and the figure go to results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: trainings run beside each other instead
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "deft_vs_baselines"))

import pandas as pd
import torch
from configurations import SCALES, configurations, with_steps
from images import write_images
from measure import checkpoints, measure_checkpoint, step_of
from summary import draw
from trained import train_to_end

from ifp.checkpoints.posteriors import Sample, draw_regime, draw_sample
from ifp.datasets.catalog import load_dataset
from ifp.datasets.correlated import Pair
from ifp.datasets.regime import correlated_sampler
from ifp.system.files import write_json
from ifp.system.progress import silent
from ifp.system.versions import versions

HERE = Path(__file__).resolve().parent
METHODS = ("beta", "beta-tc", "factor", "deft-rate")
INDEPENDENT = "independent"
REGIMES: dict[str, tuple[Pair, ...]] = {
    INDEPENDENT: (),
    "posX-scale": (("posX", "scale", 0.1),),
    "shape-scale": (("shape", "scale", 0.1),),
}
"""The strength is that of the single pairs of Roth et al. (2023)."""
PLAN = [
    *((regime, method) for regime in (INDEPENDENT, "posX-scale") for method in ("beta", "beta-tc")),
    *((regime, method) for method in ("deft-rate", "factor") for regime in (INDEPENDENT, "posX-scale")),
    *(("shape-scale", method) for method in METHODS),
]
"""What is trained, in this order, so that an experiment that was stopped has pairs to compare."""
SEEDS = 6
"""The fewest with an interval of the median by the sign test."""
STAGED = ("deft-rate",)
"""Methods whose training is divided into stages and needs all its steps; the others have half as many."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS, help="networks of each method and regime")
    parser.add_argument("--work", type=Path, default=HERE.parent / "deft_vs_baselines" / "results" / "twelve" / "work")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--steps", type=int, help="a shorter training, for a trial")
    given = parser.parse_args()
    torch.set_num_threads(1)
    scale = SCALES["twelve"] if given.steps is None else with_steps(SCALES["twelve"], given.steps)
    work = given.work.resolve()
    write_images(work / "sprites-32.npz")
    dataset = load_dataset(f"npz:{work / 'sprites-32.npz'}")
    samples = {
        regime: draw_regime(dataset, correlated_sampler(dataset, pairs), scale.measured_images, 1, silent)
        if pairs
        else draw_sample(dataset, scale.measured_images, 1, silent)
        for regime, pairs in REGIMES.items()
    }
    given.out.mkdir(parents=True, exist_ok=True)
    configs = configurations(scale, f"npz:{work / 'sprites-32.npz'}", [1.0])  # no closed form is used here
    table = given.out / "measures.csv"
    kept = pd.read_csv(table) if table.is_file() else pd.DataFrame()
    for regime, method in PLAN:
        if len(kept) and ((kept["trained"] == regime) & (kept["method"] == method)).any():
            continue
        pairs = REGIMES[regime]
        steps = scale.training["steps"] // (1 if method in STAGED else 2)
        run = run_of(work, method, regime)
        records = min(scale.training["records"], steps)
        config = replace(configs[method], seeds=given.seeds, correlate=pairs, steps=steps, records=records)
        train_to_end(config, dataset, run)
        on = samples if not pairs else {name: samples[name] for name in (INDEPENDENT, regime)}
        rows = measured(run, steps, on, given.seeds).assign(method=method, trained=regime)
        kept = pd.concat([kept, rows], ignore_index=True)
        kept.to_csv(table, index=False, float_format="%.5g")
        write_machine(given.out, work)
        print(f"{time.strftime('%H:%M:%S')} {method}, {regime}", flush=True)
        draw(given.out)


def run_of(work: Path, method: str, regime: str) -> Path:
    """The folder of a training; on independent factors that of the sibling experiment, where it is finished."""
    sibling = work / method
    if regime == INDEPENDENT and (sibling / "minutes.json").is_file():
        return sibling
    return work / f"{method}-{regime}"


def measured(run: Path, steps: int, samples: dict[str, Sample], seeds: int) -> pd.DataFrame:
    """One row per seed and regime of the measured images, after `steps` steps."""
    rows = []
    for seed, paths in list(checkpoints(run).items())[:seeds]:
        path = next(path for path in paths if step_of(path) == steps)
        for regime, sample in samples.items():
            about = {"seed": seed, "step": steps, "measured": regime}
            rows.append(about | measure_checkpoint(path, sample, "cpu", ("mig", "dci-fast")))
    return pd.DataFrame(rows)


def write_machine(out: Path, work: Path) -> None:
    """Write machine.json: hardware, versions and the minutes of each training, here or when its rows were measured."""
    path = out / "machine.json"
    minutes = json.loads(path.read_text())["trainings"] if path.is_file() else {}
    minutes |= {path.parent.name: json.loads(path.read_text()) for path in sorted(work.glob("*/minutes.json"))}
    names = {run_of(work, method, regime).name for regime, method in PLAN}
    names |= {method for method in METHODS if f"{method}-{INDEPENDENT}" not in minutes}  # the sibling's, measured here
    about = {
        "cores": os.cpu_count(), "machine": platform.machine(), "versions": versions(),
        "trainings": {name: minutes[name] for name in sorted(names & set(minutes))},
    }  # fmt: skip
    write_json(path, about)


if __name__ == "__main__":
    main()
