"""From what the user named to diagnoses: read every checkpoint, encode one sample of images, measure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ifp.analysis.diffusion.comparison import Comparison, compare
from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.diagnosis import diagnose as diagnose_codes
from ifp.analysis.diffusion.series import Series, SeriesRecord, make_series
from ifp.analysis.metrics import METRICS, Score, run_metrics
from ifp.analysis.metrics.arrays import MIN_SAMPLES
from ifp.analysis.metrics.registry import varying_factors
from ifp.checkpoints.codes_cache import CodesCache
from ifp.checkpoints.custom import encode_by_function, read_codes
from ifp.checkpoints.encoded_runs import Run, check_same_latents, read_last, read_run
from ifp.checkpoints.folders.locate import Located, locate
from ifp.checkpoints.posteriors import Sample, check_image_shape, draw_regime, draw_sample
from ifp.checkpoints.regimes import READING_IMAGES, under_regime
from ifp.checkpoints.source import ReadingOptions
from ifp.cli.diagnose import FEWEST_IMAGES
from ifp.cli.own_data import open_dataset
from ifp.cli.progress import StageProgress
from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.datasets.correlated import Pair
from ifp.datasets.regime import correlated_sampler
from ifp.errors import IfpError
from ifp.system.cpus import granted_cpus
from ifp.system.progress import Progress

SAY_COST_SECONDS = 30.0


@dataclass(frozen=True)
class RunSettings:
    """What the user asked for, checked."""

    paths: tuple[Path, ...]
    codes: tuple[Path, ...]
    encoder: str | None
    dataset: str | None
    data_dir: Path | None
    background: Path | None
    series: bool
    images: int
    seed: int
    permutations: int
    bootstraps: int
    reading: ReadingOptions
    device: str
    metrics: tuple[str, ...]
    correlate: tuple[Pair, ...] = ()
    inverse: bool = False
    joint: bool = True
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Diagnosed:
    """A run with what was measured of it; `comparison` is with the first of two runs, of the second alone."""

    run: Run
    last: Diagnosis
    series: Series | None
    scores: dict[str, tuple[Score, float]]
    comparison: Comparison | None = None


def collect_runs(settings: RunSettings, out: Path, stages: StageProgress) -> tuple[list[Run], Sample | None]:
    """The runs and the images that they were encoded from (None for codes that came as arrays)."""
    if settings.codes:
        runs = [Run(path.stem, (read_codes(path),)) for path in settings.codes]
        if settings.series:
            runs = [_one_series(runs)]
        for run in runs:
            _check_enough(len(run.last.codes), run.name)
        return runs, None
    assert settings.dataset is not None
    located = [locate(path) for path in settings.paths]
    for note in dict.fromkeys(note for place in located for note in place.notes):
        stages.say(note)
    if settings.series:
        located = [Located(located[0].name, tuple(file for place in located for file in place.files))]
    models = [read_last(place, settings.reading) for place in located]
    dataset = open_dataset(settings.dataset, data_dir=settings.data_dir, background=settings.background, stages=stages)
    for model in models:
        check_image_shape(model, dataset)
    if settings.correlate:
        return _correlated_runs(settings, dataset, located, out, stages)
    sample = draw_sample(dataset, settings.images, settings.seed, stages.update)
    _check_enough(len(sample.images_NCHW), dataset.name)
    if settings.encoder:
        return [
            Run(settings.encoder, (encode_by_function(settings.encoder, sample, settings.device, stages.update),))
        ], sample
    kept = CodesCache(out / "codes", sample, settings.seed, settings.reading)
    runs = [
        read_run(
            place, sample, settings.reading, settings.device, seed=settings.seed, progress=stages.update, kept=kept
        )
        for place in located
    ]
    return runs, sample


def _correlated_runs(
    settings: RunSettings, dataset: FactorDataset, located: list[Located], out: Path, stages: StageProgress
) -> tuple[list[Run], Sample]:
    """The last checkpoint of each run, read on images that are all alike, and its codes of correlated ones."""
    sampler = correlated_sampler(dataset, settings.correlate, settings.inverse)
    sample = draw_regime(dataset, sampler, settings.images, settings.seed, stages.update)
    plain = draw_sample(dataset, READING_IMAGES, settings.seed, stages.update)
    if settings.encoder:
        tested, record = (
            encode_by_function(settings.encoder, images, settings.device, stages.update) for images in (plain, sample)
        )
        return [Run(settings.encoder, (replace(record, plain_codes=tested.codes),))], sample
    kept, runs = CodesCache(out / "codes", sample, settings.seed, settings.reading), []
    for place in located:
        if len(place.files) > 1:
            stages.say(f"{place.name} is a series: its last checkpoint alone is scored on correlated images.")
        run = read_run(place, plain, settings.reading, settings.device, seed=settings.seed, progress=stages.update)
        run = under_regime(run, sample, settings.device, seed=settings.seed, progress=stages.update)
        kept.keep(next(file for file in place.files if file.label == run.last.label), run.last)
        runs.append(run)
    return runs, sample


def _check_enough(images: int, name: str) -> None:
    if images < FEWEST_IMAGES:
        raise IfpError(
            f"{name} holds {images} images and at least {FEWEST_IMAGES} are needed: fewer show only noise; give more."
        )


def diagnose_runs(runs: list[Run], settings: RunSettings, stages: StageProgress) -> list[Diagnosed]:
    """Measure every record of every run; compare two."""
    runs = [replace(run, name=settings.names.get(at, run.name)) for at, run in enumerate(runs)]
    if len(runs) > 1 and settings.codes:
        check_same_latents(runs)
    total = sum(len(run.records) for run in runs)
    started, done = time.monotonic(), 0
    diagnosed = []
    for run in runs:
        records = []
        steps = _steps(run, stages)
        for step, record in zip(steps, run.records, strict=True):
            stages.update("measuring", done, total)
            measured = diagnose_codes(
                record.codes,
                permutations=settings.permutations,
                bootstraps=settings.bootstraps,
                seed=settings.seed,
                data=f"{settings.dataset}, {settings.images} images of seed {settings.seed}"
                + (f", correlated {settings.correlate} {settings.inverse}" if settings.correlate else "")
                if settings.dataset
                else "codes",
                decompose=record is run.last,
                joint=settings.joint and record is run.last,
                jobs=granted_cpus(),
                progress=_of_joint(stages),
            )
            records.append(SeriesRecord(step, record.label, measured))
            done += 1
            stages.update("measuring", done, total)
            left = (time.monotonic() - started) / done * (total - done)
            if done == 1 and left > SAY_COST_SECONDS:
                stages.say(f"{total} checkpoints to measure, about {left / 60:.1f} min.")
        series = make_series(records) if len(records) > 1 else None
        scores = _scores(run.last.codes, settings, stages)
        diagnosed.append(Diagnosed(run, records[-1].diagnosis, series, scores))
    stages.close()
    if len(diagnosed) == 2:
        a, b = diagnosed
        compared = compare(a.last, b.last, label_a=a.run.name, label_b=b.run.name)
        diagnosed = [a, replace(b, comparison=compared)]
    return diagnosed


def _of_joint(stages: StageProgress) -> Progress:
    """Progress of the joint information alone: the rest takes seconds a checkpoint."""

    def tell(text: str, done: int, total: int) -> None:
        if text.startswith("joint"):
            stages.update(text, done, total)

    return tell


def _scores(codes: Codes, settings: RunSettings, stages: StageProgress) -> dict[str, tuple[Score, float]]:
    """The metrics that these codes allow, each with the seconds it took; none of few images."""
    if settings.metrics and len(codes) < MIN_SAMPLES:
        stages.say(f"Metrics are left out: of {len(codes)} images they are mostly bias, {MIN_SAMPLES} are the fewest.")
        return {}
    there = len(varying_factors(codes).factor_names)
    names = [name for name in settings.metrics if METRICS[name].min_factors <= there]
    scores: dict[str, tuple[Score, float]] = {}
    for at, (name, score, seconds) in enumerate(run_metrics(codes, names, seed=settings.seed)):
        stages.update("metrics", at + 1, len(names))
        scores[name] = (score, seconds)
    return scores


def _steps(run: Run, stages: StageProgress) -> list[int]:
    steps = [record.step for record in run.records]
    known = [step for step in steps if step is not None]
    if len(known) == len(steps) == len(set(known)):
        return known
    if len(steps) > 1:
        stages.say(
            f"The checkpoints of {run.name} do not all say their step; they are counted 0, 1, 2 in order of name."
        )
    return list(range(len(steps)))


def _one_series(runs: list[Run]) -> Run:
    records = [record for run in runs for record in run.records]
    check_same_latents(runs)
    if len({record.codes.num_latents for record in records}) > 1:
        raise IfpError("The codes have different numbers of latents, so they are not one series; leave --series out.")
    if all(record.step is not None for record in records):
        records.sort(key=lambda record: record.step or 0)
    return Run("codes", tuple(records))
