"""DEFT against its baselines: trains, measures and probes every configuration, and writes the tables.

    python experiments/deft_vs_baselines/run.py --scale small
    python experiments/deft_vs_baselines/run.py --scale paper --jobs 1 --device cuda

The same command goes on where it was stopped. Checkpoints and images lie in OUT/work, the tables in OUT.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from ifp.system.progress import silent

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: jobs run beside each other

import pandas as pd
import torch
from configurations import BASELINE, SCALES, SHIFTED, Scale, configurations, run_folder, with_steps
from images import write_images
from measure import measure_run

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.training.pressures_of_run import pressures_from
from ifp.checkpoints.posteriors import draw_sample
from ifp.cli.anneal import anneal
from ifp.cli.shift import shift
from ifp.datasets.catalog import load_dataset
from ifp.system.files import write_json
from ifp.system.versions import versions
from ifp.training.config import TrainConfig
from ifp.training.run import train
from ifp.training.setup import set_up

HERE = Path(__file__).resolve().parent
SHIFTS = "shifts"
METHODS = (BASELINE, *SHIFTED)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=list(SCALES), required=True)
    parser.add_argument("--only", action="append", help="a configuration, or 'shifts'; repeat for several")
    parser.add_argument("--out", type=Path, help="folder for tables and work; default: results/SCALE beside this file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="configurations at work at once (GPU: 1)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, help="a shorter training, for a trial")
    given = parser.parse_args()
    scale = SCALES[given.scale] if given.steps is None else with_steps(SCALES[given.scale], given.steps)
    out = (given.out or HERE / "results" / scale.name).resolve()
    out.mkdir(parents=True, exist_ok=True)

    dataset, pressures = prepare(scale, out)
    configs = configurations(scale, dataset, pressures)
    known = [*configs, SHIFTS]
    wanted = given.only or known
    for name in wanted:
        if name not in known:
            parser.error(f"there is no configuration {name!r}; choose from {', '.join(known)}")
    write_json(out / "settings.json", {name: _portable(config, out) for name, config in configs.items()})

    train_job = partial(train_and_measure, scale=scale, out=out, device=given.device)
    shift_job = partial(probe_shift, dataset=dataset, scale=scale, out=out, device=given.device)
    trainings = {name: partial(train_job, name, configs[name]) for name in configs if name in wanted}
    probes = {f"{SHIFTS} {name}": partial(shift_job, name) for name in SHIFTED} if SHIFTS in wanted else {}
    first = dict(list(probes.items())[:1])  # its probes of the baseline serve the others
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        for wave in (trainings, first, {name: job for name, job in probes.items() if name not in first}):
            _run_all(pool, wave, lambda: gather(out, list(configs)))
    write_machine(out, list(configs), given.jobs)


def _run_all(pool: ProcessPoolExecutor, jobs: dict[str, Callable[[], float]], keep: Callable[[], None]) -> None:
    """Run the jobs, and keep what is there after each, so that a run that is stopped has tables of the others."""
    futures = {pool.submit(job): name for name, job in jobs.items()}
    for future in as_completed(futures):
        print(f"{time.strftime('%H:%M:%S')} {futures[future]}: {future.result():.1f} min", flush=True)
        keep()


def prepare(scale: Scale, out: Path) -> tuple[str, list[float]]:
    """The data set's name, its images made where needed, and the pressures that its closed-form edges suggest."""
    dataset = scale.training.get("dataset", "")
    if scale.coarse:
        images = out / "work" / "sprites-32.npz"
        write_images(images)
        dataset = f"npz:{images}"
    edges = out / "work" / "closed-form"
    anneal.main(
        ["--dataset", dataset, "--method", "closed-form", "--out", str(edges), "--quiet"], standalone_mode=False
    )
    pd.read_csv(edges / "summary.csv").drop(columns="dataset").to_csv(out / "closed_form_points.csv", index=False)
    return dataset, list(pressures_from(edges))


