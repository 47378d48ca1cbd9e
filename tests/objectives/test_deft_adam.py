"""Why DEFT changes learning rates: Adam does not see a constant scale of its gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ifp.networks.fully_connected import Parameters
from ifp.networks.grouped import GroupedMlp
from ifp.objectives.deft import Deft

from .deft_loop import STAGE, Loop, moved, two_stages


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
