"""Presets of `ifp train`: our own, and those of the studies in `ifp.objectives.presets`."""

from __future__ import annotations

from typing import Any

from ifp.errors import unknown_name
from ifp.objectives.deft_pressures import PRESSURES, published_options
from ifp.objectives.presets import STUDIES, find_preset
from ifp.training.config import TrainConfig

OWN: dict[str, dict[str, Any]] = {
    # minutes on a laptop: which latents a factor takes, no fine scores
    "quick": {"architecture": "mlp", "images": 20_000, "steps": 5000, "records": 25},
    "standard": {},
}
STAGE_OPTIONS = ("betas", "group_size", "stage_steps", "stages_by")
PUBLISHED_LATENTS = 10
"""All published groups of DEFT are of this many latents."""


def preset_train_config(preset: str, **changes: Any) -> TrainConfig:
    """The settings of `preset` with `changes` on top.

    A study's preset depends on the objective. DEFT gets the published stages of the data set, where there are any,
    unless `changes` says anything of stages.

    Raises
    ------
    IfpError : an unknown preset or setting, or a study that did not train this objective.
    """
    if preset not in OWN and preset not in STUDIES:
        raise unknown_name("preset", preset, [*OWN, *STUDIES])
    settings: dict[str, Any] = {**OWN.get(preset, {})}
    options: dict[str, Any] = {}
    if preset in STUDIES:
        found = find_preset(preset, changes.get("objective", "beta"))
        settings = {name: getattr(found, name) for name in ("steps", "batch", "learning_rate", "latents")}
        options = dict(found.options)
    config = TrainConfig.from_json({**settings, **changes, "preset": preset})
    options |= config.options
    if config.objective == "deft" and config.dataset in PRESSURES and not set(options) & set(STAGE_OPTIONS):
        published = published_options(config.dataset, config.steps)
        if config.latents != PUBLISHED_LATENTS:
            del published["group_size"]
        options |= {name: list(v) if isinstance(v, tuple) else v for name, v in published.items()}
    return TrainConfig.from_json({**config.to_json(), "options": options})
