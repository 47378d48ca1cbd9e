"""CascadeVAE: the latents are freed one stage after the other."""

from __future__ import annotations

import pytest
import torch

from ifp.objectives.cascade import CascadeVae

from .batches import new_state, random_batch


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
