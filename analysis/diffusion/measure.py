"""Measures the runs of a diagnosis: every record, the series that they make, and the metrics of the last one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from ifp.analysis.diffusion.diagnosis import Diagnosis, diagnose
from ifp.analysis.diffusion.series import Series, SeriesRecord, make_series
from ifp.analysis.diffusion.settings import MeasureSettings
from ifp.analysis.metrics import DECODER_METRICS, METRICS, Score, run_metrics
from ifp.analysis.metrics.arrays import MIN_SAMPLES
from ifp.analysis.metrics.registry import varying_factors
from ifp.analysis.metrics.topology import COLUMNS as TOPOLOGY_COLUMNS
from ifp.analysis.metrics.topology import Topology
from ifp.checkpoints.decoding import decoder_of
from ifp.checkpoints.run_records import Record, Run
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

    def latent_topology(self) -> pd.DataFrame:
        """MinMax of each active latent, one row per latent and metric; empty where it was not asked for."""
        tables = [
            score.table().assign(metric=name) for name, (score, _) in self.scores.items() if isinstance(score, Topology)
        ]
        columns = ["metric", *TOPOLOGY_COLUMNS]
        return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)

    def sentences(self) -> list[str]:
        """Which metrics were left out for want of images, of a decoder or of a package, and why."""
        images = int(self.diagnosis.settings["images"])
        lines = [
            f"{n} is left out: {reason.rstrip('.')}." for n, reason in self.left_out.items() if n in DECODER_METRICS
        ]
        if images < MIN_SAMPLES and any(name not in DECODER_METRICS for name in self.left_out):
            few = f"of {images:,} images they are mostly bias, and {MIN_SAMPLES:,} are needed."
            lines.insert(0, f"Metrics are left out: {few}")
        return lines


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
        left_out = _left_out(run.last, settings.metrics)
        scores = _scores(run.last, settings, [name for name in settings.metrics if name not in left_out], progress)
        measured.append(Measured(records[-1].diagnosis, series, scores, left_out))
    return measured


def _of_joint(progress: Progress) -> Progress:
    """Progress of the joint information alone: the rest takes seconds per checkpoint."""

    def tell(text: str, done: int, total: int) -> None:
        if text.startswith("joint"):
            progress(text, done, total)

    return tell


def _left_out(record: Record, metrics: Sequence[str]) -> dict[str, str]:
    """The metrics that this model does not allow, each with the reason."""
    codes, left_out = record.codes, {}
    of_decoder = [name for name in metrics if name in DECODER_METRICS]
    of_codes = [name for name in metrics if name not in DECODER_METRICS]
    for name in of_decoder:
        without = "no decoder" if record.choice is None or record.choice.vae.decoder is None else ""
        if reason := without or DECODER_METRICS[name].missing():
            left_out[name] = reason
    if len(codes) < MIN_SAMPLES:
        return left_out | dict.fromkeys(of_codes, f"{len(codes):,} images, {MIN_SAMPLES:,} are needed")
    varying = len(varying_factors(codes).factor_names)
    return left_out | {
        name: f"{varying} varying factor{'s' * (varying != 1)}, {METRICS[name].min_factors} needed"
        for name in of_codes
        if METRICS[name].min_factors > varying
    }


def _scores(
    record: Record, settings: MeasureSettings, names: Sequence[str], progress: Progress
) -> dict[str, tuple[Score, float]]:
    """These metrics of the model, each with the seconds it took."""
    scores: dict[str, tuple[Score, float]] = {}
    of_codes = [name for name in names if name not in DECODER_METRICS]
    for name, score, seconds in run_metrics(record.codes, of_codes, seed=settings.seed):
        scores[name] = (score, seconds)
        progress("metrics", len(scores), len(names))
    for name in names:
        if name in DECODER_METRICS and record.choice is not None:
            started = time.perf_counter()
            decode = decoder_of(record.choice.vae, settings.device)
            score = DECODER_METRICS[name].run(record.codes, decode, settings.seed, settings.device, progress)
            scores[name] = (score, time.perf_counter() - started)
            progress("metrics", len(scores), len(names))
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
