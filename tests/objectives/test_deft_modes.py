"""What each of DEFT's modes holds back: what the decoder sees, gamma at its limits, groups and stages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.networks.fully_connected import MlpNetwork, Parameters
from ifp.objectives.base import Batch, Objective
from ifp.objectives.deft import MODES, Deft

from .deft_loop import DATA, STAGE, TOTAL, Loop, moved, two_stages

PLAIN = MlpNetwork(hidden=32, latents=4)


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
