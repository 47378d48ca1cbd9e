"""The objectives against closed forms, brute force, their papers' numbers, and each member against itself alone."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from ifp.errors import IfpError
from ifp.objectives.annealed import AnnealedVae
from ifp.objectives.base import AdversarialObjective, Batch, Objective, State, fresh_state
from ifp.objectives.beta import BetaVae
from ifp.objectives.beta_tc import BetaTcVae, _log_weights, kl_parts
from ifp.objectives.cascade import CascadeVae
from ifp.objectives.controlled import ControlVae, DynamicVae
from ifp.objectives.dip import DipVae1, DipVae2
from ifp.objectives.factor import FactorVae, product_of_marginals
from ifp.objectives.presets import STUDIES, find_preset
from ifp.objectives.registry import OBJECTIVES, describe_options, make_objective
from ifp.schedule import LAWS

SMALL: dict[str, dict[str, Any]] = {  # every objective but deft, with numbers at which something happens in a few steps
    "beta": {"law": "geometric", "beta_start": 70.0, "beta_end": 1.0},
    "annealed": {"threshold_steps": 20},
    "cascade": {"stage_steps": 2},
    "beta-tc": {},
    "factor": {"hidden": 32, "layers": 2, "warmup_steps": 4},
    "dip-i": {},
    "dip-ii": {},
    "control": {"set_point_every": 2, "ki": 0.1},
    "dynamic": {"set_point_every": 3, "set_point_ramp": 2},
}
everything = pytest.mark.parametrize("name", SMALL)


@pytest.fixture
def generator(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def make_batch(mean: Tensor, logvar: Tensor, z: Tensor, step: int = 0, total: int = 100, images: int = 1000) -> Batch:
    return Batch(torch.zeros(mean.shape[:2]), mean, logvar, z, step, total, images)


def random_batch(
    generator: torch.Generator, members: int = 3, images: int = 16, latents: int = 4, step: int = 0
) -> Batch:
    shape = (members, images, latents)
    mean, logvar, noise = (torch.randn(shape, generator=generator) for _ in range(3))
    logvar = logvar * 0.5 - 1
    return make_batch(mean, logvar, mean + (0.5 * logvar).exp() * noise, step)


def batch_of_kl(kl_M: Tensor, step: int = 0) -> Batch:
    """One image and one latent a member, with just this KL: mean^2 / 2 at variance 1."""
    mean = (2 * kl_M).sqrt()[:, None, None]
    return make_batch(mean, torch.zeros_like(mean), mean, step)


def new_state(objective: Objective, members: int = 3, latents: int = 4, seed: int = 0) -> State:
    generators = [torch.Generator().manual_seed(seed + m) for m in range(members)]
    return fresh_state(objective, latents, generators, "cpu")


# beta


def test_beta_is_beta_times_the_kl_and_its_gradient_grows_with_beta(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    mean, logvar = batch.mean_MBD.double(), batch.logvar_MBD.double()
    kl_M = (0.5 * (mean**2 + logvar.exp() - 1 - logvar)).sum(2).mean(1)
    for beta in (0.0, 1.0, 7.5):
        mean.requires_grad_()
        penalty_M = BetaVae(beta=beta).penalty(make_batch(mean, logvar, mean), {})
        torch.testing.assert_close(penalty_M, beta * kl_M)
        (gradient,) = torch.autograd.grad(penalty_M.sum(), mean)
        torch.testing.assert_close(gradient, beta * mean.detach() / mean.shape[1])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", [BetaVae, BetaTcVae])
def test_beta_follows_the_laws_of_the_annealing_test(law: str, kind: type[BetaVae]) -> None:
    objective = kind(law=law, beta_start=80.0, beta_end=0.5)
    for step in (0, 13, 100):
        assert objective.beta_at(step, 100) == LAWS[law](step / 100, 80.0, 0.5)


def test_a_law_of_its_own_length_ends_before_the_training() -> None:
    objective = BetaVae(law="linear", beta_start=0.0, beta_end=4.0, law_steps=10)
    assert [objective.pressure_M(step, 1000, {}) for step in (0, 5, 10, 900)] == [0.0, 2.0, 4.0, 4.0]


# annealed


def test_the_capacity_rises_linearly_and_stays() -> None:
    objective = AnnealedVae()
    assert [objective.capacity(step) for step in (0, 1, 50_000, 100_000, 300_000)] == [0.0, 0.00025, 12.5, 25.0, 25.0]


@pytest.mark.parametrize(("kl", "expected"), [(12.5, 0.0), (13.5, 1000.0), (10.5, 2000.0)])
def test_the_distance_from_the_capacity_costs_gamma_a_nat(kl: float, expected: float) -> None:
    batch = batch_of_kl(torch.tensor([kl], dtype=torch.float64), step=50_000)
    torch.testing.assert_close(AnnealedVae().penalty(batch, {}), torch.tensor([expected], dtype=torch.float64))
    assert math.isnan(AnnealedVae().pressure_M(50_000, 100_000, {}))


# cascade


def test_the_cascade_frees_the_latents_in_order(generator: torch.Generator) -> None:
    objective = CascadeVae(stage_steps=2)
    state = new_state(objective, members=2)
    low, high = 0.1, 10.0
    expected = [[low, high, high, high], [low, low, high, high], [low, low, low, high], [low, low, low, low]]
    for step in range(11):
        stage = min(step // 2, 3)
        batch = random_batch(generator, members=2, step=step)
        torch.testing.assert_close(state["beta_MD"], torch.tensor([expected[stage]] * 2))
        wanted_M = (batch.kl_MD * torch.tensor(expected[stage])).sum(1)
        torch.testing.assert_close(objective.penalty(batch, state), wanted_M)
        pressure_M = objective.pressure_M(step, 100, state)
        assert torch.equal(pressure_M.isnan(), torch.tensor([stage < 3] * 2))
        assert stage < 3 or pressure_M.tolist() == pytest.approx([low, low])
        assert objective.stage(step, 100) == step // 2
        objective.update(batch, state)


# beta-tc


def test_the_parts_of_the_kl_equal_brute_force(generator: torch.Generator) -> None:
    """log q(z) written as in the paper, one density at a time, by another library."""
    batch = random_batch(generator, members=2, images=5, latents=3)
    mean, logvar, z = (t.double() for t in (batch.mean_MBD, batch.logvar_MBD, batch.z_MBD))
    parts = kl_parts(mean, logvar, z, num_images=40)
    for member in range(2):
        density = np.array(
            [
                [norm.pdf(z[member, b], mean[member, c], (0.5 * logvar[member, c]).exp()) for c in range(5)]
                for b in range(5)
            ]
        )  # [draw, posterior, latent]
        log_q = np.log(density.prod(2).sum(1) / (40 * 5))
        log_factors = np.log(density.sum(1) / (40 * 5)).sum(1)
        log_given = np.log(np.array([density[b, b].prod() for b in range(5)]))
        log_prior = norm.logpdf(z[member]).sum(1)
        np.testing.assert_allclose(parts.index_code_mi_M[member], (log_given - log_q).mean())
        np.testing.assert_allclose(parts.total_correlation_M[member], (log_q - log_factors).mean())
        np.testing.assert_allclose(parts.dimwise_kl_M[member], (log_factors - log_prior).mean())


def gaussian_codes(covariance: Tensor, variance: float, shape: tuple[int, int], generator: torch.Generator) -> Batch:
    """Posteriors of one variance whose aggregate is N(0, covariance)."""
    root = torch.linalg.cholesky(covariance - variance * torch.eye(len(covariance), dtype=torch.float64))
    draws = torch.randn(2, *shape, len(covariance), generator=generator, dtype=torch.float64)
    mean = draws[0] @ root.mT
    return make_batch(mean, torch.full_like(mean, math.log(variance)), mean + math.sqrt(variance) * draws[1])


def test_the_parts_of_a_gaussian_aggregate_come_near_their_closed_forms(generator: torch.Generator) -> None:
    """I = ln(det S / v^D) / 2, TC = -ln(det R) / 2, and the KL of each marginal, at a data set of one batch's size."""
    covariance, variance = torch.tensor([[1.2, 0.7], [0.7, 0.9]], dtype=torch.float64), 0.15
    batch = gaussian_codes(covariance, variance, (8, 1000), generator)
    # with N = 1 the weighted estimate is the plain average over the batch, without the constant ln N
    parts = kl_parts(batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=1)
    diagonal = covariance.diagonal()
    expected = [
        0.5 * math.log(covariance.det() / variance**2),
        -0.5 * math.log(covariance.det() / diagonal.prod()),
        0.5 * float((diagonal - 1 - diagonal.log()).sum()),
    ]
    # 8,000 dependent draws of a log ratio of standard deviation near 1, and a bias of a few per 1,000
    np.testing.assert_allclose([float(part.mean()) for part in parts], expected, atol=0.04)


