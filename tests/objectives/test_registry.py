"""The objectives by name: options, the papers' defaults, the presets of studies, and one sentence for mistakes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from ifp.errors import IfpError
from ifp.objectives.presets import STUDIES, find_preset
from ifp.objectives.registry import OBJECTIVES, describe_options, make_objective

from .batches import SMALL, everything


def test_every_objective_is_registered_by_its_name() -> None:
    assert set(OBJECTIVES) == {*SMALL, "deft", "topdis"}
    assert all(objective.name == name for name, objective in OBJECTIVES.items())


@everything
def test_the_options_build_the_same_objective_again_through_json(name: str) -> None:
    objective = make_objective(name, **SMALL[name])
    assert make_objective(name, **json.loads(json.dumps(describe_options(objective)))) == objective


PAPERS: list[tuple[str, dict[str, Any], str]] = [
    ("beta", {"beta": 4}, "Higgins et al. 2017, dSprites"),
    ("annealed", {"gamma": 1000, "c_max": 25, "threshold_steps": 100_000}, "Burgess et al. 2018, dSprites"),
    ("cascade", {"beta_min": 0.1, "beta_max": 10, "stage_steps": 20_000}, "Jeong and Song 2019, its dSprites code"),
    ("beta-tc", {"beta": 6, "alpha": 1, "gamma": 1, "stratified": False}, "Chen et al. 2018, dSprites"),
    (
        "factor",
        {"gamma": 35, "hidden": 1000, "layers": 6, "discriminator_rate": 1e-4, "discriminator_beta1": 0.5,
         "discriminator_beta2": 0.9},
        "Kim and Mnih 2018, 2D Shapes and appendix A",
    ),
    ("dip-i", {"lambda_od": 10, "lambda_d": 100}, "Kumar et al. 2018; lambda_d = 10 lambda_od as in Locatello"),
    ("dip-ii", {"lambda_od": 10, "lambda_d": 10}, "Kumar et al. 2018; lambda_d = lambda_od as in Locatello"),
    (
        "control",
        {"set_point": 18, "set_point_start": 0.5, "set_point_rise": 0.15, "set_point_every": 5000, "kp": 0.01,
         "ki": 0.001, "beta_min": 1, "beta_max": None},
        "Shao et al. 2020, ControlVAE-18 on dSprites",
    ),
    (
        "dynamic",
        {"set_point": 20, "set_point_start": 0.5, "set_point_rise": 0.15, "set_point_every": 6000,
         "set_point_ramp": 1000, "kp": 0.01, "ki": 0.005, "beta_min": 0.1, "beta_start": 50, "window": 5},
        "Shao et al., DynamicVAE, its dSprites run",
    ),
    (
        "deft",
        {"betas": (70, 30, 12, 1), "gamma": 0.1, "mode": "rate", "group_size": None, "stages_by": "steps",
         "beta_max": 150, "rate": 20},
        "Wu et al. 2022, the author's code: pressures of dSprites, FracEncoder's gamma, the law of examples/deft.py",
    ),
    (
        "topdis",
        {"gamma": 5, "delay": 0.1, "shift": 0.125, "every": 1, "longest": 50, "choice": "weights", "surgery": False},
        "Balabin et al. 2024, its code: gamma with beta-TCVAE and ControlVAE on dSprites",
    ),
]  # fmt: skip


def test_the_table_of_defaults_holds_all_objectives() -> None:
    assert sorted(name for name, _, _ in PAPERS) == sorted(OBJECTIVES)
    assert len(PAPERS) == 11


@pytest.mark.parametrize(("name", "values", "source"), PAPERS)
def test_the_defaults_are_those_of_the_paper(name: str, values: dict[str, float], source: str) -> None:
    found = describe_options(make_objective(name))
    assert {option: found[option] for option in values} == values, source


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: make_objective("btcvae"), r"Unknown objective 'btcvae': allowed are .*beta-tc"),
        (lambda: make_objective("annealed", c_min=3), r"Unknown option of annealed 'c_min': .* did you mean 'c_max'\?"),
        (lambda: make_objective("beta", beta="4"), r"beta: beta must be a number, got '4'\."),
        (lambda: make_objective("factor", hidden=1.5), r"factor: hidden must be a whole number, got 1\.5\."),
        (lambda: make_objective("beta-tc", stratified=1), r"beta-tc: stratified must be true or false, got 1\."),
        (lambda: make_objective("cascade", stage_steps=True), r"cascade: stage_steps must be a whole number"),
        (lambda: make_objective("beta", beta=-1), r"beta: beta must be a number of at least 0, got -1\."),
        (lambda: make_objective("beta", beta=math.nan), r"beta: beta must be a number of at least 0, got nan\."),
        (lambda: make_objective("beta", law="cubic"), r"Unknown law 'cubic'"),
        (lambda: make_objective("beta", law="linear", beta_start=3), r"needs both beta_start and beta_end"),
        (lambda: make_objective("beta", beta_end=3), r"beta_start and beta_end need a law: geometric, linear, author"),
        (lambda: make_objective("beta", law="geometric", beta_start=3, beta_end=0), r"above 0 under the geometric law"),
        (lambda: make_objective("annealed", threshold_steps=0), r"steps must be a whole number of at least 1, got 0"),
        (lambda: make_objective("cascade", beta_min=11), r"beta_min must be at most beta_max, 10, got 11"),
        (lambda: make_objective("factor", discriminator_beta1=1), r"beta1 must be at least 0 and below 1, got 1"),
        (lambda: make_objective("control", beta_max=1), r"control: beta_max must be above beta_min, 1, got 1"),
        (lambda: make_objective("control", set_point_ramp=6000), r"ramp must be at most set_point_every, 5000"),
        (lambda: make_objective("dynamic", beta_start=0.01), r"beta_start must be between beta_min and beta_max"),
        (lambda: find_preset("locatelo2019", "beta"), r"Unknown preset 'locatelo2019': .* 'locatello2019'\?"),
        (lambda: find_preset("controlvae", "factor"), r"The study controlvae did not train factor: its objectives are"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(build: Callable[[], object], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("study", "name"), [(study, name) for study in STUDIES for name in STUDIES[study].presets])
def test_every_preset_builds_its_objective(study: str, name: str) -> None:
    preset = find_preset(study, name)
    found = describe_options(make_objective(name, **preset.options))
    assert {option: found[option] for option in preset.options} == dict(preset.options)
    assert STUDIES[study].source


@pytest.mark.parametrize(
    ("study", "name", "steps", "batch", "rate", "options"),
    [
        ("locatello2019", "annealed", 300_000, 64, 1e-4, {"gamma": 1000, "threshold_steps": 100_000}),
        ("deft-baselines", "annealed", 70_000, 256, 5e-4, {"c_max": 25, "threshold_steps": 30_000, "gamma": 100}),
        ("deft-baselines", "deft", 70_000, 256, 5e-4, {"betas": (70, 30, 12, 1), "stage_steps": 15_000, "gamma": 0.1}),
        ("deft-baselines", "cascade", 70_000, 256, 5e-4, {"beta_min": 1, "beta_max": 10, "stage_steps": 6000}),
        ("yanndubs", "annealed", 30 * 11_520, 64, 1e-3, {"c_max": 25, "threshold_steps": 100_000, "gamma": 100}),
        ("yanndubs", "factor", 60 * 5760, 64, 1e-4, {"gamma": 6.4}),
        ("controlvae", "annealed", 1_500_000, 64, 5e-4, {"c_max": 15, "threshold_steps": 100_000, "gamma": 100}),
        ("dynamicvae", "dynamic", 2_000_000, 128, 1e-4, {"set_point": 20, "window": 5}),
    ],
)
def test_the_presets_hold_the_studies_numbers(
    study: str, name: str, steps: int, batch: int, rate: float, options: dict[str, float]
) -> None:
    preset = find_preset(study, name)
    assert (preset.steps, preset.batch, preset.learning_rate, preset.latents) == (steps, batch, rate, 10)
    assert options.items() <= preset.options.items()
