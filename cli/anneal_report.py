"""What `ifp anneal` says: the cost before a run, and the table, pressures and figures after it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd

from ifp.analysis.freezing.median_interval import FEWEST_CLUSTERS
from ifp.analysis.freezing.plot_run import draw_run
from ifp.analysis.freezing.points import FROZEN, freezing_points, hysteresis
from ifp.analysis.freezing.pressures import pressure_stages
from ifp.analysis.freezing.summary import summarize, summary_texts
from ifp.analysis.tables import json_rows, write_csv
from ifp.annealing.config import AnnealConfig
from ifp.annealing.folder import RunWriter
from ifp.annealing.plan import Cell
from ifp.annealing.run import Resources
from ifp.annealing.run_cost import RunCost, run_cost
from ifp.cli.printing import stdout_console
from ifp.cli.progress import StageProgress
from ifp.errors import NothingFroze
from ifp.exact.states import ends_in_words
from ifp.trace import AnnealTrace

NO_INTERVAL = f"; no interval with fewer than {FEWEST_CLUSTERS} contexts, or clusters of them"
DRY_RUN_SECONDS = 6.0
"""Of measuring exact curves, and of measuring training, for a dry run; with data read and drawn under half a minute."""
DRY_RUN_TRAVERSALS = 4
"""Traversals of a factor that a dry run renders."""
LONG_RUN_TRAVERSALS = 64
"""From here on the exact curves are timed on one traversal a factor before the run starts."""


def say_cost(
    cells: Sequence[Cell],
    config: AnnealConfig,
    folder: RunWriter,
    resources: Resources,
    stages: StageProgress,
    *,
    dry_run: bool,
    as_json: bool,
) -> RunCost:
    """Say what is to be done and what it costs, measured; on stdout for a dry run."""
    cost = run_cost(
        cells,
        config,
        folder.finished(),
        device=resources.device,
        threads=resources.threads,
        time_exact=dry_run or len(cells) >= LONG_RUN_TRAVERSALS,
        most_seconds=DRY_RUN_SECONDS if dry_run else math.inf,
        progress=stages.update,
    )
    stages.close()
    if dry_run:
        click.echo(json.dumps(cost.to_json(), indent=2) if as_json else cost.text())
    else:
        stages.say(f"{config.dataset}, {config.likelihood} likelihood, into {folder.path}\n{cost.text()}")
    return cost


def report(
    trace: AnnealTrace,
    folder: Path,
    config: AnnealConfig,
    factor_names: Sequence[str],
    stages: StageProgress,
    *,
    width: str,
    as_json: bool,
    naming: tuple[Sequence[str], Mapping[str, str]] = ((), {}),
) -> None:
    """Write the tables and figures and print them; raises NothingFroze when no curve has a freezing point.

    `naming` : the order of the factors, and what figures call them; see `ifp.analysis.freezing.naming`.
    """
    points = freezing_points(
        trace,
        threshold_nats=config.threshold_nats,
        dataset=config.dataset,
        likelihood=config.likelihood,
        factor_names=factor_names,
    )
    write_csv(points, folder / "freezing_points.csv")
    order, labels = naming
    table = summarize(points, order=order)
    write_csv(table, folder / "summary.csv")
    pressures = pressure_stages(points)
    write_csv(pressures, folder / "pressures.csv")
    first_order = hysteresis(points)
    write_csv(first_order, folder / "hysteresis.csv")
    stages.update("Figures", 0, 1)
    figures = draw_run(folder, width=width, order=order, labels=labels)
    stages.close()
    if as_json:
        found = {
            "folder": str(folder),
            "summary": json_rows(table),
            "pressures": json_rows(pressures),
            "hysteresis": json_rows(first_order),
            "figures": [str(path) for path in figures],
        }
        click.echo(json.dumps(found, indent=2))
    else:
        _print(table, pressures, first_order, points, config)
        if config.latents > 1 or config.exact_floor is not None:
            click.echo(ends_in_words(trace.ended_M.tolist()))
        for path in [folder / "freezing_points.csv", folder / "summary.csv", *figures]:
            click.echo(path)
    _fail_if_nothing_froze(points, trace, config)


def _print(
    table: pd.DataFrame,
    pressures: pd.DataFrame,
    first_order: pd.DataFrame,
    points: pd.DataFrame,
    config: AnnealConfig,
) -> None:
    from rich import box
    from rich.table import Table

    console = stdout_console()
    texts = summary_texts(table)
    headings = {
        "closed-form": "lower edge",
        "upper-edge": "upper edge",
        "exact": "exact",
        "cool": "trained, cooling",
        "heat": "trained, heating",
    }
    shown = [c for c in texts.columns if c in ("factor", "contexts") or (texts[c] != "-").any()]
    shown = [c for c in shown if c != "censored" or (texts[c] != "").any()]
    few = table["n_clusters"].min() < FEWEST_CLUSTERS
    printed = Table(
        title=f"Freezing points of {config.dataset}: beta, median over contexts (95 % interval)",
        caption=f"{config.likelihood} likelihood; lower and upper edge: onset; the rest: KL = "
        f"{config.threshold_nats:g} nat{NO_INTERVAL if few else ''}",
        box=box.SIMPLE_HEAD,
    )
    for column in shown:
        left = column in ("factor", "censored")
        printed.add_column(headings.get(column, column), justify="left" if left else "right")
    for _, row in texts.iterrows():
        printed.add_row(*[str(row[column]) for column in shown])
    console.print(printed)
    flat = points[points["beta_closed_form"] == 0].groupby("factor", sort=False)["context"].nunique()
    if len(flat):
        named = ", ".join(f"{count} of {factor}" for factor, count in flat.items())
        console.print(f"Never froze, all images being equal: {named}.", soft_wrap=True)
    betas = ", ".join(f"{beta:g}" for beta in pressures["beta"])
    freezing = "; ".join(f"{row['beta']:g}: {row['factors'].replace(',', ', ')}" for _, row in pressures.iterrows())
    suggested = f"Suggested DEFT pressures [{betas}]  ({freezing})"
    console.print(suggested, soft_wrap=True)
    if len(first_order):
        exact = points[(points["method"] == "exact") & (points["direction"] == "equilibrium")]
        by_factor = first_order.groupby("factor", sort=False).size()
        named = ", ".join(f"{count} of {factor}" for factor, count in by_factor.items())
        console.print(
            f"Hysteresis: in {len(first_order)} of {len(exact)} traversals the exact branches differ by over 2 % "
            f"({named}): first-order transitions, see hysteresis.csv.",
            soft_wrap=True,
        )


def _fail_if_nothing_froze(points: pd.DataFrame, trace: AnnealTrace, config: AnnealConfig) -> None:
    flat = points["beta_closed_form"] == 0
    curves = points[(points["method"] != "closed-form") & ~flat]
    if curves.empty or (curves["status"] == FROZEN).any():
        return
    counts = ", ".join(f"{n} {status}" for status, n in curves["status"].value_counts().items())
    trace = trace.select(~flat.to_numpy())
    kl = trace.total_kl_nats_MT
    raise NothingFroze(f"Nothing froze: of {len(curves)} curves {counts}. {_seen(kl, trace.beta_MT, curves, config)}")


def _seen(kl_MT: np.ndarray, beta_MT: np.ndarray, curves: pd.DataFrame, config: AnnealConfig) -> str:
    """What was seen, and what to change."""
    if not np.isfinite(kl_MT).any():
        return "No KL was finite; lower --learning-rate."
    best = np.nanargmax(kl_MT)
    seen = (
        f"KL ran from {np.nanmin(kl_MT):.3g} to {kl_MT.flat[best]:.3g} nats "
        f"(highest at beta {beta_MT.flat[best]:.3g}), "
        f"beta from {np.nanmin(beta_MT):.3g} to {np.nanmax(beta_MT):.3g}."
    )
    lower = f"{curves['beta_closed_form'].min():.3g}"
    if (curves["status"] == "never_froze").any():
        return f"{seen} Lower --beta-min below {lower}, or raise --steps or --hold-steps."
    return f"{seen} Raise --beta-max above {curves['beta_upper'].max():.3g}, or leave it at auto."
