"""`ifp anneal --whole --method closed-form`: the joint edge, the spectrum and each factor's edges, without training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint.edges import affordable_images, check_folder, edges_text, write_edges
from ifp.analysis.tables import json_rows
from ifp.cli.printing import print_line, stdout_console
from ifp.cli.progress import StageProgress
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import short_name
from ifp.theory.joint_edges import JointEdges, joint_edges

SHOWN = 8
"""Eigenvalues printed; the csv holds them all."""


def run_edges(
    dataset: FactorDataset,
    settings: dict[str, Any],
    *,
    images: int,
    out: Path | None,
    device: str,
    width: str,
    naming: tuple[Sequence[str], Mapping[str, str]],
    stages: StageProgress,
    as_json: bool,
) -> None:
    """Compute, write, draw and print.

    Parameters
    ----------
    settings : likelihood, sigma and seed, where the user gave them. images : read, 0 for as many as minutes allow.
    naming : the order of the factors, and what the figure calls them; see `ifp.analysis.freezing.naming`.
    """
    likelihood, sigma = settings.get("likelihood", "bernoulli"), settings.get("sigma", 1.0)
    seed = settings.get("seed", 0)
    name = short_name(dataset.name)
    folder = out or Path("runs") / f"edges-{name}-{likelihood}"
    check_folder(folder)
    edges = joint_edges(
        dataset, likelihood, sigma=sigma, images=images or affordable_images(dataset), seed=seed,
        probability=dataset.training_probabilities(), device=device, progress=stages.update,
    )  # fmt: skip
    tables = write_edges(edges, folder, dataset, likelihood, sigma, seed)
    stages.update("Figures", 0, 1)
    from ifp.analysis.joint.plot_edges import draw_edges

    order, labels = naming
    figures = draw_edges(folder, width=width, order=order, labels=labels)
    stages.close()
    if as_json:
        rows = {name: json_rows(table) for name, table in tables.items()}
        about = json.loads((folder / "run.json").read_text())
        click.echo(json.dumps({"folder": str(folder), **about, **rows, "figures": [str(p) for p in figures]}, indent=2))
        return
    print_edges(edges, tables, order)
    for path in (*(folder / f"{name}.csv" for name in tables), *figures):
        click.echo(path)


def print_edges(edges: JointEdges, tables: dict[str, Any], order: Sequence[str] = ()) -> None:
    """The closed form as a line, a list and a table."""
    from rich import box
    from rich.table import Table

    print_line(edges_text(edges))
    spectrum = ", ".join(f"{beta:.4g}" for beta in tables["spectrum"]["beta_edge"][:SHOWN])
    more = len(tables["spectrum"]) - SHOWN
    print_line(f"Spectrum of the linear theory: {spectrum}" + (f" and {more} more" if more > 0 else ""))
    if not len(tables["joint_edges"]):
        return
    table = Table(
        title="Edges of the factors", box=box.SIMPLE_HEAD,
        caption="alone: of an encoder that sees this factor only; given the rest: of its traversals, all others known",
    )  # fmt: skip
    for heading in ("factor", "alone", "given the rest", "range", "contexts"):
        table.add_column(heading, justify="left" if heading == "factor" else "right")
    by_factor = tables["joint_edges"].set_index("factor", drop=False)
    for _, row in by_factor.loc[joint_order(by_factor, order)].iterrows():
        table.add_row(
            str(row["factor"]), f"{row['beta_alone']:.3g}", f"{row['beta_given_rest']:.3g}",
            f"{row['given_rest_low']:.3g} to {row['given_rest_high']:.3g}", str(row["contexts"]),
        )  # fmt: skip
    stdout_console().print(table)
