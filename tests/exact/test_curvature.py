"""The curvature of the ideal VAE's objective against automatic differentiation, and the metric made of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.exact import curvature
from ifp.exact.curvature import inverse_curvature, scaled_hessian
from ifp.exact.ideal_vae import SPACING, TraversalBatch, kl_nats, make_batch, make_grid, reconstruction
from ifp.exact.solutions import States
from ifp.likelihood import as_likelihood
from ifp.theory.reduction import reduce_traversal

LEVEL, AT = torch.tensor([30.0, 4.0], dtype=torch.float64), torch.tensor([0.5, 0.6], dtype=torch.float64)


def problem(likelihood: str, latents: int) -> tuple[TraversalBatch, States]:
    """Two traversals of five images and posteriors, no minimum of anything."""
    rng = np.random.default_rng(0)
    scored = as_likelihood(likelihood, 0.4)
    batch = make_batch([reduce_traversal(rng.random((5, 12)), scored) for _ in range(2)], scored, "cpu")
    mean = torch.from_numpy(0.7 * rng.normal(size=(2, 5, latents)))
    return batch, States(mean, torch.from_numpy(0.3 * rng.normal(size=(2, 5, latents)) - 0.4))


def by_differentiation(batch: TraversalBatch, states: States) -> Tensor:
    """The Hessian [M, V, V] of R + phi(K) in float64, on the grid of the objective."""
    grid = make_grid(states.mean_MND, states.log_std_MND)

    def objective(vector: Tensor) -> Tensor:
        s = States.from_vector(vector, states.mean_MND.shape[2])
        kl = kl_nats(s.mean_MND, s.log_std_MND).sum(1)
        recon = reconstruction(batch, s.mean_MND, s.log_std_MND, grid)[0]
        return (recon + LEVEL * AT / 4 * (kl / AT) ** 4).sum()

    full = torch.autograd.functional.hessian(objective, states.to_vector())
    return torch.stack([full[m, :, m] for m in range(2)])


@pytest.mark.parametrize("latents", [1, 2])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_hessian_equals_automatic_differentiation(
    likelihood: str, latents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, states = problem(likelihood, latents)
    monkeypatch.setattr(curvature, "COARSE", SPACING)
    monkeypatch.setattr(curvature, "CHUNK_NUMBERS", 1)  # one traversal at a time
    std = states.log_std_MND.exp().flatten(1)
    root = torch.cat([std, torch.full_like(std, 0.5**0.5)], 1) * (5 / LEVEL[:, None]).sqrt()
    expected = by_differentiation(batch, states) * root[:, :, None] * root[:, None]
    # the part of R is computed in single precision
    torch.testing.assert_close(scaled_hessian(batch, states, LEVEL, AT, 3.0), expected, rtol=1e-6, atol=1e-5)


def test_the_metric_is_the_inverse_where_it_is_one_and_positive_elsewhere() -> None:
    batch, states = problem("bernoulli", 1)
    hessian = by_differentiation(batch, states)
    inverse = inverse_curvature(batch, states, LEVEL, AT, 3.0)
    assert float(torch.linalg.eigvalsh(inverse).min()) > 0
    definite = [bool(torch.linalg.eigvalsh(h).min() > 0) for h in hessian]
    assert definite == [True, False]
    torch.testing.assert_close(inverse[0] @ hessian[0], torch.eye(10, dtype=torch.float64), rtol=0, atol=0.02)
