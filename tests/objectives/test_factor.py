"""FactorVAE: its discriminator by hand, the total correlation of a Gaussian, and gradients kept apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.errors import IfpError
from ifp.objectives.base import Objective
from ifp.objectives.beta_tc import BetaTcVae, kl_parts
from ifp.objectives.factor import FactorVae, product_of_marginals

from .batches import make_batch, new_state, random_batch


def test_a_discriminator_that_sees_no_difference_finds_no_total_correlation(generator: torch.Generator) -> None:
    objective = FactorVae(hidden=32, layers=2)
    state = new_state(objective)
    state["adversary.2.weight"] = torch.zeros_like(state["adversary.2.weight"])
    batch = random_batch(generator)
    torch.testing.assert_close(objective.penalty(batch, state), batch.kl_M)
    loss_M = objective.adversary_loss_M(batch.z_MBD, batch.z_MBD, state)
    torch.testing.assert_close(loss_M, torch.full((3,), math.log(2)))


def test_the_penalty_and_the_loss_of_the_discriminator_by_hand(generator: torch.Generator) -> None:
    """One member's discriminator as an ordinary torch network of the paper's six hidden layers."""
    objective = FactorVae(hidden=32, gamma=10.0)
    state = new_state(objective, members=2)
    layers: list[torch.nn.Module] = []
    for layer in range(7):
        linear = torch.nn.utils.skip_init(torch.nn.Linear, *state[f"adversary.{layer}.weight"].shape[1:])
        linear.weight.data = state[f"adversary.{layer}.weight"][1].mT.clone()
        linear.bias.data = state[f"adversary.{layer}.bias"][1, 0].clone()
        layers += [linear, torch.nn.LeakyReLU(0.2)]
    discriminator = torch.nn.Sequential(*layers[:-1])
    batch, other = random_batch(generator, members=2), random_batch(generator, members=2)
    chance = discriminator(batch.z_MBD[1]).softmax(-1)[:, 0]
    total_correlation = (chance / (1 - chance)).log().mean()
    torch.testing.assert_close(objective.penalty(batch, state)[1], batch.kl_M[1] + 10 * total_correlation)
    mixed = torch.stack([torch.stack([other.z_MBD[1, (b + j) % 16, j] for j in range(4)]) for b in range(16)])
    expected = -0.5 * (chance.log().mean() + (1 - discriminator(mixed).softmax(-1)[:, 0]).log().mean())
    torch.testing.assert_close(objective.adversary_loss_M(batch.z_MBD, other.z_MBD, state)[1], expected)


def test_a_trained_discriminator_finds_the_total_correlation_of_a_gaussian(generator: torch.Generator) -> None:
    correlation = 0.8
    root = torch.tensor([[1.0, 0.0], [correlation, math.sqrt(1 - correlation**2)]])
    objective = FactorVae(hidden=64, layers=2, gamma=1.0)
    state = new_state(objective, members=2, latents=2)
    parameters = objective.adversary_parameters(state)
    optimizer = torch.optim.Adam(parameters, lr=2e-3, betas=objective.adversary_betas)

    def draw(images: int) -> Tensor:
        return torch.randn(2, images, 2, generator=generator) @ root.mT

    for _ in range(500):
        loss = objective.adversary_loss_M(draw(512), draw(512), state).sum()
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
    z = draw(20_000)
    found_M = objective.penalty(make_batch(torch.zeros_like(z), torch.zeros_like(z), z), state)
    expected = -0.5 * math.log(1 - correlation**2)  # 0.51 nats
    np.testing.assert_allclose(found_M.detach(), expected, atol=0.08)


def test_neither_player_reaches_the_other(generator: torch.Generator) -> None:
    objective = FactorVae(hidden=32, layers=2)
    state = new_state(objective)
    parameters = objective.adversary_parameters(state)
    batch = random_batch(generator)
    mean, logvar, z = (t.clone().requires_grad_() for t in (batch.mean_MBD, batch.logvar_MBD, batch.z_MBD))
    penalty = objective.penalty(make_batch(mean, logvar, z, step=10), state).sum()
    loss = objective.adversary_loss_M(z, z, state).sum()
    assert torch.autograd.grad(penalty, parameters, allow_unused=True, retain_graph=True) == (None,) * len(parameters)
    assert torch.autograd.grad(loss, [mean, logvar, z], allow_unused=True, retain_graph=True) == (None,) * 3
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(loss, parameters))
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(penalty, [mean, logvar, z]))


def test_the_product_of_marginals_keeps_each_marginal_and_parts_every_image() -> None:
    z_MBD = (torch.arange(2)[:, None, None] * 100 + torch.arange(6)[:, None]).expand(2, 6, 4)
    mixed = product_of_marginals(z_MBD)
    assert torch.equal(mixed.sort(dim=1).values, z_MBD)
    assert all(len(set(row.tolist())) == 4 for row in mixed.flatten(0, 1))
    with pytest.raises(IfpError, match="at least as many images as latents, 4, got 3"):
        product_of_marginals(z_MBD[:, :3])


def test_a_warm_up_raises_one_weight_linearly(generator: torch.Generator) -> None:
    """FactorVAE's total correlation, and beta-TCVAE's dimension-wise part, as YannDubs trained them."""
    one = random_batch(generator)
    factor = FactorVae(hidden=32, layers=2, warmup_steps=10)
    state = new_state(factor)
    state["adversary.2.bias"] = torch.tensor([[[0.5, 0.0]]]).repeat(3, 1, 1)
    beta_tc = BetaTcVae(beta=3.0, gamma=2.0, gamma_warmup_steps=10)
    dimwise_kl_M = kl_parts(one.mean_MBD, one.logvar_MBD, one.z_MBD, num_images=1000).dimwise_kl_M

    def at(objective: Objective, step: int) -> Tensor:
        return objective.penalty(make_batch(one.mean_MBD, one.logvar_MBD, one.z_MBD, step), state)

    torch.testing.assert_close(at(factor, 0), one.kl_M)
    assert (at(factor, 10) - one.kl_M > 10).all()  # gamma 35 x a mean difference of logits near 0.5
    torch.testing.assert_close(at(factor, 5) - one.kl_M, (at(factor, 10) - one.kl_M) / 2)
    assert torch.equal(at(factor, 10), at(factor, 500))
    torch.testing.assert_close(at(beta_tc, 10) - at(beta_tc, 3), 0.7 * 2.0 * dimwise_kl_M)


def test_a_law_moves_the_whole_penalty_of_methods_of_total_correlation(generator: torch.Generator) -> None:
    """From 8 to 2 by the geometric law; in the middle 4 times what a constant 1 gives."""
    pairs: list[tuple[Objective, Objective]] = [
        (
            FactorVae(hidden=32, layers=2, law="geometric", beta_start=8.0, beta_end=2.0),
            FactorVae(hidden=32, layers=2),
        ),
        (
            BetaTcVae(alpha=0.5, gamma=0.25, relative=True, law="geometric", beta_start=8.0, beta_end=2.0),
            BetaTcVae(alpha=0.5, gamma=0.25, beta=1.0),
        ),
    ]
    batch = random_batch(generator, step=50)
    for moved, plain in pairs:
        state = new_state(plain)
        torch.testing.assert_close(moved.penalty(batch, state), 4 * plain.penalty(batch, state))
        assert moved.step_constants(50, 100) != moved.step_constants(51, 100)
        assert moved.pressure_M(50, 100, state) == pytest.approx(4 * plain.pressure_M(50, 100, state))