def test_beta_tc_at_one_is_the_kl_in_expectation(generator: torch.Generator) -> None:
    one = random_batch(generator, members=1, images=32)
    mean, logvar = (t.double().repeat(400, 1, 1) for t in (one.mean_MBD, one.logvar_MBD))
    z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=generator, dtype=torch.float64)
    penalty_M = BetaTcVae(beta=1.0).penalty(make_batch(mean, logvar, z), {})
    standard_error = float(penalty_M.std()) / 20
    assert standard_error < 0.02
    assert abs(float(penalty_M.mean() - one.kl_M)) < 4 * standard_error


def test_beta_tc_weighs_the_parts_and_the_estimates_constant_has_no_gradient(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    parts = kl_parts(batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=1000)
    objective = BetaTcVae(alpha=0.5, beta=6.0, gamma=2.0)
    expected_M = 0.5 * parts.index_code_mi_M + 6 * parts.total_correlation_M + 2 * parts.dimwise_kl_M
    torch.testing.assert_close(objective.penalty(batch, {}), expected_M)
    assert objective.pressure_M(0, 100, {}) == 0.5
    z = batch.z_MBD.clone().requires_grad_()
    gradients = [
        torch.autograd.grad(kl_parts(batch.mean_MBD, batch.logvar_MBD, z, num_images=n).total_correlation_M.sum(), z)[0]
        for n in (10, 100_000)
    ]
    torch.testing.assert_close(*gradients)


def test_stratified_sampling_has_no_bias(rng: np.random.Generator) -> None:
    """The average over all batches without replacement that hold the draw's own image is q(z), exactly."""
    density_N = rng.uniform(0.1, 2.0, 6)
    weight_B = _log_weights(4, 6, True, torch.device("cpu")).exp().numpy()
    for own in range(6):
        others = [n for n in range(6) if n != own]
        batches = [(own, *rest) for rest in itertools.permutations(others, 3)]
        estimates = [float(weight_B[0] @ density_N[list(batch)]) for batch in batches]
        np.testing.assert_allclose(np.mean(estimates), density_N.mean(), rtol=1e-6)


@pytest.mark.parametrize(("images", "num_images"), [(1, 1000), (16, 15)])
def test_stratified_sampling_says_which_batches_it_takes(
    images: int, num_images: int, generator: torch.Generator
) -> None:
    batch = random_batch(generator, images=images)
    with pytest.raises(IfpError, match=rf"stratified sampling needs batches .* {num_images}, got {images};"):
        kl_parts(batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=num_images, stratified=True)


# dip


@pytest.mark.parametrize(("kind", "added"), [(DipVae1, 0.0), (DipVae2, 0.3)])
def test_dip_of_codes_with_a_known_covariance(kind: type[DipVae1], added: float, generator: torch.Generator) -> None:
    covariance = torch.tensor([[1.5, 0.4, 0.0], [0.4, 0.8, -0.2], [0.0, -0.2, 0.5]], dtype=torch.float64)
    raw = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    centred = raw - raw.mean(0)
    white = centred @ torch.linalg.inv(torch.linalg.cholesky(centred.mT @ centred / 50)).mT
    mean = (white @ torch.linalg.cholesky(covariance).mT + torch.tensor([1.0, -2.0, 0.5]))[None]
    batch = make_batch(mean, torch.full_like(mean, math.log(0.3)), mean)
    objective = kind(lambda_od=7.0, lambda_d=3.0)
    off_diagonal = 2 * (0.4**2 + 0.2**2)
    on_diagonal = sum((value + added - 1) ** 2 for value in (1.5, 0.8, 0.5))
    torch.testing.assert_close(objective.penalty(batch, {}), batch.kl_M + 7 * off_diagonal + 3 * on_diagonal)


# factor


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


# control and dynamic


@pytest.mark.parametrize("objective", [ControlVae(), DynamicVae()])
@pytest.mark.parametrize(("kl", "rises"), [(100.0, True), (0.1, False)])
def test_a_constant_error_drives_beta_the_right_way(objective: Objective, kl: float, rises: bool) -> None:
    state = new_state(objective, members=1, latents=1)
    state["beta_M"].fill_(40.0)
    if "integral_M" in state:
        state["integral_M"].fill_(40.0 - 1.0)
    found = [40.0]
    for step in range(20):
        objective.update(batch_of_kl(torch.tensor([kl]), step), state)
        found.append(float(state["beta_M"]))
    changes = np.diff(found[5:])  # past the first means over an unfilled window
    assert (changes > 0).all() if rises else (changes < 0).all()


@pytest.mark.parametrize("name", ["control", "dynamic"])
def test_beta_stays_within_its_limits_and_leaves_them_at_once(name: str) -> None:
    options = {"beta_start": 2.0} if name == "dynamic" else {}
    objective = make_objective(name, beta_min=0.5, beta_max=3.0, ki=0.1, set_point_start=10.0, **options)
    state = new_state(objective, members=2, latents=1)
    step = 0
    for kl_M, limit_M in [((100.0, 0.0), (3.0, 0.5)), ((0.0, 100.0), (0.5, 3.0))]:
        for _ in range(200):
            objective.update(batch_of_kl(torch.tensor(kl_M), step), state)
            assert (state["beta_M"] >= 0.5).all()
            assert (state["beta_M"] <= 3.0).all()
            step += 1
        np.testing.assert_allclose(state["beta_M"], limit_M, rtol=1e-6)
    # 200 steps against a limit are forgotten: the other way begins with the next KL, or the first window full of it
    before_M = state["beta_M"].clone()
    for _ in range(1 if name == "control" else 5):
        objective.update(batch_of_kl(torch.tensor([22.0, 0.0]), step), state)
        step += 1
    assert state["beta_M"][0] > before_M[0] + 0.9
    assert state["beta_M"][1] < before_M[1] - 0.9


@pytest.mark.parametrize("name", ["control", "dynamic"])
def test_the_controller_brings_a_toy_plant_to_its_set_point(name: str) -> None:
    """A plant whose KL falls with beta, KL = a - b ln(beta), reaches beta = exp((a - set point) / b)."""
    objective = make_objective(name, ki=0.02, set_point=12.0, set_point_every=10, set_point_ramp=1)
    state = new_state(objective, members=2, latents=1)
    a_M, b_M = torch.tensor([25.0, 20.0]), torch.tensor([6.0, 4.0])
    for step in range(3000):
        kl_M = a_M - b_M * state["beta_M"].log()
        objective.update(batch_of_kl(kl_M.clamp(min=0), step), state)
    assert objective.set_point_at(step) == 12.0
    np.testing.assert_allclose(kl_M, 12.0, atol=1e-3)
    np.testing.assert_allclose(state["beta_M"], ((a_M - 12) / b_M).exp(), rtol=1e-3)


def test_the_controllers_equal_their_papers_recursions() -> None:
    kls, kp = [3.0, 0.2, 0.9, 5.0, 4.0, 0.4, 1.0], 0.01
    errors = [0.5 - kl for kl in kls]
    control, state = ControlVae(beta_min=1.0), new_state(ControlVae(), members=1, latents=1)
    for step, error in enumerate(errors):
        control.update(batch_of_kl(torch.tensor([kls[step]]), step), state)
        expected = kp / (1 + math.exp(error)) - 0.001 * sum(errors[: step + 1]) + 1
        assert float(state["beta_M"]) == pytest.approx(max(expected, 1.0), rel=1e-6)

    dynamic, state = DynamicVae(), new_state(DynamicVae(), members=1, latents=1)
    beta, last = 50.0, 0.0
    for step in range(7):
        dynamic.update(batch_of_kl(torch.tensor([kls[step]]), step), state)
        error = 0.5 - sum(kls[max(0, step - 4) : step + 1]) / 5
        beta += kp / (1 + math.exp(error)) - kp / (1 + math.exp(last)) - 0.005 * error
        last = error
        assert float(state["beta_M"]) == pytest.approx(beta, rel=1e-6)


def test_the_set_point_rises_by_steps_or_ramps() -> None:
    control, dynamic = ControlVae(), DynamicVae()
    at = [control.set_point_at(step) for step in (0, 4999, 5000, 9999, 10_000, 2_000_000)]
    assert at == pytest.approx([0.5, 0.5, 0.65, 0.65, 0.8, 18.0])
    at = [dynamic.set_point_at(step) for step in (5999, 6499, 6999, 11_999, 12_999, 5_000_000)]
    assert at == pytest.approx([0.5, 0.575, 0.65, 0.65, 0.8, 20.0])


# all of them


def run(name: str, members: list[int], steps: int = 6) -> dict[str, Tensor]:
    """Penalties, their gradients, and the states of these members, with data and players of their own."""
    objective, latents = make_objective(name, **SMALL[name]), 8
    generators = [torch.Generator().manual_seed(m) for m in members]
    state = fresh_state(objective, latents, generators, "cpu")
    found: dict[str, list[Tensor]] = {"penalty": [], "gradient": [], "pressure": [], "loss": []}
    for step in range(steps):
        rows = [random_batch(one, members=1, images=32, latents=latents, step=step) for one in generators]
        mean, logvar, z = (torch.cat([getattr(row, f"{f}_MBD") for row in rows]) for f in ("mean", "logvar", "z"))
        mean.requires_grad_()
        z = z + 0 * mean + mean - mean.detach()
        batch = make_batch(mean, logvar, z, step)
        penalty_M = objective.penalty(batch, state)
        assert penalty_M.shape == (len(members),)
        found["penalty"].append(penalty_M.detach())
        found["gradient"].append(torch.autograd.grad(penalty_M.sum(), mean)[0])
        pressure = objective.pressure_M(step, 100, state)
        found["pressure"].append(torch.as_tensor(pressure).expand(len(members)).clone())
        if isinstance(objective, AdversarialObjective):
            found["loss"].append(objective.adversary_loss_M(z, z, state).detach())
        with torch.no_grad():
            objective.update(batch, state)
    stacked = {what: torch.stack(values, 1) for what, values in found.items() if values}
    return stacked | {f"state.{key}": value.detach() for key, value in state.items()}


@everything
def test_a_member_does_not_notice_the_others(name: str) -> None:
    """To the bit with a twin, the trainer's way with one member; to rounding without."""
    together = run(name, [0, 1, 2])
    for member in range(3):
        alone, twin = run(name, [member]), run(name, [member, member])
        for what, value in together.items():
            torch.testing.assert_close(alone[what][0], value[member], rtol=1e-5, atol=1e-6, equal_nan=True)
            assert torch.equal(twin[what][0].nan_to_num(-1), value[member].nan_to_num(-1)), what


@everything
def test_permuted_members_give_permuted_results_to_the_bit(name: str) -> None:
    together, permuted = run(name, [0, 1, 2]), run(name, [2, 0, 1])
    for what, value in together.items():
        assert torch.equal(permuted[what].nan_to_num(-1), value[[2, 0, 1]].nan_to_num(-1)), what


@everything
def test_the_state_survives_a_checkpoint(name: str, generator: torch.Generator) -> None:
    objective = make_objective(name, **SMALL[name])
    state = new_state(objective)
    batches = [random_batch(generator, step=step) for step in range(10)]
    with torch.no_grad():
        for batch in batches[:5]:
            objective.update(batch, state)
        file = io.BytesIO()
        torch.save({key: value.detach() for key, value in state.items()}, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=True)
        for one in (state, loaded):
            for batch in batches[5:]:
                objective.update(batch, one)
    assert state.keys() == loaded.keys()
    for key in state:
        assert len(state[key]) == 3
        assert torch.equal(state[key], loaded[key])
    last = random_batch(generator, step=10)
    assert torch.equal(objective.penalty(last, state), objective.penalty(last, loaded))


@everything
def test_nothing_waits_for_the_device(name: str) -> None:
    """Meta tensors have no values: whatever asks for one raises."""
    objective = make_objective(name, **SMALL[name])
    state = {key: value.to("meta") for key, value in new_state(objective).items()}
    for step in range(3):
        x = torch.empty(3, 16, 4, device="meta")
        batch = make_batch(x, x, x, step)
        assert objective.penalty(batch, state).shape == (3,)
        objective.pressure_M(step, 100, state)
        with torch.no_grad():
            objective.update(batch, state)
        if isinstance(objective, AdversarialObjective):
            assert objective.adversary_loss_M(x, x, state).shape == (3,)


@everything
def test_twenty_steps_of_a_toy_vae_under_anomaly_detection(name: str, generator: torch.Generator) -> None:
    """A linear encoder for each of two members; the state changes in place between the steps, as in training."""
    objective = make_objective(name, **SMALL[name])
    state = new_state(objective, members=2)
    x_MBP = torch.randn(2, 16, 8, generator=generator)
    weight = torch.randn(2, 8, 8, generator=generator).mul_(0.3).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=1e-2)
    players: list[Tensor] = []
    if isinstance(objective, AdversarialObjective):
        players = objective.adversary_parameters(state)
        adversary = torch.optim.Adam(players, lr=objective.adversary_rate, betas=objective.adversary_betas)
    before = [weight.detach().clone(), *[p.detach().clone() for p in players]]
    with torch.autograd.set_detect_anomaly(True):
        for step in range(20):
            mean, logvar = (x_MBP @ weight).chunk(2, -1)
            z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=generator)
            batch = make_batch(mean, logvar, z, step, total=20)
            recon_M = ((z - x_MBP[..., :4]) ** 2).sum(-1).mean(1)
            optimizer.zero_grad()
            (recon_M + objective.penalty(batch, state)).sum().backward()
            optimizer.step()
            if isinstance(objective, AdversarialObjective):
                adversary.zero_grad()
                objective.adversary_loss_M(z, z.flip(1), state).sum().backward()
                adversary.step()
            with torch.no_grad():
                objective.update(batch, state)
    for old, new in zip(before, [weight, *players], strict=True):
        assert new.isfinite().all()
        assert not torch.equal(old, new)


# names, options, defaults, presets


def test_every_objective_is_registered_by_its_name() -> None:
    assert set(OBJECTIVES) == {*SMALL, "deft"}
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
]  # fmt: skip


def test_the_table_of_defaults_holds_all_ten_objectives() -> None:
    assert sorted(name for name, _, _ in PAPERS) == sorted(OBJECTIVES)
    assert len(PAPERS) == 10


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
        (lambda: make_objective("annealed", threshold_steps=0), r"threshold_steps must be a positive number, got 0"),
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
