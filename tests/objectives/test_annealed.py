"""AnnealedVAE: a capacity that rises linearly, and the price of the distance from it."""

from __future__ import annotations

import math

import pytest
import torch

from ifp.objectives.annealed import AnnealedVae

from .batches import batch_of_kl


def test_the_capacity_rises_linearly_and_stays() -> None:
    objective = AnnealedVae()
    assert [objective.capacity(step) for step in (0, 1, 50_000, 100_000, 300_000)] == [0.0, 0.00025, 12.5, 25.0, 25.0]


@pytest.mark.parametrize(("kl", "expected"), [(12.5, 0.0), (13.5, 1000.0), (10.5, 2000.0)])
def test_the_distance_from_the_capacity_costs_gamma_a_nat(kl: float, expected: float) -> None:
    batch = batch_of_kl(torch.tensor([kl], dtype=torch.float64), step=50_000)
    torch.testing.assert_close(AnnealedVae().penalty(batch, {}), torch.tensor([expected], dtype=torch.float64))
    assert math.isnan(AnnealedVae().pressure_M(50_000, 100_000, {}))
