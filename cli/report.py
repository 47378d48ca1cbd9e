"""`ifp report`: a run, or several, as one self-contained page of HTML."""

from __future__ import annotations

from pathlib import Path

import click

from ifp.cli.naming_options import given_names, order_and_labels
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.progress import StageProgress
from ifp.cli.trust_option import trust_option


@click.command(cls=GroupedCommand)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The page's file.",
    show_default="RUN/report.html; of several runs report-of-several.html beside the first",
)
@click.option("--title", help="Of the page.", show_default="what the run is about")
@order_and_labels
@click.option(
    "--name",
    "names",
    multiple=True,
    help="What the page calls the first (A), the second (B), ... of several runs: A=Bernoulli; repeat it.",
)
@trust_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
def report(
    runs: tuple[Path, ...],
    out: Path | None,
    title: str | None,
    order: tuple[str, ...],
    labels: tuple[str, ...],
    names: tuple[str, ...],
    quiet: bool,
) -> None:
    """Write one page of HTML on RUN, or on several, and print its path.

    RUN is a folder of `ifp anneal` (also --whole), `ifp train`, `ifp diagnose`, `ifp shift`, `ifp channels` or `ifp
    directions`. The page says what was asked and found, has tables that sort, every figure with its caption and csv,
    settings, versions and what to cite, and says whether the run agrees with the theory. It needs no network and no
    other file.

    \b
    ifp report runs/demo
    ifp report runs/demo runs/deft --out comparison.html --title "Sprites, before and after DEFT"
    """
    from ifp.analysis.report.study import report as write_report

    with StageProgress(quiet=quiet) as stages:
        page = write_report(
            list(runs), out=out, title=title, order=order, labels=labels, names=given_names(names, len(runs)),
            progress=stages.update,
        )  # fmt: skip
        stages.close()
    echo(page)
