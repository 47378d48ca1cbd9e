"""`ifp.shift`: probe two sets of trained models alike, and say how far their factors' melting points lie apart."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ifp.analysis.shift.melting import melting_points, shifts
from ifp.analysis.shift.probes import ProbedModel, measure_probe, probe_or_read
from ifp.analysis.shift.result import SIDES, ShiftResult
from ifp.checkpoints.encoded_runs import read_model
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset
from ifp.errors import IfpError, bad_value
from ifp.seeds import check_seed
from ifp.system.checksums import may_trust
from ifp.system.devices import check_device
from ifp.system.files import remove_partials
from ifp.system.out_folder import SHIFT, result_folder
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.settings import check_threshold, is_number
from ifp.training.probe import ProbeConfig

HIGHEST_BETA = 300.0
"""The highest beta of a probe by default, unless the probe would then span too small a range."""
SMALLEST_RANGE = 50.0
"""The smallest ratio of the highest to the lowest beta of a probe by default."""
FEWEST_IMAGES = 1000
"""With fewer images the information of latents on factors is lost in its noise floor."""


@may_trust
def shift(
    baseline: str | os.PathLike[str],
    mitigated: str | os.PathLike[str],
    dataset: str | FactorDataset | np.ndarray,
    *,
    probe: str = "heat",
    beta_min: float | None = None,
    beta_max: float | None = None,
    steps: int = 3000,
    hold_steps: int = 200,
    records: int = 40,
    batch: int = 64,
    learning_rate: float = 5e-4,
    images: int = 10_000,
    fixed_images: int = 2000,
    threshold: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    data_dir: Path | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
    trust: bool = False,
) -> ShiftResult:
    """Probe the models of two trainings alike, and measure how far the melting points of their factors lie apart.

    The models are fine-tuned in memory while beta moves; their files are never changed. Each side is a checkpoint of
    any code base whose decoder can be read, an `ifp train` run, of which every seed is a model, or what `ifp.train`
    returned. The models of the two sides are paired in order.

    Parameters
    ----------
    baseline, mitigated : the models of the two sides.
    dataset : the data of both trainings: a name, a data set, or images; it must have factors.
    probe : "heat" (beta rises) or "cool" (beta falls).
    beta_min : lowest beta of the probe; by default the lowest beta of the models, or 1 where none is known.
    beta_max : highest beta of the probe; by default 300, or 50 times the lowest where that is more.
    steps : optimizer steps while beta moves. hold_steps : steps at the first beta before it moves.
    records : evaluations along the way. batch : images per step. learning_rate : of Adam.
    images : images to train on. fixed_images : images whose information is followed. At least 1,000 each; where the
        data have fewer, all are taken.
    threshold : KL of a latent, in nats, above which it counts as frozen.
    seed : of images, batches and noise.
    out : a folder that keeps each finished probe, so that the same call goes on after the last one; None keeps nothing.
    progress : see `ifp.system.progress.Progress`. say : called with what was done to the images of a user's own.
    trust : whether to believe files of runs that are not as they were written.

    Raises
    ------
    IfpError : sides that do not pair, data without factors, models without a decoder or with different likelihoods,
        a probe that diverged, a folder that holds something else, or a setting out of range.

    References
    ----------
    `ifp.analysis.shift.melting` defines the melting point; it is ours.
    """
    for name, value in (("images", images), ("fixed_images", fixed_images)):
        if not is_number(value) or value < FEWEST_IMAGES:
            raise bad_value(name, value, f"a whole number of at least {FEWEST_IMAGES}")
    check_seed(seed)
    check_threshold("threshold", threshold)
    folder = None if out is None else result_folder(out, SHIFT, "out")
    if folder is not None:
        remove_partials(folder)
    for side, given in zip(SIDES, (baseline, mitigated), strict=True):
        if not isinstance(given, str | os.PathLike):
            raise IfpError(
                f"{side} must be the path of a checkpoint or of a run, or what ifp.train returned, for the probe "
                f"trains whole models on; got {type(given).__name__}."
            )
    device = check_device(device)
    paths = {side: _models_of(Path(path)) for side, path in zip(SIDES, (baseline, mitigated), strict=True)}
    if len(paths["baseline"]) != len(paths["mitigated"]):
        counts = " and ".join(f"{len(of_side)} {side}" for side, of_side in paths.items())
        raise IfpError(f"Models are paired by seed; {counts} models do not pair, give runs of equally many seeds.")
    data = as_dataset(dataset, data_dir=data_dir, progress=progress, say=say)
    if not data.labelled:
        raise IfpError(f"{data.name} has no factors, so no factor's melting point can be measured; add labels.")
    if data.num_images < max(images, fixed_images):
        say(f"{data.name} holds {data.num_images:,.0f} images; no more are trained on or followed.")
    train = draw_sample(data, images, seed, progress)
    fixed = draw_sample(data, fixed_images, seed + 1, progress)
    models = [
        ProbedModel(side, number, path, _load(path, fixed, device))
        for side, of_side in paths.items()
        for number, path in enumerate(of_side)
    ]
    low, high = _beta_range(models, beta_min, beta_max)
    config = ProbeConfig(
        direction=probe, low=low, high=high, seed=seed, steps=steps, hold_steps=hold_steps, records=records,
        batch=batch, learning_rate=learning_rate,
    )  # fmt: skip
    tables: Mapping[str, list[pd.DataFrame]] = {side: [] for side in SIDES}
    probes = []
    for model in models:
        finished = probe_or_read(model, train, fixed, config, out=folder, device=device, progress=progress)
        trace = finished.trace
        information = measure_probe(trace, fixed, seed, progress)
        tables[model.side].append(
            melting_points(trace.beta_T, trace.kl_nats_TD, information, data.space.names, threshold_nats=threshold)
        )
        probes.append(finished)
    return ShiftResult(
        baseline=os.fspath(baseline), mitigated=os.fspath(mitigated), config=config, threshold_nats=threshold,
        shifts=shifts(tables["baseline"], tables["mitigated"]), melting=_joined(tables), probes=tuple(probes),
        dataset={"name": data.name, "checksum": data.checksum(), "image_shape": data.image_shape},
        models=tuple(
            {"side": model.side, "path": str(model.path), "likelihood": model.vae.likelihood, "beta": model.vae.beta}
            for model in models
        ),
    )  # fmt: skip


def _models_of(run: Path) -> list[Path]:
    """The models of a run with several seeds, in their order; of anything else the path itself."""
    seeds = sorted(run.glob("seed-*"), key=lambda path: (len(path.name), path.name)) if run.is_dir() else []
    paths = [path for path in seeds if path.is_dir()] or [run]
    for path in paths:
        locate(path)  # a path that leads nowhere is refused before anything is compared or computed
    return paths


def _load(path: Path, fixed: Sample, device: str) -> Vae:
    vae = read_model(path, fixed, ReadingOptions(), device)
    if vae.decoder is None:
        raise IfpError(f"The decoder of {path} could not be read, and the probe trains the whole model; give another.")
    return vae


def _beta_range(models: Sequence[ProbedModel], beta_min: float | None, beta_max: float | None) -> tuple[float, float]:
    """The range of beta of the probe, as the user gave it or by default."""
    if len({model.vae.likelihood for model in models}) > 1:
        raise IfpError(
            "The models have different likelihoods, so their betas do not compare; give models trained alike."
        )
    known = [model.vae.beta for model in models if model.vae.beta]
    low = beta_min if beta_min is not None else min(known, default=1.0)
    return low, beta_max if beta_max is not None else max(HIGHEST_BETA, SMALLEST_RANGE * low)


def _joined(tables: Mapping[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """The melting points of all models in one table, with the columns `side` and `number`."""
    return pd.concat(
        [
            table.assign(side=side, number=number)
            for side, of_side in tables.items()
            for number, table in enumerate(of_side)
        ],
        ignore_index=True,
    )
