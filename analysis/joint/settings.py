"""From what a user asks for to the two training runs of a whole data set: cooling, and heating after it.

Two things keep plain cooling from freezing what comes late, both measured on data with a known answer. While nothing
is held the images reach the hidden layers as noise only, which kills their rectified units (250 of 256 in 3,000 steps),
so the hidden layers move little: as far as some hundred steps at full rate would take them. And the signal of a
collapsed latent decays exponentially as long as beta is above its edge, so that a slower cooling freezes no sooner:
idle latents start anew after each record (`ifp.training.reseed`).

Heating begins with the cooled networks, at a smaller rate: it is there to follow the equilibrium, and the noise of
Adam's steps melts what is barely held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.joint.peaks import LEAST_RECORDS
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.system.files import read_json
from ifp.system.progress import Progress, silent
from ifp.training.config import OWN, TrainConfig
from ifp.training.presets import preset_train_config

DEFAULTS = {"records": 100, "seeds": 3, "steps": 30_000}
"""Defaults in the place of those of a training; the steps are those of each direction."""
METHODS = ("train", "closed-form", "multi-rate")
DIRECTIONS = ("cool", "both")
LAWS = ("geometric", "linear", "author")
HIDDEN_STEPS = 600
"""While cooling, the hidden layers move as far as this many steps at the full rate would take them."""
RESEED_NATS = 0.03
"""KL with which idle latents start anew: well below the threshold, so that it is never taken for freezing."""
HEAT_HIDDEN_RATE, HEAT_RATE = 0.1, 0.2
"""Learning rates while heating: of the hidden layers as a share of the last layer's, and of that as a share of
cooling's."""
CONV_SHAPES = ((1, 64, 64), (3, 64, 64))
"""Shapes of images for which the convolutional network is the default; others get an MLP."""
EDGE_IMAGES = 2000
"""Images from which the range of beta is found: their first eigenvalue is within some percent of that of all images."""
ABOVE_EDGE = 1.3
"""Beta at which cooling begins and heating ends, in joint edges."""
BELOW_LOWEST = 0.3
"""Beta at which cooling ends, as a share of the lowest of the factors' edges given all others."""
WITHOUT_FACTORS = 100.0
"""For data without factors beta is divided by this while it falls, or falls to 1 if that is lower."""
_TRAVERSAL_ONLY = ("factors", "contexts", "exact_floor", "hold_steps", "nuisance", "stop_recon_nats")
_SAME = (
    "dataset", "background", "architecture", "latents", "hidden", "seeds", "seed", "steps", "batch", "learning_rate",
    "likelihood", "sigma", "records",
)  # fmt: skip


def whole_defaults() -> dict[str, Any]:
    """The settings that --whole takes where nobody says, by their names in `ifp anneal`."""
    training = {field.name: field.default for field in fields(TrainConfig)}
    return {**{name: training[name] for name in _SAME if name not in ("dataset", "background")}, "method": METHODS[0],
            "architecture": "conv for 64 x 64, else mlp", **DEFAULTS}  # fmt: skip


def whole_config(
    settings: Mapping[str, Any],
    stored: Mapping[str, Any],
    dataset: FactorDataset,
    progress: Progress = silent,
    *,
    range_of: dict[str, float] | None = None,
) -> TrainConfig:
    """The training run that cools the whole of `dataset`.

    Parameters
    ----------
    range_of : beta_start and beta_end, in the place of those that nobody gave; None finds them from the data.
    settings : of `ifp anneal`. stored : the settings of an earlier such run, on which `settings` lie; empty for none.

    Raises
    ------
    IfpError : a setting of traversals, an unknown preset, or a range of beta that does not fall.
    """
    check_settings(settings)
    preset = settings.get("preset", "standard")
    same = {key: settings[key] for key in _SAME if key in settings}
    if stored:
        same = {**stored, **same}
        options = dict(stored.get("options", {}))
    else:
        steps = same.get("steps", OWN[preset].get("steps", DEFAULTS["steps"]))
        usual: dict[str, Any] = {**DEFAULTS, "steps": steps, "records": min(DEFAULTS["records"], max(steps, 1))}
        if dataset.image_shape not in CONV_SHAPES:
            usual["architecture"] = "mlp"
        same = {**usual, **same}
        hidden_rate = min(1.0, float(f"{HIDDEN_STEPS / max(steps, 1):.3g}"))
        options = {"hidden_rate": hidden_rate, "reseed_nats": RESEED_NATS}
    options = _law_options(settings, options)
    if stored:
        config = TrainConfig.from_json({**same, "options": options})
    else:
        config = preset_train_config(preset, **same, objective="beta", options=options)
    if config.records < LEAST_RECORDS:
        raise bad_value("records", config.records, f"at least {LEAST_RECORDS} with ifp.anneal_whole, for a derivative")
    if options["law"] != "author":
        options = _with_range({**(range_of or {}), **options}, dataset, config, progress)
    return TrainConfig.from_json({**config.to_json(), "options": options})


