"""DEFT: stages and pressures, what each mode holds back, and why gradients are not scaled under Adam.

The loop below is a plain one, with what an objective asks of a trainer: rates by prefix, where 0 leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.errors import IfpError
from ifp.likelihood import Bernoulli
from ifp.networks.fully_connected import LinearNetwork, MlpNetwork, Network, Parameters, PixelStatistics
from ifp.networks.grouped import GroupedMlp
from ifp.networks.losses import reconstruction_nats
from ifp.objectives.base import Batch, Objective
from ifp.objectives.deft import MODES, Deft
from ifp.objectives.deft_pressures import PRESSURES, published_options

PLAIN = MlpNetwork(hidden=32, latents=4)
STAGE, TOTAL = 60, 120
DATA = ("mean_P", "input_scale_P", "output_scale")


@pytest.fixture(scope="module")
def bars_NP(bars_npz: Path) -> Tensor:
    with np.load(bars_npz) as stored:
        return torch.from_numpy(stored["images"]).flatten(1).float() / 255


def two_stages(mode: str = "rate", gamma: float = 0.1, betas: tuple[float, float] = (8.0, 1.0)) -> Deft:
    return Deft(betas=betas, gamma=gamma, mode=mode, stage_steps=STAGE)


class Loop:
    """One member's training; `hook` may change the gradients of a step."""

    def __init__(self, network: Network, objective: Objective, x_NP: Tensor, learning_rate: float = 3e-3) -> None:
        self.network, self.objective, self.learning_rate = network, objective, learning_rate
        mean_P = x_NP.mean(0).clamp(0.02, 0.98)
        member = PixelStatistics(torch.ones(x_NP.shape[1]), mean_P, torch.logit(mean_P))
        fresh = network.initial(member, torch.Generator().manual_seed(0))
        self.parameters: Parameters = {
            name: value[None].clone().requires_grad_(name not in DATA) for name, value in fresh.items()
        }
        trained = {name: value for name, value in self.parameters.items() if name not in DATA}
        self.optimizer = torch.optim.Adam([{"params": [value], "name": name} for name, value in trained.items()])
        self.noise = torch.Generator().manual_seed(1)
        self.x_MNP = x_NP[None]

    def loss(self, step: int) -> Tensor:
        mean, logvar = self.network.encode(self.parameters, self.x_MNP)
        mean, logvar = self.objective.route(mean, logvar, step, TOTAL)
        z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=self.noise)
        out = self.network.decode(self.parameters, z)[:, None]
        ones = torch.ones_like(self.x_MNP[:, 0])
        recon = reconstruction_nats(out, self.x_MNP, ones, Bernoulli())[:, 0]
        batch = Batch(recon, mean, logvar, z, step, TOTAL, self.x_MNP.shape[1])
        return recon.mean() + self.objective.penalty(batch, {}).sum()

    def run(self, start: int, stop: int, hook: Callable[[Parameters], None] = lambda parameters: None) -> Loop:
        for step in range(start, stop):
            self.optimizer.zero_grad()
            self.loss(step).backward()
            hook(self.parameters)
            rates = self.objective.rates(step, TOTAL)
            for group in self.optimizer.param_groups:
                rate = math.prod(value for prefix, value in rates.items() if group["name"].startswith(prefix))
                group["lr"] = self.learning_rate * rate
                if rate == 0:
                    group["params"][0].grad = None
            self.optimizer.step()
        return self

    def copy(self, prefix: str = "") -> Parameters:
        return {name: value.detach().clone() for name, value in self.parameters.items() if name.startswith(prefix)}

    def kl_D(self, step: int) -> Tensor:
        mean, logvar = self.objective.route(*self.network.encode(self.parameters, self.x_MNP), step, TOTAL)
        return Batch(mean, mean, logvar, mean, step, TOTAL, 1).kl_MD[0].detach()


