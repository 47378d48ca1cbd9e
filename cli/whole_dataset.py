"""`ifp anneal --whole`: options into the settings of `ifp.analysis.joint`, progress and results on the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from ifp.analysis.freezing.naming import read_labels, read_order
from ifp.analysis.joint.cost import measuring_seconds
from ifp.analysis.joint.settings import (
    DIRECTIONS,
    METHODS,
    check_settings,
    choice,
    stored_settings,
    whole_config,
)
from ifp.analysis.joint.study import COOL, JointStudy, joint_study, run_study
from ifp.cli.checked_options import refuse_idle_sigma
from ifp.cli.own_data import open_dataset
from ifp.cli.progress import StageProgress
from ifp.cli.whole_edges import run_edges
from ifp.cli.whole_report import report_whole
from ifp.datasets.catalog import short_name
from ifp.errors import IfpError, bad_value
from ifp.system.devices import check_device
from ifp.system.out_folder import no_folder_if_refused
from ifp.training.config import OWN, TrainConfig
from ifp.training.cost import TrainCost, train_cost

THRESHOLD_NATS = 0.1


def run_whole(
    settings: dict[str, Any],
    config_file: Path | None,
    *,
    out: Path | None,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    width: str,
    order: Sequence[str],
    labels: Sequence[str],
    quiet: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Anneal the whole data set, measure and report.

    Parameters
    ----------
    settings : those of `ifp anneal` that the user gave, as `given_settings` returns them; see its help for the rest.
    order, labels : as they were typed.

    Raises
    ------
    IfpError : settings that do not go with a whole data set, or that the data, the network or the folder refuse.
    NothingFroze : no latent took up information.
    """
    threshold = settings.pop("threshold_nats", THRESHOLD_NATS)
    if not threshold > 0:
        raise bad_value("threshold", threshold, "a positive number")
    method = choice(settings, "method", METHODS, METHODS[0])
    typed = "direction" in settings
    direction = choice(settings, "direction", DIRECTIONS, "both")
    stored = stored_settings(config_file, settings)
    refuse_idle_sigma(settings, {**stored, **settings}.get("likelihood", "bernoulli"))
    if settings.get("seed", 0) < 0:
        raise bad_value("seed", settings["seed"], "a whole number of at least 0")
    name = settings.get("dataset", stored.get("dataset"))
    if name is None:
        raise IfpError("No data set is named; add --dataset NAME (`ifp data list` shows the names).")
    background = settings.get("background", stored.get("background"))
    dataset = open_dataset(name, data_dir=data_dir, background=background, quiet=quiet)
    known = dataset.space.names if dataset.labelled else ()
    naming = (read_order(order, known), read_labels(labels, known))
    with ExitStack() as guard, StageProgress(quiet=quiet) as stages:
        if method == "closed-form":
            check_settings(settings)
            images = OWN[settings.get("preset", "standard")].get("images", 0)
            run_edges(
                dataset, {**stored, **settings}, images=images, out=out, device=check_device(device), width=width,
                naming=naming, stages=stages, as_json=as_json,
            )  # fmt: skip
            return
        # what a run costs does not depend on its range of beta, and finding that may take minutes
        range_of = _range_there(out, settings) if dry_run else None
        config = whole_config(settings, stored, dataset, stages.update, range_of=range_of)
        heat = direction == "both"
        if config.options["law"] == "author" and heat and not typed:
            heat = False
            stages.say("The author's law only cools, so nothing is heated.")
        study = joint_study(
            dataset, config, out or _default_out(config), heat=heat,
            threshold_nats=threshold, device=device, threads=threads, progress=stages.update,
        )  # fmt: skip
        if dry_run:
            _say_cost(study, stages, as_json=as_json)
            return
        guard.enter_context(no_folder_if_refused(study.path))
        outcomes = run_study(study, stages.update, stages.say)
        report_whole(study, outcomes, stages, width=width, naming=naming, as_json=as_json)
    if any(outcome.diverged for outcome in outcomes.values()):
        click.get_current_context().exit(1)


def _range_there(out: Path | None, settings: dict[str, Any]) -> dict[str, float]:
    """The range of beta of the run that the folder holds, so that it is known as the same; any range without one."""
    highest, lowest = settings.get("beta_max"), settings.get("beta_min")
    end = lowest or (highest / 10 if highest else 1.0)
    found = {"beta_start": highest or 10 * end, "beta_end": end}
    path = out / "run.json" if out is not None else None
    if path is None or not path.is_file():
        return found
    try:
        options = json.loads(path.read_text(encoding="utf-8"))["config"]["options"]
        return {end: float(options[end]) for end in found}
    except (OSError, ValueError, KeyError, TypeError):
        return found  # what is wrong with the folder is said where it is taken up


def _say_cost(study: JointStudy, stages: StageProgress, *, as_json: bool) -> None:
    cost: TrainCost = train_cost(study.setups[COOL], stages.update)
    stages.update("Measuring information", 0, 1)
    measuring = measuring_seconds(study)
    stages.close()
    runs = len(study.setups)
    if as_json:
        about = {**cost.to_json(), "directions": list(study.setups), "seconds_all": runs * cost.seconds + measuring}
        click.echo(json.dumps({**about, "measuring_seconds": measuring}, indent=2))
        return
    again = ", and as much again for heating" if runs > 1 else ""
    click.echo(f"{cost.text()}{again}\nabout {measuring:,.0f} s to measure information afterwards")


def _default_out(config: TrainConfig) -> Path:
    return Path("runs") / f"whole-{short_name(config.dataset)}-{config.digest()[:6]}"
