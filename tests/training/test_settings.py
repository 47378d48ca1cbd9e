"""The settings of a training: JSON, presets, DEFT's published stages, and one sentence for mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ifp.errors import IfpError
from ifp.training.config import TrainConfig
from ifp.training.presets import preset_train_config

from .small_runs import config_for, setup_for


def test_settings_come_back_from_json(bars: str) -> None:
    config = config_for(bars, correlate=(("width", "place", float("inf")), ("place", "width", 0.2)), inverse=True)
    again = TrainConfig.from_json(json.loads(json.dumps(config.to_json(), allow_nan=False)))
    assert again == config
    assert again.digest() == config.digest()
    assert replace(config, steps=41).digest() != config.digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "mpl"}, "did you mean 'mlp'"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"images": -1}, "images must be"),
        ({"records": 41}, "records must be at most the number of steps, 40"),
        ({"checkpoint_every": 41}, "checkpoint_every must be at most"),
        ({"learning_rate": float("nan")}, "learning_rate must be a positive number"),
        ({"likelihood": "poisson"}, "Unknown likelihood"),
        ({"inverse": True}, "without a pair"),
    ],
)
def test_bad_settings_are_one_sentence(changes: dict[str, Any], message: str, bars: str) -> None:
    with pytest.raises(IfpError, match=message):
        config_for(bars, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "betta"}, "did you mean 'beta'"),
        ({"options": {"gamma": 1.0}}, "Unknown option of beta"),
        ({"precision": "bfloat16"}, "needs a cuda device"),
        ({"architecture": "conv"}, "64"),
        ({"objective": "deft", "options": {"betas": [4.0, 1.0], "group_size": 3}}, "4 latents"),
        ({"correlate": (("width", "plce", 0.2),)}, "did you mean 'place'"),
    ],
)
def test_what_does_not_suit_the_data_is_refused_before_anything_is_read(
    changes: dict[str, Any], message: str, bars: str
) -> None:
    with pytest.raises(IfpError, match=message):
        setup_for(config_for(bars, **changes))


def test_presets_are_those_of_the_studies() -> None:
    locatello = preset_train_config("locatello2019", dataset="sprites", objective="factor")
    assert (locatello.steps, locatello.batch, locatello.learning_rate) == (300_000, 64, 1e-4)
    assert locatello.options["gamma"] == 30.0
    changed = preset_train_config("deft-baselines", dataset="sprites", steps=100, records=10, options={"beta": 7.0})
    assert (changed.steps, changed.batch, changed.options) == (100, 256, {"beta": 7.0})
    with pytest.raises(IfpError, match="did you mean 'quick'"):
        preset_train_config("quik", dataset="sprites")


def test_deft_gets_the_stages_published_for_the_data() -> None:
    config = preset_train_config("standard", dataset="sprites", objective="deft")
    assert config.options == {"betas": [70, 30, 12, 1], "group_size": 2, "stage_steps": 15_000}
    own = preset_train_config("standard", dataset="sprites", objective="deft", options={"betas": [9.0, 1.0]})
    assert own.options == {"betas": [9.0, 1.0]}
    with pytest.raises(IfpError, match=r"no published DEFT pressures for 'npz:x.npz'"):
        preset_train_config("standard", dataset="npz:x.npz", objective="deft")
