"""Kills runs of the commands at random moments, takes them up again, and compares all files with the undisturbed run's.

    nice -n 19 python benchmarks/faults.py --trials 200      # appended to benchmarks/results/faults.csv as they end

Each run is a process of its own, forked from one that has imported everything, so that a trial costs the run and not
the imports. A trial fails where a file differs in a byte, where a traceback is printed, or where a run does not end.
Full disks are small file systems in memory, which only root can mount; read-only folders are tried as another user.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fault_cases import import_everything, prepare
from fault_cluster import ON_CLUSTER, ON_WORKERS
from fault_kinds import FAULTS
from fault_runs import Case

RESULTS = Path(__file__).parent / "results" / "faults.csv"


def faults_of(case: Case, only: list[str]) -> list[str]:
    """The faults that can befall a case, each as often as it is to come beside the others."""
    return [
        name
        for name, (times, _) in FAULTS.items()
        for _ in range(times)
        if (not only or name in only) and (case.name in ON_WORKERS or name not in ON_CLUSTER)
    ]


def in_turn(cases: list[Case], only: list[str], rng: random.Random) -> Iterator[tuple[Case, str]]:
    """Every command with every fault in random order, again and again."""
    pairs = [(case, name) for case in cases for name in faults_of(case, only)]
    while pairs:
        rng.shuffle(pairs)
        yield from pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", action="append", default=[], help="only these commands")
    parser.add_argument("--fault", action="append", default=[], help="only these faults")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    import_everything()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    rng = random.Random(given.seed)
    given.results.parent.mkdir(exist_ok=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="ifp-faults-") as folder:
        cases = prepare(Path(folder), given.case)
        for trial, (case, name) in zip(range(given.trials), in_turn(cases, given.fault, rng), strict=False):
            out = Path(folder) / f"trial-{trial}"
            reached, wrong = FAULTS[name][1](case, out, rng)
            failures += bool(wrong)
            row: list[Any] = [commit, given.seed, trial, case.name, name, reached, "; ".join(wrong)]
            with open(given.results, "a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)
            print(trial, *row[3:], flush=True)
            for path in Path(folder).glob(f"{out.name}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    print(f"{given.trials} trials, {failures} failed")


if __name__ == "__main__":
    main()
