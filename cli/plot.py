"""`ifp plot`: the figures of a run, a diagnosis or an ensemble at a paper's width, from its folder alone."""

from __future__ import annotations

from pathlib import Path

import click

from ifp.analysis.plot_folder import plot as draw_figures
from ifp.cli.checked_options import checked_out
from ifp.cli.naming_options import figure_choices, given_names, order_and_labels
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.trust_option import trust_option
from ifp.errors import IfpError


@click.command(cls=GroupedCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", "kinds", multiple=True,
              help="hist, kde, strip, ridge, trace or all; of a diagnosis nmi, kl, ... (docs/figures.md); repeat for "
              "several.  [default: kde and trace; of a diagnosis all]")  # fmt: skip
@click.option("--width", default="icml", help="Page width: icml, neurips, jmlr, tmlr or a number of inches.")
@click.option("--method", help="Draw these members only: exact, train or closed-form.", show_default="all there are")
@click.option("--scale", default="log", help="Of beta in distributions: log or linear.")
@order_and_labels
@figure_choices
@click.option(
    "--name",
    "names",
    multiple=True,
    help="What figures of several runs call the first (A), the second (B), ...: A=Bernoulli; repeat it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for the figures.",
    show_default="RUN/figures; of several runs figures beside the first",
)
@click.option(
    "--format", "formats", default="pdf,png", help="Formats of the figures: pdf, png, svg, pgf, comma-separated."
)
@trust_option
def plot(
    runs: tuple[Path, ...],
    kinds: tuple[str, ...],
    width: str,
    method: str | None,
    scale: str,
    order: tuple[str, ...],
    labels: tuple[str, ...],
    factors: tuple[str, ...],
    title: str | None,
    legend: bool,
    font: str | None,
    height: str | None,
    names: tuple[str, ...],
    out: Path | None,
    formats: str,
) -> None:
    """Draw the figures of RUN, or of several runs in one figure, and print their paths.

    RUN is a folder of `ifp anneal`, `ifp train`, `ifp diagnose`, `ifp shift`, `ifp channels` or `ifp directions`.
    Several of one kind (traversals, trainings, diagnoses or shifts) have a panel or column each, and a factor has one
    colour and one place in all of them.

    kde is the distribution of freezing points (ifp_distribution), trace the KL against beta (kl_trace); a csv of what
    it shows and a txt with its caption lie beside each figure. Needs neither the data set nor a GPU.

    Example: `ifp plot runs/demo --kind kde --kind hist --width neurips`

    Example: `ifp plot runs/bernoulli runs/gaussian --kind strip --out paper`
    """
    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if not wanted:
        raise IfpError(f"--format must name some of pdf, png, svg and pgf, got {formats!r}.")
    for path in draw_figures(
        runs[0] if len(runs) == 1 else runs,
        kinds=kinds,
        width=width,
        height=height,
        method=method,
        scale=scale,
        order=order,
        labels=labels,
        factors=factors,
        names=given_names(names, len(runs)),
        title=title,
        legend=legend,
        font=font,
        out=out,
        formats=wanted,
    ):
        echo(path)
