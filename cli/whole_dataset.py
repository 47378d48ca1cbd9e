"""`ifp anneal --whole`: parses, calls `ifp.analysis.joint.study`, prints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from ifp.adversarial.objective import GANS
from ifp.analysis.gan_freezing.result import POINTS, SUMMARY, GanSweep
from ifp.analysis.gan_freezing.study import SweepPlan, refuse_method
from ifp.analysis.joint.plan import WholePlan, plan_whole
from ifp.analysis.joint.report import Report
from ifp.analysis.joint.response_plan import ResponsePlan
from ifp.analysis.joint.response_result import WholeResponse
from ifp.analysis.joint.response_settings import METHOD as RESPONSE
from ifp.analysis.joint.response_settings import response_folder
from ifp.analysis.joint.results import WholeAnnealing, WholeEdges
from ifp.analysis.joint.settings import stored_settings
from ifp.analysis.suggestion.units import check_units
from ifp.analysis.training.run_in_folder import goes_on
from ifp.cli.checked_options import refuse_idle_sigma
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_table
from ifp.cli.progress import StageProgress
from ifp.cli.suggest import find_suggestion, say_suggestion, suggestion_content
from ifp.errors import IfpError, NothingFroze

SWEEP_HEADINGS = {
    "cool_median": "cool", "cool_froze": "froze", "cool_held": "held", "heat_median": "heat", "heat_melted": "melted",
    "heat_held": "held again",
}  # fmt: skip
SWEEP_FORMATS = {"cool": ".3g", "heat": ".3g"}


def run_whole(
    settings: dict[str, Any],
    config_file: Path | None,
    *,
    out: Path | None,
    quiet: bool,
    dry_run: bool,
    as_json: bool,
    suggestion: Mapping[str, Any],
    **options: Any,
) -> None:
    """Anneal the whole data set, and print what was found.

    Parameters
    ----------
    settings : those of `ifp anneal` that the user gave, as `given_settings` returns them. options : of `plan_whole`.
    suggestion : the options of `ifp suggest`.

    Raises
    ------
    IfpError : see `ifp.anneal_whole`. NothingFroze : no latent took up information.
    """
    if options["objective"] in GANS:
        refuse_method(options["objective"], config_file, settings.get("method", "train"))
    if config_file is not None and "preset" in settings:
        raise IfpError("--preset and --config exclude each other; leave one out.")
    own = options["objective"] in GANS or settings.get("method") == RESPONSE  # they read their settings themselves
    stored = {} if own else stored_settings(config_file)
    likelihood = {**stored, **settings}.get("likelihood", "bernoulli")
    refuse_idle_sigma(settings, likelihood)
    if any(suggestion.values()) and (options["objective"] in GANS or settings.get("method") == "closed-form"):
        raise IfpError("--hold and --units ask at which beta to train, which sweeps of GANs and edges of a whole data "
                       "set do not tell; leave them out.")  # fmt: skip
    check_units(suggestion["units"], likelihood, model_latents=suggestion["model_latents"],
                kld_weight=suggestion["kld_weight"])  # fmt: skip
    with StageProgress(quiet=quiet) as stages:
        with goes_on(out, stages.say):
            plan = plan_whole(
                settings.pop("dataset", None), config=config_file, for_cost=dry_run, out=out, progress=stages.update,
                say=stages.say, hold=suggestion["hold"], **settings, **options,
            )  # fmt: skip
        out = out or plan.default_folder()
        if dry_run:
            _print_cost(plan, out, stages, as_json=as_json)
            return
        folder = response_folder(out) if isinstance(plan, ResponsePlan) else out
        result = plan.run(out, progress=stages.update, say=stages.say)
    if isinstance(result, GanSweep):
        _print_sweep(result, out, as_json=as_json)
        return
    if as_json:
        content = {"folder": str(folder), **result.to_json(), "figures": [str(path) for path in result.figures]}
        if isinstance(result, WholeAnnealing | WholeResponse):
            content["suggestion"] = suggestion_content(find_suggestion(result, suggestion))
        echo(json.dumps(content, indent=2))
    else:
        _print(result.report())
        if isinstance(result, WholeAnnealing | WholeResponse):
            say_suggestion(find_suggestion(result, suggestion), suggestion)
        for path in (*_tables(result, folder), *result.figures):
            echo(path)
    if isinstance(result, WholeAnnealing | WholeResponse):
        if result.nothing_froze():
            raise NothingFroze(result.nothing_froze())
        if result.diverged:
            click.get_current_context().exit(1)


def _print_sweep(result: GanSweep, out: Path, *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps({"folder": str(out), **result.to_json()}, indent=2))
    else:
        print_table(result.table().rename(columns=SWEEP_HEADINGS), left=("kind", "name"), formats=SWEEP_FORMATS)
        for line in result.notes():
            print_line(line)
        for path in (out / f"{SUMMARY}.csv", out / f"{POINTS}.csv", *result.figures):
            echo(path)
    if result.nothing_froze():
        raise NothingFroze(result.nothing_froze())
    if result.diverged:
        click.get_current_context().exit(1)


def _print_cost(plan: WholePlan | SweepPlan | ResponsePlan, out: Path, stages: StageProgress, *, as_json: bool) -> None:
    cost = plan.cost(out, progress=stages.update)
    stages.close()
    echo(json.dumps(cost.to_json(), indent=2) if as_json else cost.text())


def _print(report: Report) -> None:
    for part in report:
        if isinstance(part, str):
            print_line(part)
        else:
            print_table(part.table, title=part.title, note=part.note, left=("factor",))


def _tables(result: WholeAnnealing | WholeEdges | WholeResponse, folder: Path) -> list[Path]:
    """The tables that are worth reading first."""
    first: Iterable[str] = result.tables
    if isinstance(result, WholeAnnealing):
        first = ("joint_freezing_points", "mi", "pressures")
    elif isinstance(result, WholeResponse):
        first = ("response_points", "response_curves", "response_objective")
    return [folder / f"{name}.csv" for name in first]
