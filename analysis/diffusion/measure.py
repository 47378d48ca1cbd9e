"""Measures the runs of a diagnosis: every record, the series that they make, and the metrics of the last one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ifp.analysis.diffusion.diagnosis import Diagnosis, diagnose
from ifp.analysis.diffusion.series import Series, SeriesRecord, make_series
from ifp.analysis.diffusion.settings import MeasureSettings
from ifp.analysis.metrics import METRICS, Score, run_metrics
from ifp.analysis.metrics.arrays import MIN_SAMPLES
from ifp.analysis.metrics.registry import varying_factors
from ifp.checkpoints.run_records import Run
from ifp.codes import Codes
from ifp.system.cpus import granted_cpus
from ifp.system.progress import Progress, Say

SAY_COST_SECONDS = 30.0
"""If measuring the remaining checkpoints takes longer than this, the user is told how long."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of one run.

    Attributes
    ----------
    diagnosis : of its last record. series : None where it is none.
    scores : the metrics of the last record, each with the seconds it took.
    left_out : the metrics that were asked for and that these codes do not allow, each with the reason.
    """

    diagnosis: Diagnosis
    series: Series | None
    scores: dict[str, tuple[Score, float]]
    left_out: dict[str, str] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """That metrics were left out for want of images; none where there are enough or no metric was asked for."""
        images = int(self.diagnosis.settings["images"])
        if not self.left_out or images >= MIN_SAMPLES:
            return []
        return [f"Metrics are left out: of {images:,} images they are mostly bias, and {MIN_SAMPLES:,} are needed."]


def measure_runs(runs: Sequence[Run], settings: MeasureSettings, *, progress: Progress, say: Say) -> list[Measured]:
    """Measure every record of every run; only the last of a run is decomposed and looked at jointly.

    Raises
    ------
    IfpError : see `diagnose`, `make_series` and `run_metrics`.
    """
    total = sum(len(run.records) for run in runs)
    started, done = time.monotonic(), 0
    measured = []
    for run in runs:
        records = []
        for step, record in zip(_steps(run, say), run.records, strict=True):
            progress("measuring", done, total)
            of_record = diagnose(
                record.codes,
                permutations=settings.permutations,
                bootstraps=settings.bootstraps,
                seed=settings.seed,
                data=settings.data,
                decompose=record is run.last,
                joint=settings.joint and record is run.last,
                jobs=granted_cpus(),
                progress=_of_joint(progress),
            )
            records.append(SeriesRecord(step, record.label, of_record))
            done += 1
            progress("measuring", done, total)
            left = (time.monotonic() - started) / done * (total - done)
            if done == 1 and left > SAY_COST_SECONDS:
                say(f"{total} checkpoints to measure, about {left / 60:.1f} min.")
        series = make_series(records) if len(records) > 1 else None
        left_out = _left_out(run.last.codes, settings.metrics)
        scores = _scores(
            run.last.codes, settings, [name for name in settings.metrics if name not in left_out], progress
        )
        measured.append(Measured(records[-1].diagnosis, series, scores, left_out))
    return measured


def _of_joint(progress: Progress) -> Progress:
    """Progress of the joint information alone: the rest takes seconds per checkpoint."""

    def tell(text: str, done: int, total: int) -> None:
        if text.startswith("joint"):
            progress(text, done, total)

    return tell


def _left_out(codes: Codes, metrics: Sequence[str]) -> dict[str, str]:
    """The metrics that these codes do not allow, each with the reason."""
    if len(codes) < MIN_SAMPLES:
        return dict.fromkeys(metrics, f"{len(codes):,} images, {MIN_SAMPLES:,} are needed")
    varying = len(varying_factors(codes).factor_names)
    return {
        name: f"{varying} varying factor{'s' * (varying != 1)}, {METRICS[name].min_factors} needed"
        for name in metrics
        if METRICS[name].min_factors > varying
    }


def _scores(
    codes: Codes, settings: MeasureSettings, names: Sequence[str], progress: Progress
) -> dict[str, tuple[Score, float]]:
    """These metrics of the codes, each with the seconds it took."""
    scores: dict[str, tuple[Score, float]] = {}
    for number, (name, score, seconds) in enumerate(run_metrics(codes, names, seed=settings.seed), start=1):
        progress("metrics", number, len(names))
        scores[name] = (score, seconds)
    return scores


def _steps(run: Run, say: Say) -> list[int]:
    """The training step of each record; their place where they do not all say it."""
    steps = [record.step for record in run.records]
    known = [step for step in steps if step is not None]
    if len(known) == len(steps) == len(set(known)):
        return known
    if len(steps) > 1:
        say(f"The checkpoints of {run.name} do not all say their step; they are counted 0, 1, 2 in order of name.")
    return list(range(len(steps)))
