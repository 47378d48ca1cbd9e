"""`ifp plot`: the figures of a run, a diagnosis or an ensemble at a paper's width, from its folder alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ifp.cli.checked_options import checked_out
from ifp.cli.naming_options import order_and_labels
from ifp.cli.option_help import GroupedCommand
from ifp.errors import IfpError

ALL = "all"


@click.command(cls=GroupedCommand)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--kind", "kinds", multiple=True,
              help="hist, kde, strip, ridge, trace or all; of a diagnosis nmi, kl, ... (docs/figures.md); repeat for "
              "several.  [default: kde and trace; of a diagnosis all]")  # fmt: skip
@click.option("--width", default="icml", help="Page width: icml, neurips, jmlr, tmlr or a number of inches.")
@click.option("--method", help="Draw these members only: exact, train or closed-form.", show_default="all there are")
@click.option("--scale", default="log", help="Of beta in distributions: log or linear.")
@order_and_labels
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for the figures.",
    show_default="RUN/figures",
)
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
    asked = Asked(run, kinds, method, scale, order, labels, {"width": width, "formats": wanted, "out": out})
    draw = next((draw for name, draw in _FOLDERS.items() if (run / name).is_file()), _draw_traversals)
    for path in draw(asked):
        click.echo(path)


@dataclass(frozen=True)
class Asked:
    """What the user asked for; `page` holds the arguments that all figures take."""

    run: Path
    kinds: tuple[str, ...]
    method: str | None
    scale: str
    order: tuple[str, ...]
    labels: tuple[str, ...]
    page: dict[str, Any]

    def refuse(self, what: str, *options: str) -> None:
        """Raise IfpError for the first of these options that was given and does not go with `what` the folder holds."""
        given = {"--kind": self.kinds, "--method": self.method, "--order": self.order, "--label": self.labels,
                 "--scale": self.scale != "log"}  # fmt: skip
        for option in options:
            if given[option]:
                raise IfpError(f"{self.run} is {what}, which {option} does not go with; leave it out.")


def _draw_diagnosis(asked: Asked) -> list[Path]:
    from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis

    asked.refuse("a diagnosis", "--method", "--scale", "--order", "--label")
    figures = None if not asked.kinds or ALL in asked.kinds else asked.kinds
    return draw_diagnosis(asked.run, figures=figures, **asked.page)


def _draw_channels(asked: Asked) -> list[Path]:
    from ifp.analysis.channels.plot_results import draw_results

    asked.refuse("of `ifp channels`, whose figures are always the same", *_TRAVERSALS_ONLY, "--order", "--label")
    return draw_results(asked.run, **asked.page)


def _draw_whole(asked: Asked) -> list[Path]:
    from ifp.analysis.joint.plot_joint import draw_joint

    asked.refuse("an annealing of a whole data set, whose figure is always the same", *_TRAVERSALS_ONLY)
    return draw_joint(asked.run, **_named(asked), **asked.page)


def _draw_edges(asked: Asked) -> list[Path]:
    from ifp.analysis.joint.plot_edges import draw_edges

    asked.refuse("a closed form of a whole data set, whose figure is always the same", *_TRAVERSALS_ONLY)
    return draw_edges(asked.run, **_named(asked), **asked.page)


def _named(asked: Asked) -> dict[str, Any]:
    """Order and labels for the figure of a whole data set."""
    if not asked.order and not asked.labels:
        return {}
    from ifp.analysis.freezing.naming import read_labels, read_order
    from ifp.analysis.freezing.saved_run import read_about

    known = read_about(asked.run, ("dataset", "likelihood"))["dataset"]["factor_names"]
    return {"order": read_order(asked.order, known), "labels": read_labels(asked.labels, known)}


def _draw_traversals(asked: Asked) -> list[Path]:
    from ifp.analysis.freezing.naming import read_labels, read_order
    from ifp.analysis.freezing.plot_run import draw_run
    from ifp.analysis.freezing.saved_run import factors_in

    known = factors_in(asked.run) if asked.order or asked.labels else ()
    return draw_run(
        asked.run, kinds=asked.kinds or None, method=asked.method, scale=asked.scale,
        order=read_order(asked.order, known), labels=read_labels(asked.labels, known), **asked.page,
    )  # fmt: skip


_TRAVERSALS_ONLY = ("--kind", "--method", "--scale")
_FOLDERS: dict[str, Callable[[Asked], list[Path]]] = {
    "diagnosis.json": _draw_diagnosis,
    "channels.json": _draw_channels,
    "whole.json": _draw_whole,
    "joint_edges.csv": _draw_edges,
}
"""The file by which a folder is known, in the order of looking; any other is taken for a run of traversals."""
