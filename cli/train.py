"""`ifp train`: VAEs on a whole data set, with any objective, recorded and checkpointed as they train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ifp.cli.cheap_checks import check_inputs
from ifp.cli.checked_options import checked_out, refuse_idle_sigma
from ifp.cli.earlier_run import clipped_note, stored_settings
from ifp.cli.progress import StageProgress
from ifp.cli.train_options import given_settings, train_options
from ifp.errors import IfpError, bad_value

if TYPE_CHECKING:
    from ifp.training.config import TrainConfig


@click.command()
@train_options
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A run.json: run it again.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The run's folder.",
    show_default="runs/train-NAME-OBJECTIVE-DIGEST",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the official files lie.", show_default="cache")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--threads", type=int, help="Threads at work on a CPU.", show_default="the CPUs granted")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--dry-run", is_flag=True, help="Say what the run would cost, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
def train(
    config_file: Path | None,
    out: Path | None,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    quiet: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train VAEs on a whole data set with one of ten objectives, DEFT among them.

    Per-latent KL, reconstruction, beta, stage and the information of latents on factors are recorded as training goes.
    The same command resumes a run that was stopped; `ifp diagnose RUN/seed-0` reads its checkpoints. A network whose
    loss is no longer a number is stopped while the others go on, and the exit code is 1.

    \b
    ifp train --dataset sprites --objective deft --seeds 3 --out runs/deft
    ifp train --dataset toys --objective beta-tc --option beta=6 --preset quick
    ifp train --dataset sprites --correlate posX,scale --sigma 0.2
    """
    if threads is not None and threads < 1:
        raise bad_value("threads", threads, "a whole number of at least 1")
    check_inputs((), given_settings(options).get("dataset"), data_dir=data_dir)
    config = _config(config_file, given_settings(options))
    refuse_idle_sigma(given_settings(options), config.likelihood, "--pixel-sigma")

    from ifp.analysis.information.mutual_information import histogram_nmi
    from ifp.cli.own_data import open_dataset
    from ifp.cli.train_report import report, say_cost
    from ifp.networks.architecture import fit_architecture
    from ifp.system.out_folder import no_folder_if_refused
    from ifp.training.run import train as train_networks
    from ifp.training.setup import set_up

    dataset = open_dataset(config.dataset, data_dir=data_dir, background=config.background, quiet=quiet)
    given = given_settings(options)
    config, notes = fit_architecture(config, dataset.image_shape, given)
    setup = set_up(dataset, config, device=device, threads=threads)
    folder = setup.folder(out or _default_out(config))
    with no_folder_if_refused(folder.path), StageProgress(quiet=quiet) as stages:
        for note in (*notes, clipped_note(config, given)):
            if note:
                stages.say(note)
        if dry_run:
            say_cost(setup, stages, as_json=as_json)
            return
        stages.say(f"{config.objective} on {config.dataset}, {config.likelihood} likelihood, into {folder.path}")
        try:
            outcome = train_networks(setup, folder, nmi=histogram_nmi, progress=stages.update, say=stages.say)
        except BaseException as error:
            stopped = not isinstance(error, IfpError)
            if stopped and (folder.path / "run.json").is_file():
                folder.close("stopped")
                stages.say(f"Stopped; what is recorded is in {folder.path}, and the same command goes on from there.")
            raise
        folder.close("finished")
        stages.close()
    report(folder, outcome, as_json=as_json)
    if outcome.diverged:
        click.get_current_context().exit(1)


def _config(config_file: Path | None, settings: dict[str, Any]) -> TrainConfig:
    from ifp.training.config import TrainConfig
    from ifp.training.presets import preset_train_config

    wanted = settings if config_file is None else stored_settings(config_file, settings, TrainConfig)
    if "dataset" not in wanted:
        raise IfpError("No data set is named; add --dataset NAME (`ifp data list` shows the names).")
    if "pressures_from" in settings:
        wanted = {**wanted, "options": _with_pressures(settings, wanted)}
    if config_file is not None:
        _refuse_moved_pressures(config_file, settings, wanted)
        return TrainConfig.from_json(wanted)
    return preset_train_config(wanted.pop("preset", "standard"), **wanted)


def _refuse_moved_pressures(config_file: Path, settings: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise IfpError where DEFT's pressures of a stored run would serve other data or another likelihood."""
    typed = "betas" in settings.get("options", {}) or "pressures_from" in settings
    if typed or wanted.get("objective") != "deft":
        return
    stored = json.loads(config_file.read_text())
    stored = stored.get("config", stored)
    for name in ("dataset", "likelihood", "sigma"):
        if name in settings and settings[name] != stored.get(name):
            raise IfpError(
                f"The DEFT pressures in {config_file} are those of {name} {stored.get(name)}, not {settings[name]}; "
                "give others with --option betas=..., or with --pressures-from RUN."
            )


def _with_pressures(settings: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The objective's options with the pressures of the run that the user named, if it fits this training."""
    from ifp.cli.train_pressures import pressures_from

    if "betas" in settings.get("options", {}):
        raise IfpError("--pressures-from and --option betas=... exclude each other; leave one out.")
    betas = pressures_from(
        Path(settings["pressures_from"]),
        dataset=wanted["dataset"],
        likelihood=wanted.get("likelihood", "bernoulli"),
        sigma=wanted.get("sigma", 1.0),
    )
    return {**wanted.get("options", {}), "betas": list(betas)}


def _default_out(config: TrainConfig) -> Path:
    from ifp.datasets.catalog import short_name

    name = short_name(config.dataset)
    return Path("runs") / f"train-{name}-{config.objective}-{config.digest()[:6]}"