@dataclass(frozen=True)
class Piecewise(Objective):
    """Piecewise beta with later latents at the prior and no control of gradients, written out again.

    `later` names the parameters that wait for the second stage.
    """

    later: tuple[str, ...] = ("encoder.1.",)
    name: ClassVar[str] = "piecewise"

    def penalty(self, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        return self.pressure_M(batch.step, TOTAL, state) * batch.kl_M

    def pressure_M(self, step: int, total_steps: int, state: dict[str, Tensor]) -> float:
        return 8.0 if step < STAGE else 1.0

    def route(self, mean_MBD: Tensor, logvar_MBD: Tensor, step: int, total_steps: int) -> tuple[Tensor, Tensor]:
        keep_D = torch.tensor([1.0, 1.0, 0.0, 0.0] if step < STAGE else [1.0] * 4)
        return mean_MBD * keep_D, logvar_MBD * keep_D

    def rates(self, step: int, total_steps: int) -> dict[str, float]:
        return dict.fromkeys(self.later, 0.0) if step < STAGE else {}


def deft_loop(objective: Deft, bars_NP: Tensor) -> Loop:
    return Loop(objective.network(PLAIN), objective, bars_NP)


def assert_same(first: Parameters, second: Parameters) -> None:
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []


def moved(first: Parameters, second: Parameters) -> float:
    """The length of the way from one to the other."""
    return math.sqrt(sum(float((first[name] - second[name]).double().square().sum()) for name in first))


# stages and pressures


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


# what the decoder sees


@pytest.mark.parametrize("mode", MODES)
def test_later_groups_give_the_prior(mode: str, rng: np.random.Generator) -> None:
    mean, logvar = (torch.from_numpy(rng.normal(size=(2, 5, 6))).float().requires_grad_() for _ in range(2))
    deft = Deft(betas=(9, 3, 1), mode=mode, stage_steps=10)
    routed = deft.route(mean, logvar, 10, 100)
    for given, seen in zip((mean, logvar), routed, strict=True):
        assert torch.equal(seen[..., :4], given[..., :4])  # to the last bit
        assert not seen[..., 4:].any()
    wild = torch.cat([mean[..., :4], torch.full_like(mean[..., 4:], math.inf)], dim=-1)
    assert torch.equal(deft.route(wild, logvar, 10, 100)[0], routed[0])  # constants, whatever the encoder says
    kl_MD = Batch(mean, *routed, mean, 10, 100, 5).kl_MD
    assert not kl_MD[:, 4:].any()
    assert (kl_MD[:, :4] > 0).all()
    gradient = torch.autograd.grad(sum(value.sum() for value in routed), [mean, logvar])
    held = deft.gamma if mode == "scale" else 1.0
    for grad in gradient:
        assert torch.equal(grad, torch.tensor([held, held, 1.0, 1.0, 0.0, 0.0]).expand_as(grad))


def test_scale_reduces_reconstruction_and_kl_alike(bars_NP: Tensor) -> None:
    """Gradients are linear in gamma: g(gamma) = g(0) + gamma (g(1) - g(0)), in the trunk and in the heads."""

    def gradients(gamma: float) -> dict[str, Tensor]:
        loop = Loop(two_stages("scale").network(PLAIN), two_stages("scale", gamma), bars_NP)
        with torch.no_grad():
            for name, value in loop.parameters.items():  # away from the collapsed state
                if name not in DATA:
                    value += 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(len(name)))
        loop.loss(STAGE).backward()
        return {name: value.grad for name, value in loop.parameters.items() if value.grad is not None}

    none, some, full = (gradients(gamma) for gamma in (0.0, 0.1, 1.0))
    for name in some:
        expected = none[name] + 0.1 * (full[name] - none[name])
        torch.testing.assert_close(some[name], expected, rtol=1e-3, atol=1e-5)
    assert not none["encoder.0.mean.weight"].any()
    assert full["encoder.0.mean.weight"].any()
    assert none["encoder.trunk.0.weight"].any()
    assert moved(none, full) > 0.1


# gamma at its limits


@pytest.mark.parametrize("mode", ["rate", "scale"])
def test_gamma_1_is_piecewise_beta(mode: str, bars_NP: Tensor) -> None:
    deft = two_stages(mode, gamma=1.0)
    found = deft_loop(deft, bars_NP).run(0, TOTAL)
    expected = Loop(deft.network(PLAIN), Piecewise(), bars_NP).run(0, TOTAL)
    assert_same(found.copy(), expected.copy())


def test_scale_is_the_undivided_network_in_its_first_stage(bars_NP: Tensor) -> None:
    found = deft_loop(two_stages("scale"), bars_NP).run(0, STAGE)
    expected = Loop(PLAIN, Piecewise(later=()), bars_NP).run(0, STAGE)
    whole = found.network.joined(found.parameters)
    for name, value in expected.parameters.items():
        torch.testing.assert_close(whole[name], value, rtol=1e-3, atol=1e-5)


def test_gamma_0_holds_the_earlier_encoders(bars_NP: Tensor) -> None:
    loop = deft_loop(two_stages("rate", gamma=0.0), bars_NP).run(0, STAGE)
    before, others = loop.copy("encoder.0."), loop.copy("encoder.1.") | loop.copy("decoder.")
    loop.run(STAGE, TOTAL)
    assert_same(before, loop.copy("encoder.0."))
    now = loop.copy()
    assert all(not torch.equal(value, now[name]) for name, value in others.items())


def test_gamma_0_in_scale_holds_the_last_layers_while_the_trunk_moves(bars_NP: Tensor) -> None:
    loop = deft_loop(two_stages("scale", gamma=0.0), bars_NP).run(0, STAGE)
    before, trunk = loop.copy("encoder.0."), loop.copy("encoder.trunk.")
    mean_before = loop.network.encode(loop.parameters, loop.x_MNP)[0][..., :2].detach()
    loop.run(STAGE, TOTAL)
    assert_same(before, loop.copy("encoder.0."))
    assert moved(trunk, loop.copy("encoder.trunk.")) > 0.1
    mean_now = loop.network.encode(loop.parameters, loop.x_MNP)[0][..., :2].detach()
    assert (mean_now - mean_before).abs().max() > 0.01  # so much for gamma 0 on a shared trunk


