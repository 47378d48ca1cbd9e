"""What has been fuzzed so far, over all visits: one row per target in a csv file that lies beside the results."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

COLUMNS = (
    "target", "visits", "executions", "accepted", "refused", "failures", "slowest_cpu_s", "most_mib", "cpu_s",
    "cpu_h_for_a_million", "first_commit", "last_commit",
)  # fmt: skip
_SUMS = ("visits", "executions", "accepted", "refused")


class Tally:
    """Counts of executions that grow from visit to visit; each visit is written as it ends.

    Parameters
    ----------
    path : of the csv file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, str]] = {}
        if path.is_file():
            with open(path, newline="") as file:
                self.rows = {row["target"]: row for row in csv.DictReader(file)}

    def executions(self, target: str) -> int:
        """How many of this target, over all visits."""
        return int(self.rows.get(target, {}).get("executions", 0))

    def visits(self, target: str) -> int:
        """How many visits this target had; it makes the seed of the next, so that no visit repeats another."""
        return int(self.rows.get(target, {}).get("visits", 0))

    def cpu_seconds_each(self, target: str) -> float:
        """CPU time of an execution on average; 0 where there was none."""
        return float(self.rows.get(target, {}).get("cpu_s", 0)) / max(self.executions(target), 1)

    def add(self, found: dict[str, Any], commit: str) -> None:
        """Add the counts of a visit, `Fuzzing.content()`, and write the table."""
        target = found["target"]
        row = self.rows.setdefault(target, {"target": target, "failures": "", "first_commit": commit})
        counts = {"visits": 1, "executions": found["runs"], "accepted": found["accepted"], "refused": found["refused"]}
        for name in _SUMS:
            row[name] = str(int(row.get(name, 0)) + counts[name])
        failed = dict(part.rsplit(" x ", 1) for part in row["failures"].split("; ") if part)
        for kind, times in found["failures"].items():
            failed[kind] = str(int(failed.get(kind, 0)) + times)
        row["failures"] = "; ".join(f"{kind} x {times}" for kind, times in failed.items())
        for name, value in (("slowest_cpu_s", found["slowest_s"]), ("most_mib", found["most_mib"])):
            row[name] = f"{max(float(row.get(name, 0)), value):.2f}"
        row["cpu_s"] = f"{float(row.get('cpu_s', 0)) + found['cpu_s']:.1f}"
        row["last_commit"] = commit
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for target, row in self.rows.items():
            row["cpu_h_for_a_million"] = f"{self.cpu_seconds_each(target) / 3600 * 1e6:.3g}"
        new = self.path.with_suffix(".new")
        with open(new, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows.values())
        new.replace(self.path)
