"""The step written by hand is the step that is differentiated automatically, and the same alone as among others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ifp.annealing.ensemble import Ensemble
from ifp.annealing.mlp_ensemble import MlpEnsemble
from ifp.likelihood import Bernoulli, Gaussian, Likelihood
from ifp.networks.flat_adam import FlatParameters
from ifp.networks.fully_connected import MlpNetwork, Parameters, PixelStatistics
from ifp.system.threads import single_threaded_kernels

PIXELS = 32


def fresh(network: MlpNetwork, images_NP: Tensor, likelihood: Likelihood, scale: float, seed: int) -> Parameters:
    """A member whose decoder depends on z already, so that all of its gradients are there from the first step."""
    mean_P = images_NP.mean(0)
    statistics = PixelStatistics(torch.ones(len(mean_P)), mean_P, likelihood.output_for(mean_P), scale)
    generator = torch.Generator().manual_seed(seed)
    parameters = network.initial(statistics, generator)
    for name in ("decoder.out.weight", "encoder.logvar.weight"):
        parameters[name] = 0.1 * torch.randn(parameters[name].shape, generator=generator)
    return {name: value.to(images_NP.dtype) for name, value in parameters.items()}


def batch(
    members: int, images: int, draws: int, latents: int, dtype: torch.dtype, pixels: int = PIXELS
) -> tuple[Tensor, ...]:
    """Images and weights of the members, and the noise and betas of four steps."""
    generator = torch.Generator().manual_seed(images)
    x = 0.1 + 0.8 * torch.rand(members, images, pixels, generator=generator, dtype=dtype)
    weight = torch.randint(0, 9, (members, pixels), generator=generator).to(dtype)
    noise = torch.randn(4, members, draws, images, latents, generator=generator, dtype=dtype)
    return x, weight, noise, torch.full((4, members), 3.0, dtype=dtype)


@pytest.mark.parametrize(
    ("likelihood", "scale", "images", "chosen", "draws", "latents"),
    [(Bernoulli(), 1.0, 6, 6, 3, 1), (Gaussian(0.5), 2.5, 7, 7, 1, 3), (Gaussian(0.5), 1.0, 9, 4, 1, 2)],
)
def test_the_step_by_hand_is_the_step_of_automatic_differentiation(
    likelihood: Likelihood, scale: float, images: int, chosen: int, draws: int, latents: int
) -> None:
    network = MlpNetwork(16, latents)
    x, weight, noise, beta = batch(2, images, draws, latents, torch.float64)
    evaluation, noise = noise[0], noise[:, :, :, :chosen]
    index = torch.stack([torch.randperm(images, generator=torch.Generator().manual_seed(k)) for k in range(8)])
    index = index[:, :chosen].view(4, 2, chosen) if chosen < images else None
    members = [fresh(network, x[m], likelihood, scale, m) for m in range(2)]
    both = [
        kind(network, members, x, weight, likelihood=likelihood, learning_rate=1e-2) for kind in (Ensemble, MlpEnsemble)
    ]
    for ensemble in both:
        ensemble.train(noise, beta, index)
    for name, value in both[0].parameters.items():
        torch.testing.assert_close(both[1].parameters[name], value.detach(), rtol=1e-10, atol=1e-12, msg=name)
    moved = both[1].parameters["encoder.1.weight"][0] - members[0]["encoder.1.weight"]
    assert moved.abs().max() > 1e-3
    for by_hand, automatic in zip(both[1].evaluate(evaluation), both[0].evaluate(evaluation), strict=True):
        torch.testing.assert_close(by_hand, automatic, rtol=1e-10, atol=1e-12)


# numbers of elements that fill no vector, and noise draws that are summed and that are not
@pytest.mark.parametrize(
    ("images", "draws", "latents", "hidden", "pixels"),
    [(3, 4, 1, 16, 32), (6, 1, 1, 64, 32), (7, 2, 3, 20, 32), (3, 5, 1, 16, 16), (7, 1, 2, 64, 16)],
)
def test_a_row_rounds_alike_wherever_it_lies(images: int, draws: int, latents: int, hidden: int, pixels: int) -> None:
    network, likelihood = MlpNetwork(hidden, latents), Bernoulli()
    x, weight, noise, beta = batch(9, images, draws, latents, torch.float32, pixels)
    members = [fresh(network, x[m], likelihood, 1.0, m) for m in range(9)]

    def trained(rows: list[int]) -> list[Tensor]:
        ensemble = MlpEnsemble(
            network, [members[m] for m in rows], x[rows], weight[rows], likelihood=likelihood, learning_rate=1e-2
        )
        ensemble.train(noise[:, rows], beta[:, rows])
        return [*ensemble.parameters.values(), *ensemble.evaluate(noise[0, rows])]

    with single_threaded_kernels():
        together, reversed_, alone = trained(list(range(9))), trained(list(range(9))[::-1]), trained([7])
    for straight, mirrored, single in zip(together, reversed_, alone, strict=True):
        assert torch.equal(straight[:9], mirrored[:9].flip(0))
        assert torch.equal(straight[7], single[0])


def test_members_that_leave_take_their_memory_of_adam_with_them() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [
        {name: torch.randn(5, 7, generator=generator, dtype=torch.float64) for name in ("a", "b")} for _ in range(3)
    ]
    flat = FlatParameters(rows, learning_rate=0.1)
    leaf = {name: torch.stack([row[name] for row in rows]).requires_grad_() for name in rows[0]}
    adam = torch.optim.Adam(leaf.values(), lr=0.1)
    kept = [0, 1, 2]
    for step in range(4):
        if step == 2:
            kept = [2, 0]
            flat.keep(kept)
        for name, value in leaf.items():
            value.grad = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
            flat.gradients[name].copy_(value.grad[kept])
        adam.step()
        flat.descend()
    for name, value in leaf.items():
        torch.testing.assert_close(flat.values[name], value.detach()[kept], rtol=1e-12, atol=1e-14)
