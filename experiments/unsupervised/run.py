"""DEFT without labels: pressures from annealing the unlabelled set, against published pressures and beta-VAE.

    python experiments/unsupervised/run.py

Images, networks and settings are those of ../deft_vs_baselines at its scale "twelve", whose trainings are measured too
where they lie there, and trained where they do not. Labels take no part before the last step, where MIG is measured
beside UDR, which needs none. The same command goes on where it was stopped. Runs go to --work, which is not kept; the
tables go to results/.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the small products of these networks gain nothing by two
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "deft_vs_baselines"))

import numpy as np
import pandas as pd
import torch
from configurations import SCALES, configurations
from images import write_images
from measure import checkpoints, measure_checkpoint
from paired import paired_difference
from trained import train_to_end

import ifp
from ifp.analysis.metrics.udr import udr
from ifp.checkpoints.encoded_runs import read_model
from ifp.checkpoints.posteriors import Sample, draw_sample, encode_images
from ifp.checkpoints.source import ReadingOptions
from ifp.codes import kl_nats
from ifp.datasets.catalog import load_dataset
from ifp.system.files import write_json
from ifp.system.progress import silent
from ifp.system.versions import versions

HERE = Path(__file__).resolve().parent
ANNEALING = {
    "architecture": "mlp", "hidden": 128, "latents": 10, "batch": 64, "learning_rate": 1e-3, "seeds": 4, "steps": 3000,
    "records": 60, "direction": "cool",
}  # fmt: skip
UNSUPERVISED = "deft-unsupervised"
COMPARED = ("beta", "falling-beta", "deft-rate", UNSUPERVISED)
UDR_IMAGES = 1000
MEASURES = ("mig", "dci-fast", "nmi1_histogram", "nmi2_histogram", "udr", "recon_nats", "kl_nats", "active")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6, help="networks of each configuration")
    parser.add_argument("--work", type=Path, default=HERE.parent / "deft_vs_baselines" / "results" / "twelve" / "work")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    scale, work = SCALES["twelve"], given.work.resolve()
    write_images(work / "sprites-32.npz")
    dataset = load_dataset(f"npz:{work / 'sprites-32.npz'}")
    given.out.mkdir(parents=True, exist_ok=True)
    clock = time.process_time()
    pressures = annealed_pressures(work, given.out)
    about = {"pressures": pressures, "annealing": ANNEALING, "annealing_cpu_minutes": _minutes(clock)}
    configs = configurations(scale, f"npz:{work / 'sprites-32.npz'}", [1.0])  # no closed form is used here
    if len(pressures) > 1:
        groups = {"betas": pressures, "group_size": scale.training["latents"] // len(pressures)}
        configs[UNSUPERVISED] = replace(configs["deft-rate"], options={"mode": "rate", "gamma": 0.1, **groups})
    sample = draw_sample(dataset, scale.measured_images, 1, silent)
    rows = []
    for name in COMPARED:
        if name not in configs:
            continue
        clock = time.process_time()
        run = work / name
        train_to_end(replace(configs[name], seeds=given.seeds), dataset, run)
        rows.append(measured(run, sample, given.seeds).assign(configuration=name))
        about[f"{name}_cpu_minutes"] = _minutes(clock)
        table = pd.concat(rows, ignore_index=True)
        table.to_csv(given.out / "measures.csv", index=False, float_format="%.5g")
        summarise(table).to_csv(given.out / "summary.csv", index=False, float_format="%.4g")
        write_json(given.out / "machine.json", about | {"machine": platform.machine(), "versions": versions()})


def annealed_pressures(work: Path, out: Path) -> list[float]:
    """The pressures that `ifp anneal --whole` suggests for the images alone; its tables and figure are kept."""
    images = work / "sprites-32-unlabelled.npz"
    if not images.is_file():
        np.savez(images, images=np.load(work / "sprites-32.npz")["images"])
    folder = work / "unlabelled"
    found = ifp.anneal_whole(f"npz:{images}", out=folder, device="cpu", threads=1, say=print, **ANNEALING)
    for name in ("pressures.csv", "peaks.csv", "steps.csv", "mi.csv", "derivative.csv", "whole.json"):
        if (folder / name).is_file():
            shutil.copy(folder / name, out)
    print("\n".join(found.sentences()), flush=True)
    return [float(beta) for beta in found.tables["pressures"]["beta"]]


def measured(run: Path, sample: Sample, seeds: int) -> pd.DataFrame:
    """One row per seed at the last checkpoint; UDR is that of each network among the others of its configuration."""
    last = {seed: paths[-1] for seed, paths in list(checkpoints(run).items())[:seeds]}
    codes, kl = [], []
    for path in last.values():
        vae = read_model(path, sample, ReadingOptions(), "cpu")
        mean_ND, logvar_ND = encode_images(vae.encode, sample.images_NCHW[:UDR_IMAGES], torch.device("cpu"), silent)
        codes.append(mean_ND)
        kl.append(kl_nats(mean_ND, logvar_ND).mean(axis=0))
    score_M = udr(codes, kl).score_M
    rows = [
        {"seed": seed, "udr": score} | measure_checkpoint(path, sample, "cpu", ("mig", "dci-fast"))
        for (seed, path), score in zip(last.items(), score_M, strict=True)
    ]
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """One row per configuration and measure: mean and range, and the difference to beta-VAE, paired by seed."""
    by_seed = table.set_index(["configuration", "seed"])
    rows = []
    for name in table["configuration"].unique():
        own = by_seed.loc[name]
        for measure in MEASURES:
            level = own[measure]
            row = {"configuration": name, "measure": measure, "level": level.mean(), "least": level.min()}
            row["largest"] = level.max()
            if name != COMPARED[0]:
                row |= paired_difference(level, by_seed.loc[COMPARED[0]][measure])
            rows.append(row)
    return pd.DataFrame(rows)


def _minutes(clock: float) -> float:
    return round((time.process_time() - clock) / 60, 1)


if __name__ == "__main__":
    main()
