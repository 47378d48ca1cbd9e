"""What `ifp train` says: the cost before a run, and the table after it."""

from __future__ import annotations

import json
import math
from typing import Any

import click
from rich.table import Table

from ifp.cli.printing import print_line, stdout_console
from ifp.cli.progress import StageProgress
from ifp.training.cost import train_cost
from ifp.training.folder import TrainFolder
from ifp.training.run import Outcome
from ifp.training.setup import Setup


def say_cost(setup: Setup, stages: StageProgress, *, as_json: bool) -> None:
    """Measure and print on stdout what the run would cost."""
    cost = train_cost(setup, stages.update)
    stages.close()
    click.echo(json.dumps(cost.to_json(), indent=2) if as_json else cost.text())


def report(folder: TrainFolder, outcome: Outcome, *, as_json: bool) -> None:
    """Print the last record of every network."""
    last: dict[int, dict[str, Any]] = {row["seed"]: row for row in folder.records.rows()}
    if as_json:
        found = {
            "folder": str(folder.path),
            **outcome.to_json(),
            "records": [_strict(last[seed]) for seed in sorted(last)],
        }
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("seed", "steps", "status", "recon", "KL", "NMI1", "NMI2"):
        table.add_column(name, justify="left" if name == "status" else "right")
    for seed in range(folder.config.seeds):
        row = last.get(seed, {})
        numbers = ["", "", "", ""]
        if row:
            means = [_mean([v for k, v in row.items() if k.startswith(f"nmi{rank}_")]) for rank in (1, 2)]
            numbers = [f"{row['recon_nats']:.2f}", f"{row['kl_nats']:.2f}", *means]
        table.add_row(str(seed), f"{folder.step(seed):,}", folder.status(seed), *numbers)
    stdout_console().print(table)
    if folder.config.objective == "beta-tc":
        print_line("beta in records.csv weighs the whole KL; the objective's own beta the total correlation alone")
    print_line("recon and KL in nats an image; NMI1, NMI2: largest and second over latents, mean over factors")
    print_line(f"records.csv, records.npz and the checkpoints are in {folder.path}")


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "-"


def _strict(row: dict[str, Any]) -> dict[str, Any]:
    """Strict JSON holds no NaN."""
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
