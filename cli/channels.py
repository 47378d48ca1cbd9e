"""`ifp channels`: which pieces of information an ensemble of models finds again and again, and when they freeze."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ifp.cli.cell_options import cell_options, given_cells
from ifp.cli.cheap_checks import no_dataset
from ifp.cli.checked_options import checked_out, checked_seed
from ifp.cli.cluster_options import scheduler_option
from ifp.cli.layout_options import layout_options
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_table
from ifp.cli.progress import StageProgress
from ifp.cli.reading_options import (
    data_or_codes_options,
    given_formats,
    given_reading,
    name_of_sources,
    reading_options,
)
from ifp.cli.trust_option import trust_option
from ifp.datasets.catalog import check_available
from ifp.errors import IfpError, counted
from ifp.fingerprints.find_models import check_enough_at
from ifp.recording.find_recordings import all_recordings

if TYPE_CHECKING:
    from ifp.analysis.channels.result import ChannelsResult


@click.command(cls=GroupedCommand)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@data_or_codes_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for results.",
    show_default="runs/channels-NAME",
)
@click.option("--points", type=int, help="Images whose posteriors are compared; they cap information at log2 of their "
              "number.", show_default="1000, or all where there are fewer")  # fmt: skip
@click.option(
    "--by", default="latent", help="What a channel is: latent, group or space (a model's whole latent space)."
)
@click.option("--group-size", type=int, help="Latents of a group.", show_default="required with --by group")
@click.option("--distance", default="vi", help="What channels are clustered by: vi (variation of information) or nmi.")
@click.option("--min-samples", type=int, help="Channels and models that a hotspot needs.",
              show_default="0.4 of the models at one beta")  # fmt: skip
@click.option("--no-hotspots", is_flag=True, help="Similarities alone, of any number of models.")
@click.option(
    "--along-training", is_flag=True, help="Every checkpoint of a series is a model, at the beta of its step."
)
@click.option("--beta", "betas", type=float, multiple=True, show_default="as the files say",
              help="Beta of a PATH; repeat, one for each.")  # fmt: skip
@click.option("--threshold", type=float, default=0.1, help="KL of a channel that counts as frozen, nats.")
@click.option(
    "--monte-carlo", is_flag=True, help="Information, NMI and VI of whole latent spaces, all pairs of models."
)
@click.option("--seed", type=int, default=0, callback=checked_seed, help="The seed of images, draws and resamples.")
@reading_options
@click.option("--encoder", "encoders", multiple=True, show_default="none",
              help="package.module:function of yours: images [N, C, H, W] in [0, 1] -> mean, logvar.")  # fmt: skip
@click.option("--codes", multiple=True, type=click.Path(path_type=Path), show_default="none",
              help="An .npz file with mean, logvar and factors, or a .h5ad file with posteriors of cells, in place of "
              "PATH; repeat for several.")  # fmt: skip
@cell_options
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.")
@scheduler_option
@click.option("--width", default="icml", help="Width of the figures: icml, neurips, jmlr, tmlr or inches.")
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
def channels(paths: tuple[Path, ...], **options: Any) -> None:
    """Say which pieces of information the latents of many models hold again and again, and at which beta they freeze.

    PATH is a checkpoint of any of the field's code bases, a folder with a series of them (the last counts), or the
    folder of an `ifp train` or `ifp anneal --whole` run, of which every seed is a model. Latents are compared by the
    information they hold about the images, whatever their axes. Nothing in a checkpoint is executed. Folders of an
    ifp.Recorder are compared among themselves, by the codes that they hold, and need no --dataset.

    \b
    ifp channels runs/beta-30 runs/beta-4 --dataset sprites
    ifp channels runs/cooled --dataset sprites --along-training
    ifp channels a.pt b.pt --dataset dsprites --by space --no-hotspots
    """
    from ifp.analysis.figures.style import figure_width

    figure_width(options["width"])
    recorded = all_recordings([*paths, *options["encoders"]], options["dataset"])
    _check_sources(paths, options, recorded=recorded)
    if not options["codes"] and not recorded:
        check_available(options["dataset"], data_dir=options["data_dir"], background=options["background"])
    if not recorded:
        check_enough_at(
            paths,
            len(options["encoders"]) + len(options["codes"]),
            along_training=options["along_training"],
            hotspots=not options["no_hotspots"],
        )
    formats, cells = given_formats(options["formats"]), given_cells(options)

    # torch is loaded only now, when the settings are known to be good
    from ifp.analysis.channels.study import channels as compare_channels
    from ifp.checkpoints.custom import EncoderByName
    from ifp.system.out_folder import CHANNELS, no_folder_if_refused, result_folder

    out = options["out"] or Path("runs") / f"channels-{_name(paths, options)}"
    result_folder(out, CHANNELS, "--out")
    with no_folder_if_refused(out), StageProgress(quiet=options["quiet"]) as stages:
        result = compare_channels(
            [*paths, *map(EncoderByName, options["encoders"])],
            cells=cells,
            reading=given_reading(options),
            hotspots=not options["no_hotspots"],
            progress=stages.update,
            say=stages.say,
            **{name: options[name] for name in _PASSED},
        )
        stages.close()
        files = result.write(out, width=options["width"], formats=formats, progress=stages.update)
        stages.close()
        _print(result, out, len(files), as_json=options["as_json"])


_PASSED = (
    "codes", "dataset", "data_dir", "background", "points", "by", "group_size", "distance", "min_samples",
    "along_training", "betas", "threshold", "monte_carlo", "seed", "device", "scheduler",
)  # fmt: skip
"""The options that the library's call takes under the same names."""


def _print(result: ChannelsResult, out: Path, files: int, *, as_json: bool) -> None:
    from ifp.analysis.channels.shown_tables import shown
    from ifp.analysis.channels.stored import plain

    if as_json:
        echo(json.dumps(plain({"folder": out, **result.content()}), indent=2))
        return
    for part in shown(result):
        if isinstance(part, str):
            print_line(part)
        else:
            print_table(part.table, title=part.title, note=part.note, left=part.left, repeated=part.repeated)
    echo(f"Results and figures in {out} ({counted(files, 'file')}).")


def _check_sources(paths: tuple[Path, ...], options: dict[str, Any], *, recorded: bool) -> None:
    """Models or codes, and a data set where images are needed."""
    if not (paths or options["encoders"] or options["codes"]):
        raise IfpError("No model is named; give the PATHs of runs or checkpoints, --encoder or --codes.")
    if options["codes"] and (paths or options["encoders"]):
        raise IfpError("--codes are of images of their own and exclude PATH and --encoder; give one kind.")
    if options["codes"] and options["dataset"] is not None:
        raise IfpError("--codes brings its own factors; leave --dataset out.")
    if options["codes"] and options["along_training"]:
        raise IfpError("--along-training is about the checkpoints of runs; leave it out with --codes.")
    if options["dataset"] is None and not options["codes"] and not recorded:
        raise no_dataset(paths)


def _name(paths: tuple[Path, ...], options: dict[str, Any]) -> str:
    sources = paths or options["codes"]
    return name_of_sources(sources) if sources else str(options["encoders"][0]).replace(":", "-")
