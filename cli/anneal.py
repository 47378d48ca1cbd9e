"""`ifp anneal`: the annealing test from a data set's name to a table and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ifp.annealing.config import AnnealConfig, preset_config
from ifp.cli.anneal_options import config_options, given_settings
from ifp.cli.cheap_checks import check_inputs
from ifp.cli.checked_options import checked_out, refuse_idle_sigma
from ifp.cli.earlier_run import stored_settings
from ifp.cli.naming_options import order_and_labels
from ifp.cli.progress import StageProgress
from ifp.errors import IfpError, bad_value
from ifp.system.cpus import granted_cpus
from ifp.system.settings import clipped_note


@click.command()
@config_options
@click.option(
    "--whole", is_flag=True, help="Cool the whole data set, not traversals: peaks of dMI/dbeta, joint freezing points."
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A run.json: run it again.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The run's folder.",
    show_default="runs/NAME-PRESET-DIGEST",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the official files lie.", show_default="cache")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--threads", type=int, help="Chunks at work at once on a CPU.", show_default="the CPUs granted")
@click.option("--width", default="icml", help="Width of the figures: icml, neurips, jmlr, tmlr or inches.")
@order_and_labels
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--dry-run", is_flag=True, help="Say what the run would cost, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
def anneal(
    whole: bool,
    config_file: Path | None,
    out: Path | None,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    width: str,
    order: tuple[str, ...],
    labels: tuple[str, ...],
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

    \b
    ifp anneal --dataset sprites --preset quick --out runs/demo
    ifp anneal --dataset toys --method closed-form
    ifp anneal --config runs/demo/run.json --out runs/again
    ifp anneal --whole --dataset toys --preset quick --out runs/whole
    """
    if threads is not None and threads < 1:
        raise bad_value("threads", threads, "a whole number of at least 1")
    check_inputs((), given_settings(options).get("dataset"), data_dir=data_dir)
    if whole:
        _check_width(width)
        from ifp.cli.whole_dataset import run_whole

        run_whole(
            given_settings(options), config_file, out=out, data_dir=data_dir, device=device, threads=threads,
            width=width, order=order, labels=labels, quiet=quiet, dry_run=dry_run, as_json=as_json,
        )  # fmt: skip
        return
    config = _config(config_file, options)
    typed = given_settings(options)
    threads = threads if threads is not None else granted_cpus()
    _check_width(width)

    # torch is loaded only now, when the settings are known to be good
    from ifp.analysis.freezing.naming import read_labels, read_order
    from ifp.annealing.folder import RunWriter
    from ifp.annealing.plan import check_some_can_freeze, plan_cells, plan_keys, run_factors, trains
    from ifp.annealing.run import Resources, check_device, run
    from ifp.cli.anneal_report import DRY_RUN_TRAVERSALS, report, say_cost
    from ifp.cli.own_data import open_dataset
    from ifp.networks.architecture import fit_architecture
    from ifp.system.out_folder import no_folder_if_refused

    resources = Resources(check_device(device), threads)
    dataset = open_dataset(config.dataset, data_dir=data_dir, background=config.background, quiet=quiet)
    tested = run_factors(dataset, config)
    naming = (read_order(order, tested), read_labels(labels, tested))
    with StageProgress(quiet=quiet) as stages:
        config, notes = fit_architecture(config, dataset.image_shape, typed, used=trains(config))
        for note in (*notes, clipped_note(config, typed)):
            if note:
                stages.say(note)
        most = DRY_RUN_TRAVERSALS if dry_run else None
        if typed.get("nuisance") == "random" and not dataset.nuisance_name:
            stages.say(f"Nuisance: {dataset.name} has none, so that --nuisance random changes nothing.")
        cells = plan_cells(dataset, config, stages.update, typed=typed, say=stages.say, most_rendered=most)
    if not dry_run:
        check_some_can_freeze(cells)
    out = out or _default_out(config)
    folder = RunWriter(out, config, dataset, plan_keys(cells, config), resources.device)
    with no_folder_if_refused(out), StageProgress(quiet=quiet) as stages:
        cost = say_cost(cells, config, folder, resources, stages, dry_run=dry_run, as_json=as_json)
        if dry_run:
            return
        if cost.training:
            resources = replace(resources, chunk=cost.training.chunk)
        folder.open()
        try:
            trace = run(cells, config, folder, resources, progress=stages.update, say=stages.say)
        except BaseException:
            folder.close("stopped")
            stages.say(f"Stopped; what is finished is in {folder.path}, and the same command goes on from there.")
            raise
        folder.close("finished")
        report(trace, folder.path, config, dataset.space.names, stages, width=width, as_json=as_json, naming=naming)


def _config(config_file: Path | None, options: dict[str, Any]) -> AnnealConfig:
    settings = given_settings(options)
    if config_file is not None:
        config = AnnealConfig.from_json(stored_settings(config_file, settings, AnnealConfig))
        refuse_idle_sigma(settings, config.likelihood)
        return config
    if "dataset" not in settings:
        raise IfpError("No data set is named; add --dataset NAME (`ifp data list` shows the names).")
    config = preset_config(settings.pop("preset", "standard"), **settings)
    refuse_idle_sigma(settings, config.likelihood)
    return config


def _default_out(config: AnnealConfig) -> Path:
    from ifp.datasets.catalog import short_name

    name = short_name(config.dataset)
    return Path("runs") / f"{name}-{config.preset}-{config.digest()[:6]}"


def _check_width(width: str) -> None:
    from ifp.analysis.figures.style import figure_width

    figure_width(width)
