"""`ifp directions`: the directions of a decoder whose shifts are nearest to symmetries of what it draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ifp.cli.cheap_checks import check_inputs, no_dataset
from ifp.cli.checked_options import checked_out, checked_seed
from ifp.cli.layout_options import layout_options
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.progress import StageProgress
from ifp.cli.reading_options import data_options, given_formats, given_reading, reading_options
from ifp.cli.trust_option import trust_option


@click.command(cls=GroupedCommand)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@data_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for results.",
    show_default="runs/directions-NAME",
)
@click.option("--count", type=int, default=0, help="Directions to search among; 0 for all along which images change by "
              "1 % of the most or more, at most 10.")  # fmt: skip
@click.option("--topology", default="lite", help="lite (minimum spanning trees) or full (loops; pip install "
              "'ifp[topology]').")  # fmt: skip
@click.option("--steps", type=int, default=60, help="Steps of the search from each start.")
@click.option("--restarts", type=int, default=3, help="Random rotations to start from, beside the leading directions.")
@click.option("--batch", type=int, default=64, help="Codes compared at a time, at least 16.")
@click.option("--batches", type=int, default=8, help="Batches to search on, to choose the best end on, and to "
              "measure on, at least 2 of each.")  # fmt: skip
@click.option("--images", type=int, default=2000, help="Images whose posteriors give the codes.")
@click.option("--seed", type=int, default=0, callback=checked_seed, help="The seed of images, draws and rotations.")
@reading_options
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--width", default="icml", help="Width of the figure: icml, neurips, jmlr, tmlr or inches.")
@click.option(
    "--format",
    "formats",
    default="pdf,png",
    help="Formats of the figures: pdf, png, svg, pgf, comma-separated; or none.",
)
@trust_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
@layout_options()
def directions(checkpoint: Path, **options: Any) -> None:
    """Search for the directions of a CHECKPOINT's decoder whose shifts change the shape of its images least.

    An orthogonal rotation of the directions along which images change most is trained to make the topological
    difference of images before and after a shift small (after Balabin et al. 2024). It needs no labels; the model's own
    latents and random directions are measured beside it.

    Example: `ifp directions runs/betavae/seed-0 --dataset sprites`
    """
    from ifp.analysis.figures.style import figure_width

    figure_width(options["width"])
    if options["dataset"] is None:
        raise no_dataset([checkpoint])
    check_inputs([checkpoint], options["dataset"], data_dir=options["data_dir"], background=options["background"])
    formats = given_formats(options["formats"])

    from ifp.analysis.directions.result import NOTE
    from ifp.analysis.directions.study import directions as search
    from ifp.cli.printing import print_line, print_table
    from ifp.system.out_folder import DIRECTIONS, no_folder_if_refused, result_folder

    out = options["out"] or Path("runs") / f"directions-{checkpoint.resolve().name}"
    result_folder(out, DIRECTIONS, "--out")
    names = ("count", "topology", "steps", "restarts", "batch", "batches", "images", "seed", "device", "data_dir",
             "background")  # fmt: skip
    with no_folder_if_refused(out), StageProgress(quiet=options["quiet"]) as stages:
        result = search(
            checkpoint, options["dataset"], **{name: options[name] for name in names}, reading=given_reading(options),
            progress=stages.update, say=stages.say,
        )  # fmt: skip
        stages.close()
        paths = result.write(out, width=options["width"], formats=formats)
    if options["as_json"]:
        echo(json.dumps(result.content(), indent=2))
        return
    shown = result.table()
    print_table(shown[shown["kind"] != "leading"].round(3), title=result.headline(), note=NOTE, left=("kind",))
    for line in result.notes():
        print_line(line)
    for path in paths:
        print_line(str(path))
