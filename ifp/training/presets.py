"""Presets of `ifp train`: our own, and those of the studies in `ifp.objectives.presets`."""

from __future__ import annotations

from typing import Any

from ifp.errors import unknown_name
from ifp.objectives.deft_pressures import published_options
from ifp.objectives.presets import STUDIES, find_preset
from ifp.system.settings import clip_to_steps
from ifp.training.config import OWN, TrainConfig

STAGE_OPTIONS = ("betas", "group_size", "stage_steps", "stages_by")
PUBLISHED_LATENTS = 10
"""All published groups of DEFT are of this many latents."""


def preset_train_config(preset: str, **changes: Any) -> TrainConfig:
    """The settings of `preset` with `changes` on top.

    A study's preset depends on the objective. DEFT gets the published stages of the data set unless `changes` says
    anything of stages, and its published pressures unless `changes` names others.

    Raises
    ------
    IfpError : an unknown preset or setting, a study that did not train this objective, or DEFT without pressures where
        none are published for the data and the likelihood.
    """
    if preset not in OWN and preset not in STUDIES:
        raise unknown_name("preset", preset, [*OWN, *STUDIES])
    settings: dict[str, Any] = {**OWN.get(preset, {})}
    options: dict[str, Any] = {}
    if preset in STUDIES:
        found = find_preset(preset, changes.get("objective", "beta"))
        settings = {name: getattr(found, name) for name in ("steps", "batch", "learning_rate", "latents")}
        options = dict(found.options)
    settings = clip_to_steps(TrainConfig, {**settings, **changes}, changes)
    config = TrainConfig.from_json({**settings, "preset": preset})
    if config.objective == "deft" and "betas" not in config.options:
        # a study's stages are those of dSprites
        options = {name: value for name, value in options.items() if name not in STAGE_OPTIONS}
        published = published_options(config.dataset, config.steps, likelihood=config.likelihood)
        if config.latents != PUBLISHED_LATENTS:
            del published["group_size"]
        if set(config.options) & set(STAGE_OPTIONS):
            published = {"betas": published["betas"]}
        options |= {name: list(v) if isinstance(v, tuple) else v for name, v in published.items()}
    elif config.objective == "deft" and "stage_steps" in options:
        # the stages take the same share of a training of another length
        options["stage_steps"] = max(options["stage_steps"] * config.steps // found.steps, 1)
    options |= config.options
    return TrainConfig.from_json({**config.to_json(), "options": options})
