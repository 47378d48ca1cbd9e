"""What has been fuzzed so far, by kind of file, as the table of docs/reliability.md.

python benchmarks/fuzz_summary.py
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

MILLION = 1_000_000
KINDS = {
    "plot,": "drawn: figures and pages",
    "table,": "computed: tables, sentences, suggestions",
    "checkpoint|TensorFlow|families": "models: containers of arrays, code bases, shards",
    "settings|.*--config": "settings beside models, and of an earlier run",
    "SmallNORB|MPI3D|Cars3D|dSprites|3D Shapes|data,": "data sets: official files, npz, pictures",
    "codes,|cells,": "codes and cells",
    "cache,": "caches",
    ".*csv$": "runs: csv",
    ".*(json$|run.json of)": "runs: JSON",
    "": "runs: arrays",
}
"""Kinds of targets by how their names begin, the first that fits."""


def kind_of(name: str) -> str:
    """The kind of a target."""
    return next(kind for pattern, kind in KINDS.items() if re.match(pattern, name))


def summary(rows: list[dict[str, str]]) -> list[str]:
    """One line of a table per kind of target."""
    lines = [
        "| kind of file | targets | with a million | executions, least and most | in all | CPU hours for a million |",
        "|---|---|---|---|---|---|",
    ]
    for kind in reversed(KINDS.values()):
        of_kind = [row for row in rows if kind_of(row["target"]) == kind]
        if not of_kind:
            continue
        counts = sorted(int(row["executions"]) for row in of_kind)
        hours = sorted(float(row["cpu_s"]) / max(int(row["executions"]), 1) / 3600 * MILLION for row in of_kind)
        lines.append(
            f"| {kind} | {len(counts)} | {sum(count >= MILLION for count in counts)} | {counts[0]:,} to {counts[-1]:,} "
            f"| {sum(counts):,} | {hours[0]:.2g} to {hours[-1]:.2g} |"
        )
    return lines


def main() -> None:
    """Print the table."""
    with open(Path(__file__).parent / "results" / "fuzz.csv", newline="") as file:
        print("\n".join(summary(list(csv.DictReader(file)))))


if __name__ == "__main__":
    main()
