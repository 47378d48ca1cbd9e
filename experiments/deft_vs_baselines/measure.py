"""Measures of a configuration's checkpoints, a row each: NMI1 and NMI2 by both estimators, MIG, DCI, reconstruction.

All on one sample of images, drawn uniformly whatever the training images were.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ifp.analysis.information.per_latent import Information, measure_information
from ifp.analysis.metrics import run_metrics
from ifp.checkpoints.encoded_runs import read_model
from ifp.checkpoints.posteriors import Sample, encode_images, reconstruction_nats
from ifp.checkpoints.source import ReadingOptions
from ifp.codes import kl_nats
from ifp.system.progress import silent

PERMUTATIONS = 10
"""Of the labels, for the noise floor."""


def measure_run(
    run: Path, sample: Sample, device: str, *, dci_always: bool, only: Collection[int] | None = None
) -> pd.DataFrame:
    """One row for each checkpoint of each seed of an `ifp train` run, or of the seeds in `only`.

    DCI costs more than all the rest: without `dci_always` it is measured at the last checkpoint alone.
    """
    rows = []
    for seed, paths in checkpoints(run).items():
        if only is not None and seed not in only:
            continue
        for path in paths:
            metrics = ("mig", "dci-fast") if dci_always or path == paths[-1] else ("mig",)
            rows.append({"seed": seed, "step": step_of(path)} | measure_checkpoint(path, sample, device, metrics))
    return pd.DataFrame(rows)


def checkpoints(run: Path) -> dict[int, list[Path]]:
    """The checkpoints of each seed of a run, in the order of their steps."""
    folders = {int(folder.name.removeprefix("seed-")): folder for folder in run.glob("seed-*")}
    return {seed: sorted(folders[seed].glob("step-*.pt"), key=step_of) for seed in sorted(folders)}


def step_of(path: Path) -> int:
    """The step of a checkpoint."""
    return int(path.stem.removeprefix("step-"))


def measure_checkpoint(path: Path, sample: Sample, device: str, metrics: tuple[str, ...]) -> dict[str, Any]:
    """All measures of one checkpoint on one sample, by name."""
    vae = read_model(path, sample, ReadingOptions(), device)
    target = torch.device(device)
    mean_ND, logvar_ND = encode_images(vae.encode, sample.images_NCHW, target, silent)
    codes = sample.codes(mean_ND, logvar_ND)
    recon, _ = reconstruction_nats(vae, sample.images_NCHW, codes, target, 0, silent)
    kl_D = kl_nats(mean_ND, logvar_ND).mean(axis=0)
    row: dict[str, Any] = {"recon_nats": recon, "kl_nats": float(kl_D.sum()), "active": int((kl_D > 0.1).sum())}
    for estimator in ("posterior", "histogram"):
        found = measure_information(codes, estimator, permutations=PERMUTATIONS, bootstraps=2)
        row |= _ranked(found, estimator, codes.factor_names)
    for name, score, _ in run_metrics(codes, metrics):
        row |= {name if part == "value" else f"{name}_{part}": value for part, value in score.numbers().items()}
    return row


def _ranked(found: Information, estimator: str, names: tuple[str, ...]) -> dict[str, float]:
    """NMI1 and NMI2 of each factor, their means over factors, and the mean floor of labels in random order."""
    ordered_DF = np.sort(found.nmi_DF, axis=0)[::-1]
    row: dict[str, float] = {}
    for rank in (1, 2):
        row[f"nmi{rank}_{estimator}"] = float(ordered_DF[rank - 1].mean())
        row |= {f"nmi{rank}_{estimator}_{name}": float(v) for name, v in zip(names, ordered_DF[rank - 1], strict=True)}
    row[f"floor_{estimator}"] = float(found.floor_nmi_DF.mean())
    return row
