"""DIP-VAE I and II on codes whose covariance is known."""

from __future__ import annotations

import math

import pytest
import torch

from ifp.objectives.dip import DipVae1, DipVae2

from .batches import make_batch


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
