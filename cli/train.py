"""`ifp train`: VAEs on a whole data set, with any objective, recorded and checkpointed as they train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ifp.cli.cheap_checks import check_inputs, no_dataset
from ifp.cli.checked_options import checked_out, refuse_idle_sigma
from ifp.cli.cluster_options import scheduler_option
from ifp.cli.earlier_run import stored_settings
from ifp.cli.layout_options import layout_options
from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_table
from ifp.cli.progress import StageProgress
from ifp.cli.train_options import given_settings, train_options
from ifp.cli.trust_option import trust_option
from ifp.system.event_files import check_log
from ifp.training.config import preset_settings

if TYPE_CHECKING:
    from ifp.analysis.training.result import TrainResult
    from ifp.training.config import TrainConfig

HEADINGS = {
    "recon_nats": "recon", "kl_nats": "KL", "nmi1": "NMI1", "nmi2": "NMI2",
    "d_accuracy": "D", "least_bound": "least", "tc_nats": "TC",
}  # fmt: skip
FORMATS = {
    "recon": ".2f", "KL": ".2f", "NMI1": ".3f", "NMI2": ".3f",
    "D": ".3f", "bound": ".3f", "least": ".3f", "TC": ".3f",
}  # fmt: skip


@click.command(cls=GroupedCommand, presets=preset_settings)
@train_options
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A run.json: run it again.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=checked_out,
    help="The run's folder.",
    show_default="runs/train-NAME-OBJECTIVE-DIGEST",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Where the official files lie.",
    show_default="$IFP_DATA, else a folder of the system's cache",
)
@click.option("--device", default="auto", help="auto, cpu, cuda (all GPUs), cuda:N or mps.")
@click.option("--threads", type=int, help="Threads at work on a CPU.", show_default="the CPUs granted")
@scheduler_option
@click.option("--log", help="tensorboard: event files in RUN/tensorboard, with the extra ifp[tensorboard].",
              show_default="none")  # fmt: skip
@trust_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--dry-run", is_flag=True, help="Say what the run would cost, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
@layout_options()
def train(
    config_file: Path | None,
    out: Path | None,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    scheduler: str | None,
    log: str | None,
    quiet: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train VAEs on a whole data set with one of eleven objectives, DEFT among them, or GANs with informative codes.

    Per-latent KL, reconstruction, beta, stage and the information of latents on factors are recorded as training goes.
    The same command resumes a run that was stopped; `ifp diagnose RUN/seed-0` reads its checkpoints. A network whose
    loss is no longer a number is stopped while the others go on, and the exit code is 1.

    \b
    ifp train --dataset sprites --objective deft --seeds 3 --out runs/deft
    ifp train --dataset toys --objective beta-tc --option beta=6 --preset quick
    ifp train --dataset sprites --correlate posX,scale --sigma 0.2
    ifp train --dataset sprites --objective ic-gan --option info_weight=0.1 --out runs/gan
    """
    given = given_settings(options)
    check_log(log)
    check_inputs((), given.get("dataset"), data_dir=data_dir)
    config = _config(config_file, given)
    refuse_idle_sigma(given, config.likelihood, "--pixel-sigma")

    from ifp.analysis.training.study import prepare_training
    from ifp.system.out_folder import no_folder_if_refused

    with StageProgress(quiet=quiet) as stages:
        prepared = prepare_training(
            config.dataset, config, typed=given, device=device, threads=threads, scheduler=scheduler,
            data_dir=data_dir, progress=stages.update, say=stages.say,
        )  # fmt: skip
        folder = prepared.folder(out)
        with no_folder_if_refused(folder.path):
            for note in prepared.notes:
                stages.say(note)
            if dry_run:
                cost = prepared.cost(stages.update)
                stages.close()
                echo(json.dumps(cost.to_json(), indent=2) if as_json else cost.text())
                return
            result = prepared.run(folder, log=log, progress=stages.update, say=stages.say)
    _print(result, as_json=as_json)
    if result.outcome.diverged:
        click.get_current_context().exit(1)


def _config(config_file: Path | None, given: dict[str, Any]) -> TrainConfig:
    from ifp.analysis.training.settings import make_config, rerun_config
    from ifp.training.config import TrainConfig

    merged = given if config_file is None else stored_settings(config_file, given, TrainConfig)
    if "dataset" not in merged:
        raise no_dataset()
    if config_file is None:
        return make_config(given)
    return rerun_config(given, merged, stored_settings(config_file, {}, TrainConfig), config_file)


def _print(result: TrainResult, *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(result.content(), indent=2))
        return
    print_table(result.table().rename(columns=HEADINGS), left=("status",), formats=FORMATS)
    recorded = (result.folder / "records.csv").is_file()  # no record precedes a network that diverged at once
    where = f"records.csv, records.npz and the checkpoints are in {result.folder}"
    for line in (*result.notes(), *([where] if recorded else [])):
        print_line(line)
