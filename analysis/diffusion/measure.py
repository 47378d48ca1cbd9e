"""Measures the runs of a diagnosis: every record, the series that they make, and the metrics of the last one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from ifp.analysis.diffusion.diagnosis import Diagnosis, diagnose
from ifp.analysis.diffusion.series import Series, SeriesRecord, make_series
from ifp.analysis.diffusion.settings import MeasureSettings
from ifp.analysis.metrics import DECODER_METRICS, METRICS, Score, run_metrics
from ifp.analysis.metrics.arrays import MIN_SAMPLES
from ifp.analysis.metrics.registry import varying_factors
from ifp.analysis.metrics.topology import COLUMNS as TOPOLOGY_COLUMNS
from ifp.analysis.metrics.topology import Topology
from ifp.checkpoints.decoding import decoder_of, drawn_latents
from ifp.checkpoints.run_records import Record, Run
from ifp.codes import Codes
from ifp.errors import counted
from ifp.system.cpus import granted_cpus
from ifp.system.progress import Progress, Say, silent
from ifp.system.threads import torch_threads
from ifp.system.workers import Site, Workers

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
        """Which metrics were left out for want of rows (images, cells), of a decoder or of a package, and why."""
        count, unit = int(self.diagnosis.settings["images"]), self.diagnosis.unit
        lines = [
            f"{n} is left out: {reason.rstrip('.')}." for n, reason in self.left_out.items() if n in DECODER_METRICS
        ]
        if count < MIN_SAMPLES and any(name not in DECODER_METRICS for name in self.left_out):
            few = f"of {count:,} {unit}s they are mostly bias, and {MIN_SAMPLES:,} are needed."
            lines.insert(0, f"Metrics are left out: {few}")
        return lines


@dataclass(frozen=True)
class _ToMeasure:
    """A checkpoint's codes, its place among all checkpoints of all runs, and whether it is the last of its run."""

    place: int
    label: str
    codes: Codes
    last: bool

    def name(self) -> str:
        return f"checkpoint {self.label}"


def measure_runs(
    runs: Sequence[Run], settings: MeasureSettings, *, workers: Workers | None = None, progress: Progress, say: Say
) -> list[Measured]:
    """Measure every record of every run; only the last of a run is decomposed and looked at jointly.

    `workers` of a cluster measure the records; None for this process.

    Raises
    ------
    IfpError : see `diagnose`, `make_series` and `run_metrics`.
    """
    steps = [_steps(run, say) for run in runs]
    every = [(record, record is run.last) for run in runs for record in run.records]
    todo = [_ToMeasure(place, record.label, record.codes, last) for place, (record, last) in enumerate(every)]
    found: dict[int, Diagnosis] = {}
    started = time.monotonic()

    def take(result: tuple[int, Diagnosis]) -> None:
        found[result[0]] = result[1]
        progress("measuring", len(found), len(todo))
        left = (time.monotonic() - started) / len(found) * (len(todo) - len(found))
        if len(found) == 1 and left > SAY_COST_SECONDS:
            say(f"{counted(len(todo), 'checkpoint')} to measure, about {left / 60:.1f} min.")

    progress("measuring", 0, len(todo))
    if workers is None:
        tell = progress if len(todo) == 1 else _of_joint(progress)
        for one in todo:
            take((one.place, _measured(settings, one, granted_cpus(), tell)))
    else:
        workers.map_chunks(_measure_there, settings, todo, take, name=_ToMeasure.name, kernel_threads=torch_threads())
    measured, place = [], 0
    for run, steps_of in zip(runs, steps, strict=True):
        records = [
            SeriesRecord(step, record.label, found[place + number])
            for number, (step, record) in enumerate(zip(steps_of, run.records, strict=True))
        ]
        place += len(records)
        series = make_series(records) if len(records) > 1 else None
        left_out = _left_out(run.last, settings.metrics)
        scores = _scores(run.last, settings, [name for name in settings.metrics if name not in left_out], progress)
        measured.append(Measured(records[-1].diagnosis, series, scores, left_out))
    return measured


def _measured(settings: MeasureSettings, one: _ToMeasure, jobs: int, progress: Progress) -> Diagnosis:
    return diagnose(
        one.codes,
        permutations=settings.permutations,
        bootstraps=settings.bootstraps,
        seed=settings.seed,
        data=settings.data,
        decompose=one.last,
        joint=settings.joint and one.last,
        jobs=jobs,
        progress=progress,
    )


def _measure_there(settings: MeasureSettings, one: _ToMeasure, site: Site) -> tuple[int, Diagnosis]:
    """On a worker, in one process."""
    return one.place, _measured(settings, one, 1, silent)


def _of_joint(progress: Progress) -> Progress:
    """Progress of the joint information alone: the rest takes seconds for each of many checkpoints."""

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
        without = "no decoder" if record.choice is None or not record.choice.vae.draws else ""
        if reason := without or DECODER_METRICS[name].missing():
            left_out[name] = reason
    if len(codes) < MIN_SAMPLES:
        return left_out | dict.fromkeys(of_codes, f"{counted(len(codes), codes.unit)}, {MIN_SAMPLES:,} are needed")
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
            vae, seed = record.choice.vae, settings.seed
            draw = partial(drawn_latents, vae, record.codes, seed=seed)
            decode = decoder_of(vae, settings.device)
            score = DECODER_METRICS[name].run(record.codes, decode, draw, seed, settings.device, progress)
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
