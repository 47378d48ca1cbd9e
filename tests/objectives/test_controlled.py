"""ControlVAE and DynamicVAE: the recursions of their papers, their limits, and a plant that they control."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ifp.objectives.base import Objective
from ifp.objectives.controlled import ControlVae, DynamicVae
from ifp.objectives.registry import make_objective

from .batches import batch_of_kl, new_state


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
