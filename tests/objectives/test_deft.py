"""DEFT's settings: its stages, by steps and by beta, the published pressures, and one sentence for mistakes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ifp.errors import IfpError
from ifp.networks.fully_connected import LinearNetwork, MlpNetwork
from ifp.objectives.deft import Deft
from ifp.objectives.deft_pressures import PRESSURES, published_options


def test_stages_by_steps() -> None:
    deft = Deft(betas=(70, 30, 12, 1), stage_steps=15_000)
    steps = [0, 14_999, 15_000, 29_999, 30_000, 45_000, 69_999]
    assert [deft.stage(step, 70_000) for step in steps] == [0, 0, 1, 1, 2, 3, 3]
    assert [deft.pressure_M(step, 70_000, {}) for step in steps] == [70, 70, 30, 30, 12, 1, 1]


def test_the_last_stage_is_twice_as_long_where_nothing_is_said() -> None:
    deft = Deft(betas=(9, 3, 1))
    assert [sum(deft.stage(step, 400) == stage for step in range(400)) for stage in range(3)] == [100, 100, 200]


def test_stages_by_beta_begin_where_the_law_says() -> None:
    """t = T / 20 x ln(150 / beta), rounded up: 7,621, 16,094, 23,026 and 50,106 of 200,000."""
    deft = Deft(**published_options("sprites-noshape"))
    total = 200_000
    for stage, beta in enumerate(deft.betas):
        begins = math.ceil(total / 20 * math.log(150 / beta))
        assert deft.stage(begins - 1, total) == stage
        assert deft.stage(begins, total) == stage + 1
        assert deft.pressure_M(begins, total, {}) == pytest.approx(beta, rel=2e-4)
    assert deft.num_stages == deft.groups(10) == 5
    assert deft.pressure_M(0, total, {}) == 150
    assert deft.pressure_M(total - 1, total, {}) == 1


@pytest.mark.parametrize("dataset", PRESSURES)
def test_published_settings_suit_the_published_training(dataset: str) -> None:
    deft = Deft(**published_options(dataset))
    deft.check(10, PRESSURES[dataset].total_steps)
    Deft(**published_options(dataset, 700)).check(10, 700)
    assert deft.groups(10) == (2 if dataset == "sprites-scream" else 5)
    assert replace(deft, group_size=None).groups(10) == deft.groups(10)


def test_data_without_published_pressures_are_named() -> None:
    with pytest.raises(IfpError, match=r"no published DEFT pressures for 'sprites-noisy', only for dsprites, .*own"):
        published_options("sprites-noisy")


@pytest.mark.parametrize(
    ("betas", "shown"),
    [((), "none"), ((30, 70), "30, 70"), ((30, 30, 1), "30, 30, 1"), ((5, 0), "5, 0"), ((math.inf, 1), "inf, 1")],
)
def test_pressures_must_fall(betas: tuple[float, ...], shown: str) -> None:
    with pytest.raises(IfpError, match=f"each is below the one before, got {shown};"):
        Deft(betas=betas)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"betas": 70.0}, r"betas must be a list of numbers, such as \[70, 30, 12, 1\], got 70.0"),
        ({"betas": "70,30"}, "betas must be a list of numbers"),
        ({"gamma": 1.5}, "gamma must be a number from 0 to 1, got 1.5"),
        ({"gamma": math.nan}, "gamma must be a number from 0 to 1, got nan"),
        ({"mode": "rates"}, "Unknown mode of DEFT 'rates': allowed are rate, scale, freeze; did you mean 'rate'"),
        ({"stages_by": "loss"}, "Unknown way to change stages 'loss'"),
        ({"group_size": 0}, "group_size must be a whole number of at least 1"),
        ({"stage_steps": 0}, "stage_steps must be a whole number of at least 1"),
        ({"stages_by": "beta", "beta_max": 60.0}, "beta_max must be a number above the first pressure, 70"),
        ({"stages_by": "beta", "rate": 0.0}, "rate must be a positive number"),
        ({"stages_by": "beta", "betas": (70.0, 0.5)}, "never reaches 0.5"),
        ({"stages_by": "beta", "stage_steps": 5}, "stage_steps 5 has no meaning"),
    ],
)
def test_bad_settings_are_one_sentence(options: dict[str, object], words: str) -> None:
    with pytest.raises(IfpError, match=words):
        Deft(**options)  # type: ignore[arg-type]


def test_latents_must_make_whole_groups() -> None:
    with pytest.raises(IfpError, match=r"3 latents are not divided into groups of 1, at least 4 .*use 4 latents"):
        Deft().check(3, 70_000)
    with pytest.raises(IfpError, match=r"10 latents are not divided into groups of 3, at least 3 .*use 12 latents"):
        Deft(betas=(40, 20, 1)).check(10, 70_000)
    with pytest.raises(IfpError, match=r"10 latents are not divided into groups of 3, at least 4 .*use 12 latents"):
        Deft(group_size=3).check(10, 70_000)
    with pytest.raises(IfpError, match=r"10 latents are not divided into groups of 5, at least 4 .*use 20 latents"):
        Deft(group_size=5).network(MlpNetwork(32, 10))


def test_the_last_stage_must_begin() -> None:
    with pytest.raises(IfpError, match=r"The last of 4 stages of 15000 steps begins after 45000 steps, .* has 45000"):
        Deft(stage_steps=15_000).check(8, 45_000)
    Deft(stage_steps=15_000).check(8, 45_001)
    with pytest.raises(IfpError, match=r"beta falls to 7\.\d+ only .* give a rate above 5\.011"):
        Deft(stages_by="beta", rate=3.0).check(10, 10_000)


def test_only_networks_with_an_encoder_to_divide() -> None:
    with pytest.raises(IfpError, match="DEFT divides the mlp and conv networks, got LinearNetwork"):
        Deft(betas=(2, 1)).network(LinearNetwork(4))