def test_freeze_moves_the_projections_alone(bars_NP: Tensor) -> None:
    loop = deft_loop(two_stages("freeze"), bars_NP).run(0, STAGE)
    assert not any(value.any() for value in loop.copy("projection.").values())
    before = loop.copy("encoder.0.")
    loop.run(STAGE, TOTAL)
    assert_same(before, loop.copy("encoder.0."))
    assert all(bool((value != 0).all()) for value in loop.copy("projection.0.").values())
    assert not any(value.any() for value in loop.copy("projection.1.").values())


def test_freeze_projects_mean_and_log_variance(bars_NP: Tensor) -> None:
    loop = deft_loop(two_stages("freeze"), bars_NP)
    with torch.no_grad():
        loop.parameters["encoder.0.logvar.weight"] += 0.1
    mean, logvar = loop.network.encode(loop.parameters, loop.x_MNP)
    with torch.no_grad():
        loop.parameters["projection.0.mean"] += math.log(3.0)
        loop.parameters["projection.0.logvar"] -= 0.5
    scaled, shifted = loop.network.encode(loop.parameters, loop.x_MNP)
    torch.testing.assert_close(scaled, mean * torch.tensor([3.0, 3.0, 1.0, 1.0]))
    torch.testing.assert_close(shifted, logvar - torch.tensor([0.5, 0.5, 0.0, 0.0]))


@pytest.mark.parametrize("mode", MODES)
def test_groups_beyond_the_last_stage_never_move(mode: str, bars_NP: Tensor) -> None:
    deft = Deft(betas=(8, 1), mode=mode, group_size=1, stage_steps=STAGE)
    loop = deft_loop(deft, bars_NP)
    before = loop.copy("encoder.2.") | loop.copy("encoder.3.") | loop.copy("projection.2.")
    assert before
    loop.run(0, TOTAL)
    now = loop.copy()
    assert_same(before, {name: now[name] for name in before})


@pytest.mark.parametrize("mode", MODES)
def test_each_stage_lets_its_group_in(mode: str, bars_NP: Tensor) -> None:
    deft = two_stages(mode, betas=(2.0, 0.5))
    loop = deft_loop(deft, bars_NP)
    loop.learning_rate = 1e-2
    loop.run(0, STAGE)
    first = loop.kl_D(STAGE - 1)
    assert first[:2].sum() > 0.5
    assert not first[2:].any()
    loop.run(STAGE, TOTAL)
    assert loop.kl_D(TOTAL - 1)[2:].sum() > 0.1


# Adam and a constant scale


def test_adam_does_not_see_scaled_gradients_but_sees_rates(bars_NP: Tensor) -> None:
    """An encoder of its own: all of its gradients x 0.1 change nothing, its learning rate x 0.1 does."""

    def way(objective: Deft, scale: float) -> tuple[Parameters, float]:
        loop = Loop(GroupedMlp(32, 4, 2), objective, bars_NP, learning_rate=1e-3)
        start = loop.copy("encoder.0.")

        def hook(parameters: Parameters) -> None:
            for name, value in parameters.items():
                if name.startswith("encoder.0.") and value.grad is not None:
                    value.grad *= scale

        loop.run(STAGE, STAGE + 40, hook)
        return loop.copy("encoder.0."), moved(start, loop.copy("encoder.0."))

    full, whole_way = way(two_stages(gamma=1.0), scale=1.0)
    scaled, _ = way(two_stages(gamma=1.0), scale=0.1)
    _, slow_way = way(two_stages(gamma=0.1), scale=1.0)
    assert moved(full, scaled) < 0.02 * whole_way
    assert 0.05 < slow_way / whole_way < 0.2


def test_how_long_adam_takes_to_forget_the_larger_gradients() -> None:
    """gamma / sqrt(b^k + gamma^2 (1 - b^k)) of the learning rate, k steps after all gradients fell by gamma."""
    value = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([value], lr=1.0)
    steps = []
    for step in range(15_000):
        value.grad = torch.ones(1) if step < 10_000 else torch.full((1,), 0.1)
        before = value.item()
        optimizer.step()
        steps.append(before - value.item())
        with torch.no_grad():
            value.zero_()
    forgotten = math.log(1 / 0.1**2) / (1 - 0.999)
    assert round(forgotten, -2) == 4600
    for after in (200, 2_000, round(forgotten)):
        left = 0.999 ** (after + 1)
        assert steps[10_000 + after] == pytest.approx(0.1 / math.sqrt(left + 0.01 * (1 - left)), rel=1e-3)
    assert steps[10_200] < 0.12
    assert steps[10_000 + round(forgotten)] == pytest.approx(math.sqrt(0.5), abs=0.01)