def heat_config(config: TrainConfig) -> TrainConfig:
    """The training run in which the networks that `config` cooled are heated, back to where cooling began.

    Raises
    ------
    IfpError : the author's law, whose range cannot be turned round.
    """
    options = dict(config.options)
    if options["law"] == "author":
        raise IfpError("The author's law only cools; add `direction='cool'`, or leave `law` out.")
    ends = {"beta_start": options["beta_end"], "beta_end": options["beta_start"]}
    options |= {**ends, "hidden_rate": HEAT_HIDDEN_RATE, "reseed_nats": 0.0}
    return replace(config, options=options, learning_rate=float(f"{config.learning_rate * HEAT_RATE:.3g}"))


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise IfpError for a setting that is unknown or of single traversals, or an unknown preset."""
    for name in _TRAVERSAL_ONLY:
        if name in settings:
            raise IfpError(
                f"`{name}` is about the traversals of single factors and does not go with ifp.anneal_whole, which "
                "anneals all factors at once; leave one of the two out."
            )
    known = (*_SAME, "law", "beta_max", "beta_min", "preset")
    for name in settings:
        if name not in known:
            raise unknown_name("setting", name, known)
    preset = settings.get("preset", "standard")
    if preset not in OWN:
        raise unknown_name("preset of ifp.anneal_whole", preset, OWN)


def stored_settings(path: str | Path | None) -> dict[str, Any]:
    """The settings in the run.json of an earlier run of this kind; empty without one.

    Raises
    ------
    IfpError : no such file, or one that holds no such settings.
    """
    if path is None:
        return {}
    if not isinstance(path, str | Path):
        raise IfpError(
            f"config must be a TrainConfig or the path of a run.json, got {type(path).__name__}; pass settings as "
            "keywords (steps=500)."
        )
    config_file = Path(path)
    content = read_json(config_file, "name the run.json of a run")
    stored = content.get("config", content)
    options = stored.get("options") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not isinstance(options, dict) or "law" not in options:
        raise IfpError(f"{config_file} holds no settings of an `ifp anneal --whole` run; name the run.json of one.")
    if stored.get("objective", "beta") != "beta":
        raise IfpError(
            f"{config_file} is of a training with another objective than beta, ifp.anneal_whole's; name another."
        )
    return stored


def _law_options(settings: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The objective's options as far as they are known without the data."""
    options = {"law": "geometric", **stored}
    if "law" in settings:
        options["law"] = settings["law"]
    if options["law"] not in LAWS:
        raise unknown_name("law", options["law"], LAWS)
    ends = {"beta_start": "beta_max", "beta_end": "beta_min"}
    if options["law"] == "author":
        if any(settings.get(end) is not None for end in ends.values()):
            raise IfpError("The author's law has a range of its own, 71 to 1; leave `beta_max` and `beta_min` out.")
        return {key: value for key, value in options.items() if key not in ends}
    for option, end in ends.items():
        if end in settings:
            options.pop(option, None)
        if settings.get(end) is not None:
            options[option] = settings[end]
    return options


def _with_range(
    options: dict[str, Any], dataset: FactorDataset, config: TrainConfig, progress: Progress
) -> dict[str, Any]:
    """`options` with both ends of beta: 1.3 joint edges, and a part of the lowest factor's edge given all others."""
    if "beta_start" not in options:
        from ifp.theory.joint_edges import joint_edges  # loads torch

        edges = joint_edges(
            dataset, config.pixel_likelihood, images=EDGE_IMAGES, seed=config.seed, eigenvalues=1,
            contexts=0, progress=progress,
        )  # fmt: skip
        options = {**options, "beta_start": float(f"{ABOVE_EDGE * edges.joint_edge:.3g}")}
    if "beta_end" not in options:
        options = {**options, "beta_end": _lowest(options["beta_start"], dataset, config, progress)}
    if not options["beta_start"] > options["beta_end"] > 0:
        raise IfpError(
            f"ifp.anneal_whole cools: beta must fall to a positive number, got {options['beta_start']:g} to "
            f"{options['beta_end']:g}; give `beta_max` above `beta_min`."
        )
    return options


def _lowest(beta_start: float, dataset: FactorDataset, config: TrainConfig, progress: Progress) -> float:
    without = min(1.0, beta_start / WITHOUT_FACTORS)
    lowest = without
    if dataset.labelled:
        from ifp.theory.joint_edges import conditional_edges  # loads torch

        edge_FC = conditional_edges(dataset, config.pixel_likelihood, seed=config.seed, progress=progress)
        medians = [np.median(edge_C[edge_C > 0]) for edge_C in edge_FC if (edge_C > 0).any()]
        if medians:
            lowest = max(BELOW_LOWEST * float(min(medians)), beta_start / 1e4)
    return float(f"{min(lowest, beta_start / 2):.3g}")
