"""Whether crossings of trained members moved since another commit: ln of the ratio of each, mean and standard error.

`python benchmarks/crossings.py COMMIT` exports the commit into a temporary folder and anneals the same members on both
sides with `ifp anneal`, one thread, one side after the other (5 factors of sprites, cooled and heated).
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USE_CHECKOUT = """
import sys
folder = sys.argv.pop(1)
sys.path.insert(0, folder)
import ifp
if folder not in ifp.__path__:
    ifp.__path__.insert(0, folder)
from ifp.cli import main
sys.exit(main())
"""


def crossings(folder: Path, out: Path, contexts: int) -> dict[tuple[str, str, str], float]:
    """The crossing of each member that froze, by factor, context and direction, with the package in `folder`."""
    command = ["anneal", "--dataset", "sprites", "--preset", "quick", "--contexts", str(contexts)]
    subprocess.run(
        [sys.executable, "-c", USE_CHECKOUT, str(folder), *command, "--method", "train", "--threads", "1",
         "--out", str(out)],
        check=True, cwd=folder, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    with open(out / "freezing_points.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "train" and row["status"] == "frozen"]
    return {(r["factor"], r["context"], r["direction"]): float(r["beta_ifp"]) for r in rows}


def main() -> None:
    """Train both sides and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--contexts", type=int, default=4)
    options = parser.parse_args()
    archive = subprocess.run(["git", "archive", options.commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, "other")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(other, filter="data")
        before = crossings(other, Path(folder, "before"), options.contexts)
        now = crossings(ROOT, Path(folder, "now"), options.contexts)
    print(f"frozen: {len(before)} at {options.commit}, {len(now)} now, {len(before.keys() & now.keys())} on both sides")
    print(f"| crossings now / at {options.commit} | members | mean of ln | standard error | median | largest |")
    print("|---|---|---|---|---|---|")
    for direction in ("cool", "heat", ""):
        logs = [
            math.log(now[key] / before[key]) for key in sorted(before.keys() & now.keys()) if direction in ("", key[2])
        ]
        error = statistics.stdev(logs) / math.sqrt(len(logs))
        print(
            f"| {direction or 'all'} | {len(logs)} | {statistics.mean(logs):+.4f} | {error:.4f} | "
            f"{statistics.median(logs):+.4f} | {max(logs, key=abs):+.3f} |"
        )


if __name__ == "__main__":
    main()
