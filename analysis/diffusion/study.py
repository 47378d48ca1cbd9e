"""`ifp.diagnose`: from a model and a data set to what its latents hold; the work of the command of that name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.diffusion.measure import measure_runs
from ifp.analysis.diffusion.model_comparison import ModelComparison
from ifp.analysis.diffusion.model_diagnosis import ModelDiagnosis
from ifp.analysis.diffusion.settings import MeasureSettings, check_counts
from ifp.analysis.diffusion.thinned_codes import say_of_joint, thinned_runs
from ifp.analysis.metrics.choice import chosen_metrics
from ifp.analysis.training.result import TrainResult
from ifp.checkpoints.encode_models import EncodeSettings, encode_models
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.run_records import Run
from ifp.checkpoints.source import ReadingOptions, as_reading
from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import DATASETS, is_own
from ifp.datasets.correlated import Pair, as_pairs
from ifp.errors import IfpError, bad_value, counted
from ifp.recording.find_recordings import all_recordings
from ifp.recording.read_recording import read_recording
from ifp.seeds import check_seed
from ifp.system.checksums import may_trust
from ifp.system.cluster import check_scheduler, connect
from ifp.system.devices import check_device
from ifp.system.progress import Progress, Say, silent, unsaid

IMAGES = 10_000
"""How many images are encoded where no number is given."""
Model = str | Path | Codes | Run | Callable[[Any], Any] | Any
"""A checkpoint or a folder with a series of them, an nn.Module with `encode`, a function images [N, C, H, W] in [0, 1]
-> (mean, logvar), such a function's name "package.module:function", `Codes`, what `ifp.read_checkpoints` returns,
what `ifp.train` returns (the last checkpoint of each seed), or the folder of an `ifp.Recorder`."""


@may_trust
def diagnose(
    model: Model | Sequence[Model],
    dataset: str | FactorDataset | np.ndarray | None = None,
    *,
    images: int = IMAGES,
    seed: int = 0,
    permutations: int = 100,
    bootstraps: int = 200,
    metrics: str | Sequence[str] = "quick",
    joint: bool = True,
    correlate: Sequence[Pair] = (),
    inverse: bool = False,
    series: bool = False,
    names: str | Sequence[str] | Mapping[int, str] = (),
    reading: ReadingOptions | None = None,
    device: str = "auto",
    scheduler: str | None = None,
    data_dir: Path | None = None,
    background: Path | None = None,
    anyway: bool = False,
    codes_folder: Path | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
    trust: bool = False,
) -> ModelDiagnosis | ModelComparison:
    """Say what each latent of a VAE holds, which factors have diffused over several latents, and what leaked away.

    Nothing is written, and nothing in a checkpoint is executed.

    Parameters
    ----------
    model : see `Model`; a list of models is compared. A folder with several checkpoints of one run is a series.
    dataset : the images to encode, best those of training: a name (`ifp data list`), a data set, or images
        [N, H, W(, C)]; None for `Codes`, for recordings and for what was encoded before.
    images : how many images to encode; below 1,000 intervals are wide. Of codes all rows are measured.
    seed : of images, permutations and resamples.
    permutations : of the labels, for the noise floor. bootstraps : resamples of the images, for the intervals.
    metrics : "quick", "fast", "all", "none" or names; see `ifp.analysis.metrics`.
    joint : whether to bound what all latents together hold of each factor, 1 to 2 CPU minutes per model.
    correlate, inverse : draw images with correlated factors; see `ifp.read_correlated`.
    series : whether a list of paths, or of codes, is one series of checkpoints of one model.
    names : what to call the models.
    reading : what you know better than a checkpoint's file does.
    device : where checkpoints are encoded; a module stays on its own device, and "auto" hands a function CPU tensors.
    scheduler : the address of a dask scheduler whose workers measure, a checkpoint at a time, or "local" or "local:N"
        for N processes here (docs/cluster.md); None for this process, which encodes in any case.
    data_dir, background : where the official files lie, and the picture of sprites-scream.
    anyway : measure a model though it failed its self-test or the data test; it gets no verdict all the same.
    codes_folder : where the codes of checkpoints are kept from one call to the next.
    trust : whether to believe files of runs that are not as they were written.

    Returns
    -------
    A `ModelDiagnosis`, or of a list of models a `ModelComparison`. Printing it gives the verdict.

    Raises
    ------
    IfpError : a model or a data set that cannot be read, or a setting that is not allowed.

    >>> import ifp
    >>> position = np.arange(400) % 8
    >>> mean = np.stack([position / 2.3 - 1.5, np.zeros(400)], axis=1)
    >>> codes = ifp.Codes(mean, np.full((400, 2), [-4.0, 0.0]), position, ["posX"])
    >>> result = ifp.diagnose(codes, joint=False, metrics="none")
    >>> result.table()["held_by"].tolist()
    ['0']
    """
    if isinstance(model, TrainResult):
        model = model.models() if len(model.models()) > 1 else model.models()[0]
    several = isinstance(model, list | tuple)
    models: Sequence[Any] = model if isinstance(model, list | tuple) else [model]
    if all_recordings(models, dataset):
        models = [read_recording(Path(one)).run() for one in models]
    if not models:
        raise IfpError("Nothing to diagnose is given; give a model, or a list of at least one.")
    check_seed(seed)
    check_scheduler(scheduler)
    correlate = as_pairs(correlate)
    check_counts(images=images, permutations=permutations, bootstraps=bootstraps)
    wanted, options, where = chosen_metrics(metrics), as_reading(reading), check_device(device)
    runs, sample = encode_models(
        models,
        dataset,
        EncodeSettings(
            images=images, seed=seed, reading=options, device=where, own_device=device, series=series,
            correlate=correlate, inverse=inverse, codes_folder=codes_folder,
        ),
        data_dir=data_dir,
        background=background,
        progress=progress,
        say=say,
    )  # fmt: skip
    if sample is None:
        runs = thinned_runs(runs, seed, say)
        given = runs[0].last.codes
        if images != IMAGES and images < len(given):
            rows = counted(len(given), given.unit)
            say(f"`images` is about images to encode; the codes of {rows} are measured, not of {images:,}.")
    if joint:
        say_of_joint(runs, say)
    runs = _named(runs, names)
    measured: Sequence[Any] = [None] * len(runs)
    if anyway or not any(run.last.doubts for run in runs):
        settings = MeasureSettings(
            seed=seed, permutations=permutations, bootstraps=bootstraps, metrics=wanted, joint=joint, device=where,
            data=_data_in_words(dataset, sample, images, seed, correlate, inverse),
        )  # fmt: skip
        with connect(scheduler, "cpu", say) as workers:
            measured = measure_runs(runs, settings, workers=workers, progress=progress, say=say)
    results = tuple(
        ModelDiagnosis(run, numbers, sample, seed, options, where) for run, numbers in zip(runs, measured, strict=True)
    )
    return ModelComparison(results) if several and len(results) > 1 else results[0]


def _named(runs: Sequence[Run], names: str | Sequence[str] | Mapping[int, str]) -> list[Run]:
    """The runs under the names that the user gave them, by place."""
    listed = [names] if isinstance(names, str) else names
    by_place = (
        dict(listed)
        if isinstance(listed, Mapping)
        else dict(enumerate(listed if isinstance(listed, Sequence) else [listed]))
    )
    if not all(isinstance(place, int) and isinstance(name, str) and name for place, name in by_place.items()):
        raise bad_value("names", names, "a list of texts, one per model, or a dictionary {place: text}")
    if len(by_place) > len(runs):
        raise IfpError(
            f"Given are {counted(len(by_place), 'name')} for {counted(len(runs), 'model')}; give one name per model."
        )
    return [replace(run, name=by_place.get(place, run.name)) for place, run in enumerate(runs)]


def _data_in_words(
    dataset: str | FactorDataset | np.ndarray | None,
    sample: Sample | None,
    images: int,
    seed: int,
    correlate: tuple[Pair, ...],
    inverse: bool,
) -> str:
    """What the images are; arrays in memory by their checksum, since they have no name of their own."""
    if sample is None:
        return "codes"
    name = dataset if isinstance(dataset, str) else sample.dataset.name
    if not isinstance(dataset, str) and name not in DATASETS and not is_own(name):
        name = f"{name} {sample.dataset.checksum()[:12]}"
    regime = f", correlated {correlate} {inverse}" if correlate else ""
    return f"{name}, {images} images of seed {seed}{regime}"
