"""`ifp anneal`: the annealing test from a data set's name to a table and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ifp.analysis.suggestion.units import check_units
from ifp.annealing.config import AnnealConfig, preset_config, preset_settings
from ifp.cli.anneal_options import config_options, given_settings
from ifp.cli.cheap_checks import check_inputs, no_dataset
from ifp.cli.checked_options import checked_out, refuse_idle_sigma
from ifp.cli.cluster_options import scheduler_option
from ifp.cli.earlier_run import stored_settings
from ifp.cli.layout_options import layout_options
from ifp.cli.naming_options import order_and_labels
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.progress import StageProgress
from ifp.cli.suggest import suggestion_options
from ifp.cli.train_options import parse_option
from ifp.cli.trust_option import trust_option
from ifp.errors import IfpError, NothingFroze, bad_value


def _whole_defaults() -> dict[str, Any]:
    from ifp.analysis.joint.settings import whole_defaults

    return whole_defaults()


@click.command(cls=GroupedCommand, presets=preset_settings, whole=_whole_defaults)
@config_options
@click.option(
    "--whole",
    is_flag=True,
    help="Cool the whole data set, not traversals: peaks of dMI/dbeta, joint freezing points.",
)
@click.option("--objective", help="With --whole: beta, or infogan or ic-gan for GANs.", show_default="beta")
@click.option(
    "--option",
    multiple=True,
    help="NAME=VALUE of a GAN's objective; repeat for several.",
    show_default="the objective's",
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A run.json: run it again; not of GANs.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The run's folder.",
    show_default="runs/NAME-PRESET-DIGEST",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Where the official files lie.",
    show_default="$IFP_DATA, else a folder of the system's cache",
)
@click.option("--device", default="auto", help="auto, cpu, cuda (all GPUs), cuda:N or mps.")
@click.option("--threads", type=int, help="Chunks at work at once on a CPU.", show_default="the CPUs granted")
@scheduler_option
@click.option("--width", default="icml", help="Width of the figures: icml, neurips, jmlr, tmlr or inches.")
@click.option(
    "--format",
    "formats",
    default="pdf,png",
    help="Formats of the figures: pdf, png, svg, pgf, comma-separated; or none.",
)
@order_and_labels
@suggestion_options
@trust_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--dry-run", is_flag=True, help="Say what the run would cost, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
@layout_options()
def anneal(
    whole: bool,
    objective: str | None,
    option: tuple[str, ...],
    config_file: Path | None,
    out: Path | None,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    scheduler: str | None,
    width: str,
    formats: str,
    order: tuple[str, ...],
    labels: tuple[str, ...],
    hold: tuple[str, ...],
    units: str | None,
    model_latents: int | None,
    kld_weight: float | None,
    quiet: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure the information freezing points of a data set's factors.

    For every factor and context: the two closed-form edges, the exact equilibrium curve of an ideal VAE, and networks
    trained while beta falls and rises. The same command resumes a run that was stopped.

    With --whole networks are trained on all images while beta falls; where their information on the images rises most
    pressures for DEFT are placed. No labels are needed; with them each factor's joint freezing point is found too.
    With --objective infogan a GAN's weight of information is swept, at pressures 1 / weight.

    \b
    ifp anneal --dataset sprites --preset quick --out runs/demo
    ifp anneal --dataset toys --method closed-form
    ifp anneal --dataset toys --hold category,azimuth --units higgins-normalised --model-latents 10
    ifp anneal --config runs/demo/run.json --out runs/again
    ifp anneal --whole --dataset toys --preset quick --out runs/whole
    ifp anneal --whole --objective infogan --dataset toys --preset quick --out runs/gan
    """
    suggestion = {"hold": hold, "units": units, "model_latents": model_latents, "kld_weight": kld_weight}
    if threads is not None and threads < 1:
        raise bad_value("threads", threads, "a whole number of at least 1")
    check_inputs((), given_settings(options).get("dataset"), data_dir=data_dir)
    if whole:
        figures = _figures(width, formats)
        from ifp.cli.whole_dataset import run_whole

        run_whole(
            given_settings(options), config_file, out=out, data_dir=data_dir, device=device, threads=threads,
            scheduler=scheduler, **figures, order=order, labels=labels, quiet=quiet, dry_run=dry_run, as_json=as_json,
            objective=objective or "beta", options=dict(map(parse_option, option)), suggestion=suggestion,
        )  # fmt: skip
        return
    if objective or option:
        raise IfpError("--objective and --option go with --whole, which trains on all images; add --whole.")
    settings = given_settings(options)
    if settings.get("method") == "multi-rate":
        raise IfpError("--method multi-rate goes with --whole, which trains on all images; add --whole.")
    config = _stored_config(config_file, settings)
    dataset = settings.pop("dataset", config.dataset if config else None)
    if dataset is None:
        raise no_dataset()
    # presets and values are checked now, before torch is loaded and images are read
    checked = config or preset_config(**{"preset": "standard", **settings})
    refuse_idle_sigma(settings, checked.likelihood)
    figures = _figures(width, formats)
    check_units(units, checked.likelihood, model_latents=model_latents, kld_weight=kld_weight)

    from ifp.analysis.freezing.study import plan_annealing
    from ifp.cli.anneal_report import print_annealing

    with StageProgress(quiet=quiet) as stages:
        plan = plan_annealing(
            dataset, config, out=out, data_dir=data_dir, device=device, threads=threads, scheduler=scheduler,
            **figures, order=order, labels=labels, hold=hold, for_cost=dry_run, progress=stages.update, say=stages.say,
            **settings,
        )  # fmt: skip
        out = out or _default_out(plan.config)
        if dry_run:
            cost = plan.cost(out, progress=stages.update)
            stages.close()
            echo(json.dumps(cost.to_json(), indent=2) if as_json else cost.text())
            return
        result = plan.run(out, progress=stages.update, say=stages.say)
        stages.close()
    print_annealing(result, suggestion, as_json=as_json)
    if result.nothing_froze():
        raise NothingFroze(result.nothing_froze())


def _stored_config(config_file: Path | None, settings: dict[str, Any]) -> AnnealConfig | None:
    """The settings of an earlier run with those that were typed in their place; None without such a run."""
    if config_file is None:
        return None
    return AnnealConfig.from_json(stored_settings(config_file, settings, AnnealConfig))


def _default_out(config: AnnealConfig) -> Path:
    from ifp.datasets.catalog import short_name

    name = short_name(config.dataset)
    return Path("runs") / f"{name}-{config.preset}-{config.digest()[:6]}"


def _figures(width: str, formats: str) -> dict[str, Any]:
    """Width and formats, checked now, before torch is loaded and images are read."""
    from ifp.analysis.figures.style import figure_width
    from ifp.cli.reading_options import given_formats

    figure_width(width)
    return {"width": width, "formats": given_formats(formats)}
