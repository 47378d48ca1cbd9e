"""What everything costs, and how the cost grows: CPU seconds of one thread, bytes of memory, bytes on disk.

    python benchmarks/growth.py                      # all of it, under 12 CPU minutes
    python benchmarks/growth.py --parts exact edges  # the rows of these parts anew, the others as they were
    python benchmarks/growth.py --smoke --out smoke  # does it go through? A row of each part, small sizes

One quantity is varied at a time, over a geometric series of at least five sizes. A cost is the median over rounds in
which all sizes take turns. The exponent is the slope of log cost against log size over the upper half of the sizes,
with its standard error. Every measured size goes into growth.csv, every row of the table into growth.md.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checkout import use_checkout
from growth_sweep import Sweep, exponent, measure, middle

use_checkout()
HERE = Path(__file__).resolve().parent

COLUMNS = ("part", "quantity", "size", "cost", "least", "most", "unit", "commit")
Row = dict[str, str]


def all_sweeps() -> list[Sweep]:
    """Of bytes first: the processes that measure memory are started by a small one."""
    import growth_analysis
    import growth_bytes
    import growth_networks

    return [*growth_bytes.sweeps(), *growth_networks.sweeps(), *growth_analysis.sweeps()]


def measured_rows(sweep: Sweep, commit: str, smoke: bool) -> list[Row]:
    """One row of the csv per size."""
    return [
        {
            "part": sweep.part, "quantity": sweep.quantity, "size": str(size), "cost": f"{middle(costs):.6g}",
            "least": f"{min(costs):.6g}", "most": f"{max(costs):.6g}", "unit": sweep.unit, "commit": commit,
        }
        for size, costs in measure(sweep, smoke).items()
    ]  # fmt: skip


def summary(rows: Sequence[Row]) -> str:
    """The row of the table that the sizes of one sweep make."""
    sizes, costs = [float(row["size"]) for row in rows], [float(row["cost"]) for row in rows]
    slope, error = exponent(sizes, costs)
    first = rows[0]
    growth = f"{slope:.2f} ± {error:.2f}" if slope == slope else ""
    most = (f"{sizes[-1]:,.0f}", in_units(costs[-1])) if len(rows) > 1 else ("", "")
    cells = (
        first["part"], first["quantity"], first["unit"], f"{sizes[0]:,.0f}", in_units(costs[0]), *most, growth,
        first["commit"],
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def in_units(cost: float) -> str:
    """Three digits.

    >>> in_units(0.0012345), in_units(12345678.0)
    ('0.00123', '12,300,000')
    """
    return f"{float(f'{cost:.3g}'):,.0f}" if cost >= 100 else f"{cost:.3g}"


def table(rows: Sequence[Row]) -> str:
    """The markdown of all sweeps, in the order of the rows."""
    of_sweep: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        of_sweep.setdefault((row["part"], row["quantity"]), []).append(row)
    lines = ["| part | quantity | cost in | from | cost | to | cost | exponent | commit |", "|" + "---|" * 9]
    return "\n".join([*lines, *map(summary, of_sweep.values())])


def merged(before: Sequence[Row], now: Sequence[Row]) -> list[Row]:
    """The rows of before, those of parts that were measured now in their place or at the end."""
    parts = {row["part"] for row in now}
    order = list(dict.fromkeys(row["part"] for row in (*before, *now)))
    kept = [*(row for row in before if row["part"] not in parts), *now]
    return sorted(kept, key=lambda row: order.index(row["part"]))


def commit_here() -> str:
    """The checkout's commit, with a + where files were changed since."""
    said = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=HERE, capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and write both files after every sweep: a run that is stopped loses one alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", help="beginnings of the names of parts (default: all)")
    parser.add_argument("--smoke", action="store_true", help="the three smallest sizes, each once")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="the folder of growth.csv and growth.md")
    options = parser.parse_args(words)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    path, commit, now = options.out / "growth.csv", commit_here(), []
    before = read(path) if path.exists() else []
    started = time.process_time()
    chosen = [s for s in all_sweeps() if not options.parts or any(map(s.part.startswith, options.parts))]
    if options.smoke:
        # one of memory, whose processes take longest to start
        of_part = {"memory" if s.part.startswith("memory") else s.part: s for s in reversed(chosen)}
        chosen = list(of_part.values())[::-1]
    for sweep in chosen:
        now += measured_rows(sweep, commit, options.smoke)
        print(
            summary([row for row in now if (row["part"], row["quantity"]) == (sweep.part, sweep.quantity)]), flush=True
        )
        write(path, merged(before, now))
    torch.set_num_threads(threads)
    print(f"{time.process_time() - started:.0f} CPU seconds, those of the processes that measure memory left out")


def read(path: Path) -> list[Row]:
    """The rows of a growth.csv."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[Row]) -> None:
    """growth.csv, and growth.md beside it."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    import numpy
    import torch

    machine = (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, "
        f"python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}"
    )
    about = "CPU seconds of one thread, medians; exponent and standard error over the upper half of the sizes."
    path.with_suffix(".md").write_text(f"# python benchmarks/growth.py\n\n{machine}. {about}\n\n{table(rows)}\n")


if __name__ == "__main__":
    main()
