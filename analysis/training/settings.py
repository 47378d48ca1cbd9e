"""The settings of a training, from what a user names: defaults of a preset, an earlier run's, DEFT's pressures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ifp.adversarial.objective import GANS, InfoGan
from ifp.adversarial.objective import SETTINGS as GAN_SETTINGS
from ifp.analysis.training.pressures_of_run import pressures_from
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.objectives.base import Objective
from ifp.objectives.registry import OBJECTIVES
from ifp.system.settings import whole_as_int
from ifp.training.config import OWN, TrainConfig
from ifp.training.presets import preset_train_config


def make_config(given: Mapping[str, Any]) -> TrainConfig:
    """The config of a new training.

    Parameters
    ----------
    given : settings by the names of `TrainConfig`, "dataset" among them. What is not named is the preset's ("standard"
        by default); "pressures_from" is the folder of the `ifp anneal` run that DEFT's pressures are read from.

    Raises
    ------
    IfpError : an unknown setting or value, or a run whose pressures do not suit this training.
    """
    wanted = _with_pressures(given, given)
    objective = wanted.get("objective", "beta")
    check_objective(objective)
    if objective in GANS:
        refuse_for_gans(given)
        if wanted.get("preset", "standard") not in OWN:
            raise IfpError(
                f"The preset {wanted['preset']} is of a study that trained no {objective}; leave `preset` out, or take "
                f"{' or '.join(OWN)}."
            )
        wanted = {**GAN_SETTINGS, **wanted}
    return preset_train_config(wanted.pop("preset", "standard"), **wanted)


def rerun_config(
    given: Mapping[str, Any], merged: Mapping[str, Any], stored: Mapping[str, Any], source: Path
) -> TrainConfig:
    """The config of an earlier training with some settings changed.

    Parameters
    ----------
    given : the settings that the user gave. stored : those of the earlier run. merged : the stored ones with the given
        ones in their place.
    source : the file that the stored ones were read from.

    Raises
    ------
    IfpError : as `make_config`; also where DEFT's pressures would move to other data or another likelihood.
    """
    wanted = _with_pressures(given, merged)
    typed = "betas" in given.get("options", {}) or "pressures_from" in given
    if not typed and wanted.get("objective") == "deft":
        for name in ("dataset", "likelihood", "sigma"):
            if name in given and given[name] != stored.get(name):
                raise IfpError(
                    f"The DEFT pressures in {source} are those of {name} {stored.get(name)}, not {given[name]}; "
                    "give others as `betas=...` or `pressures_from`."
                )
    return TrainConfig.from_json(wanted)


def by_objective(objective: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names of `TrainConfig`, from those and hyper-parameters of the objective side by side.

    A name that both have (the hidden units of the network and of FactorVAE's discriminator) is the network's; the
    objective's goes into `options`.

    Raises
    ------
    IfpError : an unknown objective, or a name that neither the training nor this objective has.

    >>> by_objective("deft", {"steps": 100, "betas": (30, 1), "options": {"gamma": 0}})
    {'objective': 'deft', 'steps': 100, 'options': {'gamma': 0, 'betas': [30, 1]}}
    """
    # the data set is an argument of its own
    of_training = [field.name for field in dataclasses.fields(TrainConfig) if field.name != "dataset"]
    of_objective = [field.name for field in dataclasses.fields(check_objective(objective))]
    found: dict[str, Any] = {"objective": objective}
    options = settings.get("options", {})
    if not isinstance(options, Mapping):
        raise bad_value("options", options, "a table of the objective's options by name")
    options = dict(options)
    for name, value in settings.items():
        if name in of_training:
            found[name] = _plain(value)
        elif name in of_objective:
            options[name] = value
        else:
            raise unknown_name(f"setting of a training with {objective}", name, sorted({*of_training, *of_objective}))
    if options:
        found["options"] = {name: whole_as_int(_plain(value)) for name, value in options.items()}
    return found


def check_objective(name: str) -> type[Objective] | type[InfoGan]:
    """The class of the objective called `name`; raises IfpError with the known names."""
    known: dict[str, type[Objective] | type[InfoGan]] = {**OBJECTIVES, **GANS}
    if name not in known:
        raise unknown_name("objective", name, known)
    return known[name]


def refuse_for_gans(given: Mapping[str, Any]) -> None:
    """Raise IfpError for a setting that the user gave and that has no meaning for a GAN."""
    for name in ("likelihood", "sigma"):
        if name in given:
            raise IfpError(f"A GAN has no likelihood, so {name} has no meaning for {given['objective']}; leave it out.")


def _with_pressures(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`wanted` with the pressures of the run that the user named, if that run fits this training."""
    if not given.get("pressures_from"):
        return dict(wanted)
    objective = wanted.get("objective", "beta")
    check_objective(objective)
    if objective in GANS:
        raise IfpError("A GAN takes no pressures; leave `pressures_from` out.")
    if objective != "deft":
        raise IfpError(
            f"Pressures are those of deft's stages, and {objective} takes none; leave `pressures_from` out, or take "
            "`objective='deft'`."
        )
    if "betas" in given.get("options", {}):
        raise IfpError("`pressures_from` and `betas=...` exclude each other; leave one out.")
    betas = pressures_from(
        Path(given["pressures_from"]),
        dataset=wanted["dataset"],
        likelihood=wanted.get("likelihood", "bernoulli"),
        sigma=wanted.get("sigma", 1.0),
    )
    return {**wanted, "options": {**wanted.get("options", {}), "betas": list(betas)}}


def _plain(value: Any) -> Any:
    """What a config can hold and JSON can write: lists for tuples and arrays, numbers of Python, paths as text."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    return str(value) if isinstance(value, Path) else value
