"""`ifp shift`: how far a mitigation moves the freezing points of trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ifp.cli.cheap_checks import no_dataset
from ifp.cli.checked_options import checked_out, checked_seed
from ifp.cli.layout_options import layout_options
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.progress import StageProgress
from ifp.cli.trust_option import trust_option


@click.command(cls=GroupedCommand)
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("mitigated", type=click.Path(path_type=Path))
@click.option("--dataset", help="The data of both trainings: a name from `ifp data list`, npz:PATH or images:FOLDER.",
              show_default="required")  # fmt: skip
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Where the official files lie.",
    show_default="$IFP_DATA, else a folder of the system's cache",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for results.",
    show_default="runs/shift-NAMES",
)
@click.option("--probe", "direction", default="heat", help="heat (beta rises) or cool (beta falls).")
@click.option(
    "--beta-min", type=float, help="Lowest beta of the probe.", show_default="lowest beta of the models, else 1"
)
@click.option("--beta-max", type=float, help="Highest beta of the probe.", show_default="300, or 50 times the lowest")
@click.option("--steps", type=int, default=3000, help="Optimizer steps while beta moves.")
@click.option("--hold-steps", type=int, default=200, help="Steps at the first beta before it moves.")
@click.option("--records", type=int, default=40, help="Evaluations along the way.")
@click.option("--batch", type=int, default=64, help="Images per step.")
@click.option("--learning-rate", type=float, default=5e-4, help="Adam's.")
@click.option("--images", type=int, default=10_000, help="Images to train on.")
@click.option("--fixed-images", type=int, default=2000, help="Images whose information is followed.")
@click.option("--threshold", type=float, default=0.1, help="KL of a latent that counts as frozen, nats.")
@click.option("--seed", type=int, default=0, callback=checked_seed, help="The seed of images, batches and noise.")
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
def shift(baseline: Path, mitigated: Path, **options: Any) -> None:
    """Probe the models of BASELINE and MITIGATED alike, and say how far the melting points of their factors lie apart.

    Each is a checkpoint of any code base whose decoder can be read, or an `ifp train` run with several seeds, which are
    paired in order. The models are fine-tuned in memory while beta moves; their files are never changed. The same
    command takes up a probe that was cut short after the last finished model.

    Example: `ifp shift runs/betavae runs/deft --dataset sprites --probe heat`
    """
    from ifp.analysis.figures.style import figure_width
    from ifp.cli.reading_options import given_formats

    figure_width(options["width"])
    formats = given_formats(options.pop("formats"))
    if options["dataset"] is None:
        raise no_dataset([baseline, mitigated])

    from ifp.analysis.shift.result import FILE_NAME, NOTE
    from ifp.analysis.shift.study import shift as measure_shift
    from ifp.cli.printing import print_line, print_table
    from ifp.system.out_folder import no_folder_if_refused

    width, as_json, quiet = (options.pop(name) for name in ("width", "as_json", "quiet"))
    out = options.pop("out") or Path("runs") / f"shift-{baseline.resolve().name}-{mitigated.resolve().name}"
    with no_folder_if_refused(out), StageProgress(quiet=quiet) as stages:
        result = measure_shift(
            baseline, mitigated, probe=options.pop("direction"), **options, out=out, progress=stages.update,
            say=stages.say,
        )  # fmt: skip
        stages.close()
        paths = result.write(out, width=width, formats=formats)
    if as_json:
        echo((out / FILE_NAME).read_text())
        return
    print_table(result.printed_table(), title=result.title(), note=NOTE, left=("factor", "says"))
    print_line(result.count_line())
    for path in paths:
        echo(path)
