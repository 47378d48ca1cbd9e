"""beta-VAE: the pressure on the KL, its gradient, and the laws of the annealing test."""

from __future__ import annotations

import pytest
import torch

from ifp.objectives.beta import BetaVae
from ifp.objectives.beta_tc import BetaTcVae
from ifp.schedule import LAWS

from .batches import make_batch, random_batch


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
