"""Fusion of weak learners on the circle: trains them, fuses more and more of them, scores what comes out.

    python experiments/so2_fusion/run.py                   # --scale small, kept in results/small
    python experiments/so2_fusion/run.py --scale paper --device cuda

The same command goes on after the last draw that was finished. Figure: draw.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch

import numpy as np
import pandas as pd
import torch
from learners import train_learners

from ifp.analysis.tables import write_csv
from ifp.fingerprints.fingerprints import GaussianFingerprints
from ifp.fingerprints.fusion import FusedSpace, continuity, fuse
from ifp.fingerprints.fusion_target import OBJECTIVES
from ifp.seeds import numpy_generator
from ifp.system.files import write_json
from ifp.system.versions import versions

SEED = 0
DTYPE = torch.float64
"""Of fingerprints and fusion: a faint space's NMI is a ratio of small differences."""


@dataclass(frozen=True)
class Scale:
    """How large an experiment is.

    Attributes
    ----------
    ensembles, learners : ensembles that share nothing, and beta-VAEs in each.
    draws, sizes : orders of an ensemble's learners, of which the first `sizes` are fused, each from its own start. The
        first draw is the order of training.
    hidden, batch, steps, beta, learning_rate : of a learner.
    points : of the fingerprint, N.
    fusion_steps, fusion_rate : of a fusion.
    """

    ensembles: int
    learners: int
    draws: int
    sizes: tuple[int, ...]
    hidden: int
    batch: int
    steps: int
    fusion_steps: int
    beta: float = 0.03
    learning_rate: float = 1e-3
    points: int = 200
    fusion_rate: float = 0.05


SCALES = {
    "small": Scale(4, 50, 2, (2, 3, 5, 10, 20, 50), 64, 128, 3000, 800),
    "paper": Scale(5, 50, 1, (2, 3, 5, 10, 15, 20, 30, 50), 256, 2048, 3000, 20_000),
}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--out", type=Path, help="results/SCALE beside this file where none is named")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    scale = SCALES[given.scale]
    out = given.out or Path(__file__).resolve().parent / "results" / given.scale
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    if given.device == "cpu":
        torch.set_num_threads(1)
    for ensemble in range(scale.ensembles):
        for draw in range(scale.draws):
            if not (work / f"draw-{ensemble}-{draw}.csv").is_file():
                fuse_draw(ensemble, draw, scale, work, given.device)
    gather(out, scale, given.device)


def fuse_draw(ensemble: int, draw: int, scale: Scale, work: Path, device: str) -> None:
    """Fuse more and more learners of an ensemble in the order of a draw, and write the scores and the spaces."""
    mean, logvar = learnt_posteriors(ensemble, scale, work, device)
    number = ensemble * scale.draws + draw
    order = numpy_generator(SEED, "draw", number).permutation(scale.learners) if draw else range(scale.learners)
    known = GaussianFingerprints([mean[n] for n in order], [logvar[n] for n in order], device=device, dtype=DTYPE)
    members_ENN = known.coefficients(0, scale.points).transpose(0, 1)
    rows, spaces = [], {}
    clock = (time.perf_counter(), time.process_time())
    for objective in OBJECTIVES:
        for size in scale.sizes:
            fused = fuse(
                members_ENN[:size], objective=objective, steps=scale.fusion_steps, learning_rate=scale.fusion_rate,
                generator=numpy_generator(SEED, "fusion", number, objective, size),
            )  # fmt: skip
            rows.append({"objective": objective, "learners": size, "draw": draw, **fused_scores(fused)})
            spaces |= {f"{objective}_{size}_mean": fused.mean_NK, f"{objective}_{size}_logvar": fused.logvar_NK}
            clock = _say(f"draw {ensemble}-{draw}: {objective} of {size}", clock, rows[-1:])
    _save(work / f"draw-{ensemble}-{draw}", rows, spaces, ensemble)


