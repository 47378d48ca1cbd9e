"""Weak learners: beta-VAEs with one latent, each trained on the unit circle, many as one batch.

A circle does not fit a line, so that each learner cuts it somewhere. The objective is the engine's, which with a
Gaussian likelihood of sigma 1 is the mean squared error over the two coordinates + beta x KL.

Shapes: M learners, K steps of a block, B points of a step, N points, D = 1 latents, P = 2 coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.annealing.ensemble import Ensemble
from ifp.likelihood import Gaussian
from ifp.networks.fully_connected import MlpNetwork, Parameters, PixelStatistics
from ifp.seeds import derive_seed

BLOCK = 100
"""Steps whose random numbers are drawn at once."""


@dataclass(frozen=True)
class TanhNetwork(MlpNetwork):
    """Two tanh layers of `hidden` units each way; unlike the engine's networks it does not start collapsed."""

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """Glorot and Bengio's uniform weights (AISTATS 2010), made for tanh; no biases."""
        h, d, p = self.hidden, self.latents, len(member.weight_P)
        layers = {
            "encoder.0": (p, h), "encoder.1": (h, h), "encoder.mean": (h, d), "encoder.logvar": (h, d),
            "decoder.0": (d, h), "decoder.1": (h, h), "decoder.out": (h, p),
        }  # fmt: skip
        fresh: Parameters = {}
        for name, (inputs, outputs) in layers.items():
            limit = math.sqrt(6 / (inputs + outputs))
            fresh[f"{name}.weight"] = (2 * torch.rand(inputs, outputs, generator=generator) - 1) * limit
            fresh[f"{name}.bias"] = torch.zeros(1, outputs)
        return fresh

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `Network.encode`."""
        p = parameters
        h = torch.baddbmm(p["encoder.0.bias"], x_MNP, p["encoder.0.weight"]).tanh()
        h = torch.baddbmm(p["encoder.1.bias"], h, p["encoder.1.weight"]).tanh()
        mean = torch.baddbmm(p["encoder.mean.bias"], h, p["encoder.mean.weight"])
        return mean, torch.baddbmm(p["encoder.logvar.bias"], h, p["encoder.logvar.weight"])

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `Network.decode`."""
        p = parameters
        h = torch.baddbmm(p["decoder.0.bias"], z_MBD, p["decoder.0.weight"]).tanh()
        h = torch.baddbmm(p["decoder.1.bias"], h, p["decoder.1.weight"]).tanh()
        return torch.baddbmm(p["decoder.out.bias"], h, p["decoder.out.weight"])


def circle(angle: Tensor) -> Tensor:
    """Points of the unit circle, one more axis of 2 at the end."""
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def train_learners(
    names: Sequence[str], seed: int, *, hidden: int, batch: int, steps: int, beta: float, learning_rate: float,
    points: int, device: str = "cpu",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Posterior mean and logvar [M, N, 1] of N equally spaced angles, from 0, after training one learner a name.

    Each learner has its own weights, angles and noise, by its name.
    """
    network = TanhNetwork(hidden, 1)
    coordinates = PixelStatistics(torch.ones(2), torch.zeros(2), torch.zeros(2))
    weights = [torch.Generator().manual_seed(derive_seed(seed, name, "weights")) for name in names]
    streams = [torch.Generator(device).manual_seed(derive_seed(seed, name, "training")) for name in names]
    members = len(names)
    ensemble = Ensemble(
        network,
        [network.initial(coordinates, generator) for generator in weights],
        torch.zeros(members, 1, 2, device=device),  # no images are held: each step draws its own
        torch.ones(members, 2, device=device),
        likelihood=Gaussian(),
        learning_rate=learning_rate,
    )
    beta_M = torch.full((members,), beta, device=device)
    for start in range(0, steps, BLOCK):
        shape = (min(BLOCK, steps - start), batch)
        angle_MKB = torch.stack([torch.rand(shape, generator=g, device=device) for g in streams]) * (2 * math.pi)
        noise_MKB = torch.stack([torch.randn(shape, generator=g, device=device) for g in streams])
        for k in range(shape[0]):
            ensemble.step(circle(angle_MKB[:, k]), noise_MKB[:, k, None, :, None], beta_M)
    x_NP = circle(torch.arange(points, device=device) * (2 * math.pi / points))
    with torch.no_grad():
        return network.encode(ensemble.parameters, x_NP.expand(members, -1, -1))
