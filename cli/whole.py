"""The work of `ifp anneal --whole`: networks on the whole data set while beta falls, and what freezes when.

The training is `ifp train`'s, with the objective "beta" and a law for beta; this file turns the options of `ifp anneal`
into its settings and finds the range of beta where none is given.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from ifp.analysis.diffusion.mutual_information import histogram_nmi
from ifp.analysis.joint import LEAST_RECORDS
from ifp.checkpoints.posteriors import draw_sample
from ifp.cli.stages import StageProgress
from ifp.cli.whole_edges import run_edges
from ifp.cli.whole_report import measure_seconds, report_whole
from ifp.closed_form import freezing_bounds
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.refusals import no_folder_if_refused
from ifp.runs import check_device
from ifp.seeds import derive_seed
from ifp.training.config import TrainConfig
from ifp.training.cost import train_cost
from ifp.training.kept_codes import CodesFolder
from ifp.training.presets import OWN, preset_train_config
from ifp.training.run import train
from ifp.training.setup import set_up

DEFAULTS = {"records": 100, "seeds": 3}
THRESHOLD_NATS = 0.1
METHODS = ("train", "closed-form")
LAWS = ("geometric", "linear", "author")
EDGE_IMAGES = 300
"""From so many images the range of beta is found; the whole data set's Gram matrix would not fit."""
ABOVE_EDGE, LOWEST_BETA, LEAST_RANGE = 1.2, 1.0, 100.0
_TRAVERSAL_ONLY = {
    "direction": "--direction", "factors": "--factor", "contexts": "--contexts",
    "hold_steps": "--hold-steps", "nuisance": "--nuisance", "stop_recon_nats": "--stop-recon",
}  # fmt: skip
_SAME = (
    "dataset", "background", "architecture", "latents", "hidden", "seeds", "seed", "steps", "batch", "learning_rate",
    "likelihood", "sigma", "records",
)  # fmt: skip