def learnt_posteriors(ensemble: int, scale: Scale, work: Path, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and logvar [M, N, 1] of an ensemble's learners, trained and scored unless that was done."""
    stem = work / f"learners-{ensemble}"
    if not stem.with_suffix(".csv").is_file():
        clock = (time.perf_counter(), time.process_time())
        trained = train_learners(
            [f"repeat {ensemble} learner {number}" for number in range(scale.learners)], SEED,
            hidden=scale.hidden, batch=scale.batch, steps=scale.steps, beta=scale.beta,
            learning_rate=scale.learning_rate, points=scale.points, device=device,
        )  # fmt: skip
        mean, logvar = (values.cpu().double().numpy() for values in trained)
        rows = [
            {"objective": "learner", "learners": 1, "number": number, **scores(mean[number], logvar[number])}
            for number in range(scale.learners)
        ]
        _say(f"ensemble {ensemble}: learners", clock, rows)
        _save(stem, rows, {"mean": mean, "logvar": logvar}, ensemble)
    with np.load(stem.with_suffix(".npz")) as stored:
        return stored["mean"].astype(np.float64), stored["logvar"].astype(np.float64)


def _save(stem: Path, rows: list[dict[str, Any]], spaces: dict[str, np.ndarray], ensemble: int) -> None:
    single = {name: values.astype(np.float32) for name, values in spaces.items()}
    np.savez_compressed(stem.with_suffix(".npz"), **single)
    write_csv(pd.DataFrame(rows).assign(ensemble=ensemble), stem.with_suffix(".csv"))  # last: it marks the end


def _say(what: str, clock: tuple[float, float], rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Print and note the time since `clock`, shared by `rows`; the new clock."""
    now = (time.perf_counter(), time.process_time())
    for row in rows:
        row |= {"seconds": (now[0] - clock[0]) / len(rows), "cpu_seconds": (now[1] - clock[1]) / len(rows)}
    print(f"{time.strftime('%H:%M:%S')} {what}: {now[1] - clock[1]:.1f} s of a core", flush=True)
    return now


def scores(mean_NK: np.ndarray, logvar_NK: np.ndarray) -> dict[str, float]:
    """Both continuities, how often a plane's points turn about their middle, and the information of a space."""
    posteriors = GaussianFingerprints([mean_NK], [logvar_NK], dtype=DTYPE)
    coefficients_NN = posteriors.coefficients(0, posteriors.points)[:, 0]
    return {
        "continuity": continuity(mean_NK, logvar_NK),
        "continuity_open": continuity(mean_NK, logvar_NK, closed=False),
        "turns": turns(mean_NK) if mean_NK.shape[1] == 2 else math.nan,
        "information_bits": float(-coefficients_NN.mean(1).log2().mean()),
    }


def turns(mean_N2: np.ndarray) -> float:
    """How often the closed row of points goes about its middle: 1 for a ring, either way round, 0 for a folded one."""
    middle_N = (mean_N2 - mean_N2.mean(axis=0)) @ np.array([1, 1j])
    return float(round(abs(np.angle(np.roll(middle_N, -1) / middle_N).sum()) / (2 * np.pi)))


def fused_scores(fused: FusedSpace) -> dict[str, float]:
    """Those of `scores`, and the objective at three quarters of the steps and at the end."""
    trace = fused.objective_trace
    earlier = {"value_at_3_4": float(trace[3 * len(trace) // 4]), "value": float(trace[-1])}
    return {**scores(fused.mean_NK, fused.logvar_NK), **earlier}


def gather(out: Path, scale: Scale, device: str) -> None:
    """Write scores.csv of everything, spaces.npz of the first ensemble and draw, and machine.json."""
    work = out / "work"
    parts = sorted(work.glob("learners-*.csv")) + sorted(work.glob("draw-*.csv"))
    table = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
    write_csv(table, out / "scores.csv", digits=5)
    with np.load(work / "learners-0.npz") as learners, np.load(work / "draw-0-0.npz") as fused:
        named = {f"learner_{name}": values for name, values in learners.items()}
        np.savez_compressed(out / "spaces.npz", **named, **fused)
    minutes = table.groupby("objective")[["seconds", "cpu_seconds"]].sum() / 60
    about = {
        "settings": {**dataclasses.asdict(scale), "seed": SEED},
        "processor": _processor(),
        "gpu": torch.cuda.get_device_name() if device != "cpu" else "none",
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "minutes": {part: round(value, 2) for part, value in minutes["seconds"].items()},
        "minutes_of_a_core": {part: round(value, 2) for part, value in minutes["cpu_seconds"].items()},
    }
    write_json(out / "machine.json", about)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()
