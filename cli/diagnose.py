"""`ifp diagnose`: what each latent of a checkpoint holds, what has diffused over several, what leaked away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ifp.cli.cheap_checks import check_inputs
from ifp.cli.checked_options import checked_out, checked_seed
from ifp.cli.naming_options import given_names
from ifp.cli.progress import StageProgress
from ifp.cli.reading_options import data_options, given_formats, given_reading, name_of_sources, reading_options
from ifp.cli.regime_options import given_pairs, regime_options
from ifp.errors import IfpError, bad_value

FEWEST_IMAGES = 50
QUICK_METRICS = ("mig", "jemmig", "modularity", "factor-vae", "irs", "minimality", "total-correlation")
"""Under a second together."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@data_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The folder for results.",
    show_default="runs/diagnose-NAME",
)
@click.option("--series", is_flag=True, help="The PATHs are checkpoints of one run, to be put in order of training.")
@click.option(
    "--images", type=int, default=10_000, help="Images to encode, 50 at least; below 1,000 intervals are wide."
)
@click.option(
    "--seed", type=int, default=0, callback=checked_seed, help="The seed of images, permutations and resamples."
)
@click.option("--permutations", type=int, default=100, help="Permutations of the labels for the noise floor.")
@click.option("--bootstraps", type=int, default=200, help="Resamples of the images for the intervals.")
@click.option("--metrics", default="quick",
              help="Metrics to add: quick, fast (seconds), all (minutes), none, or names such as mig,dci.")  # fmt: skip
@regime_options
@click.option("--joint/--no-joint", default=True,
              help="Bound what all latents together hold of each factor: 1 to 2 CPU minutes a model.")  # fmt: skip
@click.option("--name", "names", multiple=True, show_default="the files' names",
              help="What to call a model: A=beta-VAE for the first, B=... for the second; repeat it.")  # fmt: skip
@reading_options
@click.option("--encoder", help="package.module:function of yours: images [N, C, H, W] in [0, 1] -> mean, logvar.",
              show_default="none")  # fmt: skip
@click.option("--codes", multiple=True, type=click.Path(path_type=Path), show_default="none",
              help="An .npz file with mean, logvar and factors, in place of PATH; repeat for several.")  # fmt: skip
@click.option(
    "--anyway", is_flag=True, help="Give the numbers, without a verdict, though the self-test or the data test failed."
)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--width", default="icml", help="Width of the figures: icml, neurips, jmlr, tmlr or inches.")
@click.option("--format", "formats", default="pdf,png", help="Of the figures: pdf, png, both comma-separated, or none.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
def diagnose(paths: tuple[Path, ...], **options: Any) -> None:
    """Say what each latent of a VAE holds, which factors have diffused over several latents, and what leaked away.

    PATH is a checkpoint of any of the field's code bases, or a folder with a series of them. Nothing in a checkpoint is
    executed. Two PATHs are compared, with intervals; three and more are put side by side.

    A model that seems to be misread, or not to know these images, gets no verdict: the command says what is wrong and
    what to try, and ends with exit code 1.

    \b
    ifp diagnose model.pt --dataset dsprites
    ifp diagnose runs/betavae runs/deft --dataset sprites --out runs/compared
    ifp diagnose --codes codes.npz
    """
    from ifp.analysis.figures.style import figure_width

    _check_sources(paths, options)
    for name, least in (("images", FEWEST_IMAGES), ("permutations", 20), ("bootstraps", 20)):
        if options[name] < least:
            raise bad_value(name, options[name], f"a whole number of at least {least}")
    figure_width(options["width"])
    given_names(options["names"], _num_runs(paths, options))
    check_inputs(paths, options["dataset"], data_dir=options["data_dir"], background=options["background"])
    formats = given_formats(options["formats"])

    # torch is loaded only now, when the settings are known to be good
    from ifp.annealing.run import check_device
    from ifp.cli.diagnose_doubts import say_doubts
    from ifp.cli.diagnose_report import report
    from ifp.cli.diagnose_runs import RunSettings, collect_runs, diagnose_runs
    from ifp.system.out_folder import no_folder_if_refused

    settings = RunSettings(
        paths=paths,
        codes=options["codes"],
        encoder=options["encoder"],
        dataset=options["dataset"],
        data_dir=options["data_dir"],
        background=options["background"],
        series=options["series"],
        images=options["images"],
        seed=options["seed"],
        permutations=options["permutations"],
        bootstraps=options["bootstraps"],
        reading=given_reading(options),
        device=check_device(options["device"]),
        metrics=_metrics(options["metrics"]),
        correlate=given_pairs(options),
        inverse=options["inverse"],
        joint=options["joint"],
        names=given_names(options["names"], _num_runs(paths, options)),
    )
    out = options["out"] or Path("runs") / f"diagnose-{_name(paths, options)}{'-correlated' * bool(settings.correlate)}"
    with no_folder_if_refused(out), StageProgress(quiet=options["quiet"]) as stages:
        runs, sample = collect_runs(settings, out, stages)
        if not options["anyway"] and say_doubts(runs, stages, as_json=options["as_json"]):
            raise click.exceptions.Exit(1)
        diagnosed = diagnose_runs(runs, settings, stages)
        report(
            diagnosed,
            sample,
            settings,
            out,
            stages,
            width=options["width"],
            formats=formats,
            as_json=options["as_json"],
        )


def _num_runs(paths: tuple[Path, ...], options: dict[str, Any]) -> int:
    return 1 if options["series"] or options["encoder"] else len(paths or options["codes"])


def _check_sources(paths: tuple[Path, ...], options: dict[str, Any]) -> None:
    """Exactly one kind of source, and a data set where images are needed."""
    given = [name for name, there in (("PATH", paths), ("--encoder", options["encoder"]), ("--codes", options["codes"]))
             if there]  # fmt: skip
    if not given:
        raise IfpError("Nothing to diagnose is named; give the PATH of a checkpoint, --encoder or --codes.")
    if len(given) > 1:
        raise IfpError(f"{' and '.join(given)} exclude each other; give one of them.")
    if options["dataset"] is None and not options["codes"]:
        raise IfpError("No data set is named; add --dataset NAME (`ifp data list` shows the names).")
    if options["dataset"] is not None and options["codes"]:
        raise IfpError("--codes brings its own factors; leave --dataset out.")


def _metrics(text: str) -> tuple[str, ...]:
    from ifp.analysis.metrics import METRICS
    from ifp.errors import unknown_name

    if text == "none":
        return ()
    if text == "quick":
        return QUICK_METRICS
    if text in ("fast", "all"):
        return tuple(name for name, metric in METRICS.items() if text == "all" or not metric.slow)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, ["quick", "fast", "all", "none", *METRICS])
    return names


def _name(paths: tuple[Path, ...], options: dict[str, Any]) -> str:
    if options["encoder"]:
        return str(options["encoder"]).replace(":", "-")
    return name_of_sources(paths or options["codes"])