def run_whole(
    settings: dict[str, Any],
    config_file: Path | None,
    *,
    out: Path | None,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    width: str,
    quiet: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Anneal the whole data set, measure and report.

    Parameters
    ----------
    settings : those of `ifp anneal` that the user gave, as `given_settings` returns them; see its help for the rest.

    Raises
    ------
    IfpError : settings that do not go with a whole data set, or that the data, the network or the folder refuse.
    NothingFroze : no latent took up information.
    """
    threshold = settings.pop("threshold_nats", THRESHOLD_NATS)
    if not threshold > 0:
        raise bad_value("threshold", threshold, "a positive number")
    stored = _stored(config_file, settings)
    name = settings.get("dataset", stored.get("dataset"))
    if name is None:
        raise IfpError("No data set is named; add --dataset NAME (`ifp data list` shows the names).")
    background = settings.get("background", stored.get("background"))
    dataset = load_dataset(name, data_dir=data_dir, background=Path(background) if background else None)
    if _method(settings) == "closed-form":
        images = OWN.get(settings.get("preset", "standard"), {}).get("images", 0)
        with StageProgress(quiet=quiet) as stages:
            run_edges(
                dataset, settings, images=images, out=out, device=check_device(device), width=width, stages=stages,
                as_json=as_json,
            )  # fmt: skip
        return
    config = whole_config(settings, stored, dataset)
    setup = set_up(dataset, config, device=device, threads=threads)
    with ExitStack() as guard, StageProgress(quiet=quiet) as stages:
        folder = CodesFolder(out or _default_out(config), setup, stages.update)
        guard.enter_context(no_folder_if_refused(folder.path))
        if dry_run:
            cost = train_cost(setup, stages.update)
            measuring = measure_seconds(folder)
            stages.close()
            if as_json:
                click.echo(json.dumps({**cost.to_json(), "measuring_seconds": measuring}, indent=2))
            else:
                click.echo(f"{cost.text()}\nabout {measuring:,.0f} s to measure information afterwards")
            return
        law = config.options
        stages.say(
            f"The whole of {config.dataset}, {config.likelihood} likelihood, beta {law['law']}"
            + (f" from {law['beta_start']:g} to {law['beta_end']:g}" if "beta_start" in law else "")
            + f", into {folder.path}"
        )
        try:
            outcome = train(setup, folder, nmi=histogram_nmi, progress=stages.update, say=stages.say)
        except BaseException as error:
            if not isinstance(error, IfpError) and (folder.path / "run.json").is_file():
                folder.close("stopped")
                stages.say(f"Stopped; what is recorded is in {folder.path}, and the same command goes on from there.")
            raise
        folder.close("finished")
        report_whole(folder, outcome, threshold, stages, width=width, as_json=as_json)
    if outcome.diverged:
        click.get_current_context().exit(1)


def _method(settings: dict[str, Any]) -> str:
    method = str(settings.pop("method", "train"))
    if method not in METHODS:
        raise unknown_name("method of --whole", method, METHODS)
    return method


def whole_config(settings: dict[str, Any], stored: dict[str, Any], dataset: FactorDataset) -> TrainConfig:
    """The training run that anneals the whole of `dataset`.

    Parameters
    ----------
    settings : of `ifp anneal`. stored : the settings of an earlier such run, on which `settings` lie; empty for none.

    Raises
    ------
    IfpError : a setting of traversals, an unknown preset, or a range of beta that does not fall.
    """
    for key, option in _TRAVERSAL_ONLY.items():
        if key in settings:
            raise IfpError(
                f"{option} is about the traversals of single factors and does not go with --whole, which cools all "
                "factors at once; leave one of the two out."
            )
    preset = settings.get("preset", "standard")
    if preset not in OWN:
        raise unknown_name("preset of --whole", preset, OWN)
    same = {key: settings[key] for key in _SAME if key in settings}
    if stored:
        same = {**stored, **same}
        options = dict(stored.get("options", {}))
    else:
        steps = same.get("steps", OWN[preset].get("steps", TrainConfig.steps))
        same = {**DEFAULTS, "records": min(DEFAULTS["records"], max(steps, 1)), **same}
        options = {}
    options = _law_options(settings, options)
    if stored:
        config = TrainConfig.from_json({**same, "options": options})
    else:
        config = preset_train_config(preset, **same, objective="beta", options=options)
    if config.records < LEAST_RECORDS:
        raise bad_value("records", config.records, f"at least {LEAST_RECORDS} with --whole, for a derivative")
    if options["law"] != "author":
        options = _with_range(options, dataset, config)
    return TrainConfig.from_json({**config.to_json(), "options": options})


def _law_options(settings: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """The objective's options as far as they are known without the data."""
    options = {"law": "geometric", **stored}
    if "law" in settings:
        options["law"] = settings["law"]
    if options["law"] not in LAWS:
        raise unknown_name("law", options["law"], LAWS)
    ends = {"beta_start": "beta_max", "beta_end": "beta_min"}
    if options["law"] == "author":
        if any(settings.get(end) is not None for end in ends.values()):
            raise IfpError("--law author has a range of its own, 71 to 1; leave --beta-max and --beta-min out.")
        return {key: value for key, value in options.items() if key not in ends}
    for option, end in ends.items():
        if end in settings:
            options.pop(option, None)
        if settings.get(end) is not None:
            options[option] = settings[end]
    return options


def _with_range(options: dict[str, Any], dataset: FactorDataset, config: TrainConfig) -> dict[str, Any]:
    """`options` with both ends of beta.

    The highest beta is 1.2 times the edge above which some images stay collapsed in equilibrium, the lowest 1, as in
    all published lists of pressures, or a hundredth of the highest where that is less.
    """
    if "beta_start" not in options:
        sample = draw_sample(dataset, EDGE_IMAGES, derive_seed(config.seed, "whole", "edge"), lambda text, n, of: None)
        edge = float(freezing_bounds(sample.images_NCHW, config.likelihood, sigma=config.sigma).beta_upper_M[0])
        options = {**options, "beta_start": float(f"{ABOVE_EDGE * edge:.3g}")}
    if "beta_end" not in options:
        options = {**options, "beta_end": min(LOWEST_BETA, float(f"{options['beta_start'] / LEAST_RANGE:.3g}"))}
    if not options["beta_start"] > options["beta_end"] > 0:
        raise IfpError(
            f"--whole cools: beta must fall to a positive number, got {options['beta_start']:g} to "
            f"{options['beta_end']:g}; give --beta-max above --beta-min."
        )
    return options


def _stored(config_file: Path | None, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of an earlier run of this kind; empty without one."""
    if config_file is None:
        return {}
    if "preset" in settings:
        raise IfpError("--preset and --config exclude each other; leave one out.")
    try:
        stored = json.loads(config_file.read_text())
    except (OSError, ValueError) as error:
        raise IfpError(f"{config_file} cannot be read as JSON ({error}); name the run.json of a run.") from error
    stored = stored.get("config", stored) if isinstance(stored, dict) else None
    options = stored.get("options") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not isinstance(options, dict) or "law" not in options:
        raise IfpError(f"{config_file} holds no settings of an `ifp anneal --whole` run; name the run.json of one.")
    if stored.get("objective", "beta") != "beta":
        raise IfpError(f"{config_file} is of a training with another objective than --whole's beta; name another.")
    return stored


def _default_out(config: TrainConfig) -> Path:
    return Path("runs") / f"whole-{Path(config.dataset.removeprefix('npz:')).stem}-{config.digest()[:6]}"
