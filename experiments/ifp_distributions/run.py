"""At which beta does each factor of the paper's four data sets freeze? Edges, exact curves and trained brackets.

    python experiments/ifp_distributions/run.py

The sets are sprites, sprites-color, sprites-scream, and toys in the place of SmallNORB. Where the official files lie in
--data-dir (or in the usual folder, after `ifp data get`), `dsprites` and `smallnorb` take the places of sprites and
toys, and nothing else changes. The same command goes on where it was stopped. Runs go to work/, which is not kept;
freezing_points.csv, summary.csv, machine.json and the figure go to results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: chunks run beside each other instead

import pandas as pd
from draw import draw

import ifp
from ifp.datasets.catalog import check_available
from ifp.errors import IfpError
from ifp.system.files import write_json
from ifp.system.versions import versions

HERE = Path(__file__).resolve().parent
SETS = ("sprites", "sprites-color", "sprites-scream", "toys")
OFFICIAL = {"sprites": "dsprites", "toys": "smallnorb"}
"""The official set that takes a set's place where its files are there."""
TRAINED = ("sprites", "sprites-color")
"""Sets whose trained brackets are measured too."""
METHODS = ("closed-form", "exact", "train")
CLOCKS = (time.perf_counter, time.process_time)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contexts", type=int, default=32, help="contexts of each factor")
    parser.add_argument("--trained-contexts", type=int, help="fewer of them for trained networks: the first ones")
    parser.add_argument("--set", action="append", choices=SETS, help="one of the sets; repeat for several")
    parser.add_argument("--train", action="append", choices=SETS, help=f"trained too; default: {', '.join(TRAINED)}")
    parser.add_argument("--edges", action="append", choices=SETS, default=[], help="without exact curves")
    parser.add_argument("--data-dir", type=Path, help="where the official files lie")
    parser.add_argument("--threads", type=int, help="chunks at work at once; default: the CPUs granted")
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    sets, trained = given.set or SETS, given.train or TRAINED
    given.out.mkdir(parents=True, exist_ok=True)
    plans = [(name, "closed-form" if name in given.edges else "exact") for name in sets]
    plans += [(name, "train") for name in sets if name in trained]
    for name, method in plans:
        used = official_or(name, given.data_dir)
        contexts = given.contexts if method != "train" else given.trained_contexts or given.contexts
        started = time.perf_counter(), time.process_time()
        folder = given.work / used / method
        ifp.anneal(
            used, method=method, contexts=contexts, out=folder, data_dir=given.data_dir, device="cpu",
            threads=given.threads, say=print,
        )  # fmt: skip
        about = folder / "minutes.json"
        if not about.is_file():
            spent = [round((now() - then) / 60, 1) for now, then in zip(CLOCKS, started, strict=True)]
            write_json(about, {"contexts": contexts, **dict(zip(("minutes", "cpu_minutes"), spent, strict=True))})
        print(f"{time.strftime('%H:%M:%S')} {used} {method}", flush=True)
        gather(given.work, given.out, [official_or(one, given.data_dir) for one in SETS])
        draw(given.out)


def official_or(name: str, data_dir: Path | None) -> str:
    """The official set in the place of `name` where its files are there."""
    official = OFFICIAL.get(name)
    if official is None:
        return name
    try:
        check_available(official, data_dir=data_dir)
    except IfpError:
        return name
    return official


def gather(work: Path, out: Path, sets: list[str]) -> None:
    """Write the tables of all finished runs."""
    points, summaries, minutes = [], [], {}
    for name in sets:
        for method in METHODS:
            folder = work / name / method
            if not (folder / "minutes.json").is_file():
                continue
            minutes[f"{name} {method}"] = json.loads((folder / "minutes.json").read_text())
            points.append(pd.read_csv(folder / "freezing_points.csv").assign(dataset=name))
            summaries.append(pd.read_csv(folder / "summary.csv").assign(dataset=name, run=method))
    pd.concat(points).to_csv(out / "freezing_points.csv", index=False, float_format="%.6g")
    pd.concat(summaries).to_csv(out / "summary.csv", index=False, float_format="%.6g")
    about = {
        "cores": os.cpu_count(), "machine": platform.machine(), "versions": versions(), "runs": minutes,
    }  # fmt: skip
    write_json(out / "machine.json", about)


if __name__ == "__main__":
    main()
