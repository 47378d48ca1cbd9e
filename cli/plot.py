"""`ifp plot`: the figures of a run, a diagnosis or an ensemble at a paper's width, from its folder alone."""

from __future__ import annotations

from pathlib import Path

import click

from ifp.cli.naming_options import order_and_labels
from ifp.errors import IfpError

ALL = "all"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--kind", "kinds", multiple=True,
              help="hist, kde, strip, ridge, trace or all; of a diagnosis nmi, kl, ... (docs/figures.md); repeat for "
              "several.  [default: kde and trace; of a diagnosis all]")  # fmt: skip
@click.option("--width", default="icml", help="Page width: icml, neurips, jmlr, tmlr or a number of inches.")
@click.option("--method", help="Draw these members only: exact, train or closed-form.", show_default="all there are")
@click.option("--scale", default="log", help="Of beta in distributions: log or linear.")
@order_and_labels
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The folder for the figures.",
              show_default="RUN/figures")  # fmt: skip
@click.option("--format", "formats", default="pdf,png", help="pdf, png or both, comma-separated.")
def plot(
    run: Path,
    kinds: tuple[str, ...],
    width: str,
    method: str | None,
    scale: str,
    order: tuple[str, ...],
    labels: tuple[str, ...],
    out: Path | None,
    formats: str,
) -> None:
    """Draw the figures of RUN, the folder of an `ifp anneal`, `ifp diagnose` or `ifp channels`; print their paths.

    kde is the distribution of freezing points (ifp_distribution), trace the KL against beta (kl_trace); a csv of what
    it shows lies beside each figure. Needs neither the data set nor a GPU.

    Example: `ifp plot runs/demo --kind kde --kind hist --width neurips`
    """
    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if not wanted:
        raise IfpError(f"--format must name pdf, png or both, got {formats!r}.")
    of_traversals = not any((run / name).is_file() for name in ("diagnosis.json", "channels.json", "whole.json"))
    if (order or labels) and not of_traversals:
        raise IfpError(
            f"--order and --label are for the figures of an `ifp anneal` run of traversals, which {run} is not; leave "
            "them out."
        )
    if (run / "diagnosis.json").is_file():
        from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis

        if method is not None:
            raise IfpError(f"--method chooses curves of an `ifp anneal` run, and {run} is a diagnosis; leave it out.")
        figures = None if not kinds or ALL in kinds else kinds
        for path in draw_diagnosis(run, width=width, formats=wanted, out=out, figures=figures):
            click.echo(path)
        return
    if (run / "channels.json").is_file():
        from ifp.analysis.channels.plot_results import draw_results

        if method is not None or kinds:
            raise IfpError(
                f"{run} is of `ifp channels`, whose figures are always the same; leave --kind and --method out."
            )
        for path in draw_results(run, width=width, formats=wanted, out=out):
            click.echo(path)
        return
    if (run / "joint_edges.csv").is_file() and not (run / "whole.json").is_file():
        from ifp.analysis.plot_joint_edges import draw_edges

        for path in draw_edges(run, width=width, formats=wanted, out=out):
            click.echo(path)
        return
    if (run / "whole.json").is_file():
        from ifp.analysis.plot_joint import draw_joint

        for path in draw_joint(run, width=width, formats=wanted, out=out):
            click.echo(path)
        return
    from ifp.analysis.naming import read_labels, read_order
    from ifp.analysis.plot_run import KINDS, draw_run
    from ifp.analysis.run_folder import factor_names_of

    chosen = [name for kind in kinds for name in (KINDS if kind == ALL else (kind,))]
    known = factor_names_of(run) if order or labels else ()
    for path in draw_run(
        run, kinds=chosen or None, width=width, method=method, scale=scale, out=out, formats=wanted,
        order=read_order(order, known), labels=read_labels(labels, known),
    ):  # fmt: skip
        click.echo(path)
