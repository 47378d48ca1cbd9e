"""`ifp diagnose`: what each latent of a checkpoint holds, what has diffused over several, what leaked away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ifp.cli.cell_options import cell_options, given_cells
from ifp.cli.cheap_checks import check_inputs, no_dataset
from ifp.cli.checked_options import checked_out, checked_seed
from ifp.cli.cluster_options import scheduler_option
from ifp.cli.layout_options import layout_options
from ifp.cli.naming_options import given_names
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.progress import StageProgress
from ifp.cli.reading_options import (
    data_or_codes_options,
    given_formats,
    given_reading,
    name_of_sources,
    reading_options,
)
from ifp.cli.regime_options import given_pairs, regime_options
from ifp.cli.trust_option import trust_option
from ifp.errors import IfpError, counted
from ifp.recording.find_recordings import all_recordings


@click.command(cls=GroupedCommand)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@data_or_codes_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for results.",
    show_default="runs/diagnose-NAME",
)
@click.option("--series", is_flag=True, help="The PATHs are checkpoints of one run, to be put in order of training.")
@click.option(
    "--images",
    type=int,
    default=10_000,
    help="Images to encode, 50 at least; below 1,000 intervals are wide. Of --codes all rows are measured.",
)
@click.option(
    "--seed", type=int, default=0, callback=checked_seed, help="The seed of images, permutations and resamples."
)
@click.option(
    "--permutations", type=int, default=100, help="Permutations of the labels for the noise floor, at least 20."
)
@click.option("--bootstraps", type=int, default=200, help="Resamples of the images for the intervals.")
@click.option("--metrics", default="quick",
              help="Metrics to add: quick, fast (seconds), all (minutes), none, or names such as mig,dci.")  # fmt: skip
@regime_options
@click.option("--joint/--no-joint", default=True,
              help="Bound what all latents together hold of each factor: 1 to 2 CPU minutes per model.")  # fmt: skip
@click.option("--name", "names", multiple=True, show_default="the files' names",
              help="What to call a model: A=beta-VAE for the first, B=... for the second; repeat it.")  # fmt: skip
@reading_options
@click.option("--encoder", help="package.module:function of yours: images [N, C, H, W] in [0, 1] -> mean, logvar.",
              show_default="none")  # fmt: skip
@click.option("--codes", multiple=True, type=click.Path(path_type=Path), show_default="none",
              help="An .npz file with mean, logvar and factors, or a .h5ad file with posteriors of cells, in place of "
              "PATH; repeat for several.")  # fmt: skip
@cell_options
@click.option(
    "--anyway", is_flag=True, help="Give the numbers, without a verdict, though the self-test or the data test failed."
)
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
def diagnose(paths: tuple[Path, ...], **options: Any) -> None:
    """Say what each latent of a VAE holds, which factors have diffused over several latents, and what leaked away.

    PATH is a checkpoint of any of the field's code bases, a folder with a series of them, or the folder of an
    ifp.Recorder, which needs no --dataset. Nothing in a checkpoint is executed. Two PATHs are compared, with
    intervals; three and more are put side by side.

    A model that seems to be misread, or not to know these images, gets no verdict: the command says what is wrong and
    what to try, and ends with exit code 1. Codes and functions of your own (--codes, --encoder) are your own word: the
    part of the tests that needs no decoder is printed, with a warning, and the verdict given.

    \b
    ifp diagnose model.pt --dataset dsprites
    ifp diagnose runs/betavae runs/deft --dataset sprites --out runs/compared
    ifp diagnose --codes codes.npz
    ifp diagnose --codes cells.h5ad --factors cell_type,batch
    """
    from ifp.analysis.diffusion.settings import check_counts
    from ifp.analysis.figures.style import figure_width
    from ifp.analysis.metrics.choice import chosen_metrics

    recorded = all_recordings(paths, options["dataset"])
    _check_sources(paths, options, recorded=recorded)
    cells = given_cells(options)
    check_counts(images=options["images"], permutations=options["permutations"], bootstraps=options["bootstraps"])
    figure_width(options["width"])
    names = given_names(options["names"], _num_models(paths, options))
    check_inputs(
        () if recorded else paths, options["dataset"], data_dir=options["data_dir"], background=options["background"]
    )
    formats, metrics = given_formats(options["formats"]), chosen_metrics(options["metrics"])

    # torch is loaded only now, when the settings are known to be good
    from ifp.analysis.diffusion.study import diagnose as diagnose_models
    from ifp.checkpoints.custom import EncoderByName, read_codes
    from ifp.checkpoints.run_records import Run
    from ifp.cli.diagnose_tables import say_doubts, say_models
    from ifp.system.out_folder import DIAGNOSIS, no_folder_if_refused, result_folder

    reading, correlate = given_reading(options), given_pairs(options)
    out = options["out"] or Path("runs") / f"diagnose-{_name(paths, options)}{'-correlated' * bool(correlate)}"
    result_folder(out, DIAGNOSIS, "--out")
    with no_folder_if_refused(out), StageProgress(quiet=options["quiet"]) as stages:
        models: list[Any] = [
            *paths,
            *[Run(path.stem, (read_codes(path, cells, stages.say),)) for path in options["codes"]],
        ]
        result = diagnose_models(
            [EncoderByName(options["encoder"])] if options["encoder"] else models,
            options["dataset"],
            images=options["images"],
            seed=options["seed"],
            permutations=options["permutations"],
            bootstraps=options["bootstraps"],
            metrics=metrics,
            joint=options["joint"],
            correlate=correlate,
            inverse=options["inverse"],
            series=options["series"],
            names=names,
            reading=reading,
            device=options["device"],
            scheduler=options["scheduler"],
            data_dir=options["data_dir"],
            background=options["background"],
            anyway=options["anyway"],
            codes_folder=out / "codes",
            progress=stages.update,
            say=stages.say,
        )
        stages.close()
        if result.doubts and not options["anyway"]:
            say_doubts(result.models, as_json=options["as_json"])
            raise click.exceptions.Exit(1)
        files = result.write(out, width=options["width"], formats=formats, keep_codes=False, progress=stages.update)
        stages.close()
        say_models(result, out, as_json=options["as_json"])
        if not options["as_json"]:
            echo(f"Results and figures in {out} ({counted(len(files), 'file')}).")


def _num_models(paths: tuple[Path, ...], options: dict[str, Any]) -> int:
    return 1 if options["series"] or options["encoder"] else len(paths or options["codes"])


def _check_sources(paths: tuple[Path, ...], options: dict[str, Any], *, recorded: bool) -> None:
    """Exactly one kind of source, and a data set where images are needed."""
    of_kind = {"PATH": paths, "--encoder": options["encoder"], "--codes": options["codes"]}
    sources = [kind for kind, given in of_kind.items() if given]
    if not sources:
        raise IfpError("Nothing to diagnose is named; give the PATH of a checkpoint, --encoder or --codes.")
    if len(sources) > 1:
        raise IfpError(f"{' and '.join(sources)} exclude each other; give one of them.")
    if options["dataset"] is None and not options["codes"] and not recorded:
        raise no_dataset(paths)
    if options["dataset"] is not None and options["codes"]:
        raise IfpError("--codes brings its own factors; leave --dataset out.")


def _name(paths: tuple[Path, ...], options: dict[str, Any]) -> str:
    if options["encoder"]:
        return str(options["encoder"]).replace(":", "-")
    return name_of_sources(paths or options["codes"])