def train_and_measure(name: str, config: TrainConfig, *, scale: Scale, out: Path, device: str) -> float:
    """Train a configuration to its end and measure its checkpoints, unless that was done; minutes.

    The minutes are of the call that finished it: one that was stopped before is not counted.
    """
    folder = run_folder(out, name)
    done = folder / "minutes.json"
    if done.is_file():
        return float(json.loads(done.read_text())["minutes"])
    started = time.perf_counter()
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    if on_cpu:
        torch.set_num_threads(1)
    dataset = load_dataset(config.dataset)
    setup = set_up(dataset, config, device=device, threads=1 if on_cpu else None)
    run = setup.folder(folder)
    outcome = train(setup, run, nmi=histogram_nmi, say=lambda text: print(f"{name}: {text}", flush=True))
    run.close("finished")
    trained = time.perf_counter()
    sample = draw_sample(dataset, scale.measured_images, 1, silent)
    measures = measure_run(folder, sample, "cpu", dci_always=name in METHODS and not scale.dci_at_last)
    measures.to_csv(folder / "measures.csv", index=False, float_format="%.5g")
    minutes = (time.perf_counter() - started) / 60
    write_json(
        done,
        {"minutes": minutes, "training_minutes": (trained - started) / 60, **outcome.to_json()},
    )
    return minutes


def probe_shift(name: str, *, dataset: str, scale: Scale, out: Path, device: str) -> float:
    """`ifp shift` of the baseline and configuration `name`; minutes."""
    started = time.perf_counter()
    if device == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(1)
    folder, first = out / "work" / f"shift-{name}", out / "work" / f"shift-{SHIFTED[0]}"
    if name != SHIFTED[0]:
        (folder / "probes").mkdir(parents=True, exist_ok=True)
        for probe in (first / "probes").glob("baseline-*.npz"):
            shutil.copy(probe, folder / "probes")
    options = [text for key, value in scale.probe.items() for text in (f"--{key}", str(value))]
    shift.main(
        [
            str(run_folder(out, BASELINE)), str(run_folder(out, name)), "--dataset", dataset, "--out", str(folder),
            "--device", device, "--quiet", *options,
        ],
        standalone_mode=False,
    )  # fmt: skip
    return (time.perf_counter() - started) / 60


def gather(out: Path, names: Sequence[str]) -> None:
    """Write the tables of all configurations that are there: training.csv, measures.csv, shifts.csv, melting.csv.

    Rows of configurations whose work is gone stay as they were kept.
    """
    for source, table in (("records.csv", "training"), ("measures.csv", "measures")):
        folders = {name: run_folder(out, name) for name in names}
        _write({name: path / source for name, path in folders.items() if (path / "measures.csv").is_file()}, out, table)
    for table in ("shifts", "melting"):
        _write({name: out / "work" / f"shift-{name}" / f"{table}.csv" for name in SHIFTED}, out, table)


def _write(sources: dict[str, Path], out: Path, table: str) -> None:
    """The kept rows of a table, those of configurations that have a source replaced by it."""
    path = out / f"{table}.csv"
    kept = pd.read_csv(path) if path.is_file() else pd.DataFrame({"configuration": []})
    found = {name: pd.read_csv(source) for name, source in sources.items() if source.is_file()}
    names = list(dict.fromkeys([*kept["configuration"], *found]))
    parts = [
        found[name].assign(configuration=name) if name in found else kept[kept["configuration"] == name]
        for name in names
    ]
    if parts:
        joined = pd.concat(parts, ignore_index=True)
        joined.insert(0, "configuration", joined.pop("configuration"))
        joined.to_csv(path, index=False, float_format="%.5g")


def _portable(config: TrainConfig, out: Path) -> dict[str, Any]:
    """The settings without the path of this machine."""
    stored = config.to_json()
    return {**stored, "dataset": stored["dataset"].replace(f"{out}{os.sep}", "")}


def write_machine(out: Path, names: Sequence[str], jobs: int) -> None:
    """Write machine.json: hardware, versions, and the minutes of each configuration, here or where it was measured."""
    about_path = out / "machine.json"
    minutes = json.loads(about_path.read_text())["minutes"] if about_path.is_file() else {}
    minutes |= {
        path.parent.name: json.loads(path.read_text()) for path in sorted((out / "work").glob("*/minutes.json"))
    }
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    about = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": gpu,
        "jobs": jobs,
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions(),
        "minutes": {name: minutes[name] for name in names if name in minutes},
    }
    write_json(about_path, about)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
