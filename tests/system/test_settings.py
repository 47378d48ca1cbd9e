"""Settings as JSON holds them: every field of both configs has a kind, and the kinds refuse what is not theirs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ifp.annealing.config import AnnealConfig
from ifp.cli.train_options import parse_option
from ifp.errors import IfpError
from ifp.system.settings import check_positive, is_same_run, settings_digest
from ifp.training.config import TrainConfig

CONFIGS = [AnnealConfig, TrainConfig]
# a value that no field of the type may hold
WRONG = {"int": 2.0, "float": "2", "bool": 1, "str": 2, "float | None": True}


@pytest.mark.parametrize("config", CONFIGS)
def test_every_field_refuses_a_value_of_another_type(config: type[Any]) -> None:
    for field in dataclasses.fields(config):
        stored = {"dataset": "toys", field.name: WRONG.get(str(field.type), 2)}
        with pytest.raises(IfpError, match=rf"^{field.name} must be "):
            config.from_json(stored)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", ["learning_rate", "sigma"])
def test_a_whole_number_that_no_float_holds_is_refused(config: type[Any], name: str) -> None:
    with pytest.raises(IfpError, match=f"^{name} must be a "):
        config.from_json({"dataset": "toys", name: 10**400})
    with pytest.raises(IfpError, match=f"^{name} must be a positive number"):
        check_positive(name, 10**400)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_default_is_of_its_own_type(config: type[Any]) -> None:
    plain = config(dataset="toys")
    assert config.from_json(plain.to_json()) == plain
    assert config.from_json({"dataset": "toys"}) == plain


@pytest.mark.parametrize("config", CONFIGS)
def test_an_unknown_setting_and_a_missing_data_set_are_named(config: type[Any]) -> None:
    with pytest.raises(IfpError, match=r"Unknown setting 'step'.*did you mean 'steps'"):
        config.from_json({"dataset": "toys", "step": 3})
    with pytest.raises(IfpError, match="name no dataset"):
        config.from_json({"steps": 200})


@pytest.mark.parametrize(
    ("stored", "allowed"),
    [
        ({"correlate": [["a", "b"]]}, r"a list of \[factor, factor, sigma\]"),
        ({"correlate": [["a", "b", True]]}, r"a list of \[factor, factor, sigma\]"),
        ({"options": {3: 1}}, "a table of the objective's options"),
        ({"steps": True}, "a whole number"),
    ],
)
def test_what_lies_deeper_is_refused_too(stored: dict[str, Any], allowed: str) -> None:
    with pytest.raises(IfpError, match=allowed):
        TrainConfig.from_json({"dataset": "toys", **stored})


def test_the_digest_is_of_what_is_said_not_of_its_order() -> None:
    assert settings_digest({"a": 1, "b": [2.0]}) == settings_digest({"b": [2.0], "a": 1})
    assert settings_digest({"a": 1}) != settings_digest({"a": 2})
    assert len(settings_digest({})) == 16


def test_a_number_has_one_digest_however_it_is_written() -> None:
    floats = {f.name for config in CONFIGS for f in dataclasses.fields(config) if str(f.type).startswith("float")}
    assert {"sigma", "threshold_nats", "beta_max", "learning_rate"} <= floats
    for config in CONFIGS:
        for name in floats & {field.name for field in dataclasses.fields(config)}:
            whole, same = (config.from_json({"dataset": "toys", name: value}) for value in (1, 1.0))
            assert whole.digest() == same.digest()
    written = ("betas=5.0,1.0", "betas=5,1", "betas=[5, 1.0]", "betas=5.,1e0")
    configs = [TrainConfig(dataset="toys", options=dict([parse_option(text)])) for text in written]
    configs.append(TrainConfig(dataset="toys", options={"betas": (5.0, 1.0)}))
    assert len({config.digest() for config in configs}) == 1
    pairs = [TrainConfig(dataset="toys", correlate=(("posX", "scale", sigma),)) for sigma in (1, 1.0)]
    assert pairs[0].digest() == pairs[1].digest()


def test_a_digest_of_before_is_still_of_its_run() -> None:
    config = TrainConfig(dataset="toys", objective="deft", options={"betas": [5, 1]}, learning_rate=0.5)
    now = {"config": config.to_json(), "digest": config.digest()}
    before = {**config.to_json(), "options": {"betas": [5.0, 1.0]}}
    assert settings_digest(before) != now["digest"]
    assert is_same_run({"config": before, "digest": settings_digest(before)}, now)
    other = {**before, "steps": 9}
    assert not is_same_run({"config": other, "digest": settings_digest(other)}, now)
