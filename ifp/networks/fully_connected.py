"""Encoders and decoders for M members at once: every parameter has a leading member axis.

A network is a frozen description of shapes; its parameters are a dictionary of tensors that the caller owns. The
members never touch each other, so a member trained with others equals the same member alone.

The encoder sees pixels centred on the traversal's mean image and multiplied by their weight, and the decoder starts
at the mean image with no dependence on z: a fresh network is at the collapsed state. With Adam, which ignores the
scale of a gradient, both make training on the reduced pixels the same as training on all of them
(docs/theory.md, "Exact reductions").

Shapes: M members, N images, B rows (images x noise draws), P pixels, H hidden units, D latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

Parameters = dict[str, Tensor]

VECTOR = 32
"""CPU kernels treat this many elements alike: two AVX-512 registers of float32."""
FROZEN_PARAMETERS = ("mean_P", "input_scale_P", "output_scale")
"""Statistics of the data, which a network carries beside its weights and which are never trained."""


class Network(Protocol):
    """What the engine asks of a network.

    `twin_alone` is true where a batch of one member rounds differently from a batch of more.
    """

    twin_alone: ClassVar[bool]

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """Fresh parameters of one member, without the member axis, on the CPU."""

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance, [M, N, D] each, of raw images."""

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """Logits or means [M, B, P]."""


@dataclass(frozen=True)
class PixelStatistics:
    """What a fresh member knows of its data: pixel weights, mean image, and the output bias that gives that mean."""

    weight_P: Tensor
    mean_P: Tensor
    bias_P: Tensor
    scale: float = 1.0


def _normal(generator: torch.Generator, *shape: int, std: float) -> Tensor:
    return torch.randn(*shape, generator=generator) * std


@dataclass(frozen=True)
class MlpNetwork:
    """Two ReLU layers of `hidden` units each way."""

    hidden: int
    latents: int
    twin_alone: ClassVar[bool] = True

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """He initialisation over the varying pixels; see the module for the first and last layer."""
        h, d = self.hidden, self.latents
        weight, pixels = member.weight_P, len(member.weight_P)
        he = math.sqrt(2 / h)
        # the mean of `weight` independent weights of variance 2 / (number of varying pixels)
        first = _normal(generator, pixels, h, std=math.sqrt(2 / float(weight.sum())))
        first = first / weight.clamp(min=1).sqrt()[:, None]
        return {
            "mean_P": member.mean_P[None],
            "input_scale_P": (weight / member.scale)[None],
            "output_scale": torch.full((1, 1), member.scale),
            "encoder.0.weight": first,
            "encoder.0.bias": torch.zeros(1, h),
            "encoder.1.weight": _normal(generator, h, h, std=he),
            "encoder.1.bias": torch.zeros(1, h),
            "encoder.mean.weight": _normal(generator, h, d, std=1 / math.sqrt(h)),
            "encoder.mean.bias": torch.zeros(1, d),
            "encoder.logvar.weight": torch.zeros(h, d),
            "encoder.logvar.bias": torch.zeros(1, d),
            "decoder.0.weight": _normal(generator, d, h, std=math.sqrt(2 / d)),
            "decoder.0.bias": _normal(generator, 1, h, std=1.0),
            "decoder.1.weight": _normal(generator, h, h, std=he),
            "decoder.1.bias": torch.zeros(1, h),
            "decoder.out.weight": torch.zeros(h, pixels),
            "decoder.out.bias": (member.bias_P / member.scale)[None],
        }

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `Network.encode`."""
        p = parameters
        x = (x_MNP - p["mean_P"]) * p["input_scale_P"]
        h = torch.baddbmm(p["encoder.0.bias"], x, p["encoder.0.weight"]).relu_()
        h = torch.baddbmm(p["encoder.1.bias"], h, p["encoder.1.weight"]).relu_()
        mean = torch.baddbmm(p["encoder.mean.bias"], h, p["encoder.mean.weight"])
        return mean, torch.baddbmm(p["encoder.logvar.bias"], h, p["encoder.logvar.weight"])

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `Network.decode`."""
        p = parameters
        h = torch.baddbmm(p["decoder.0.bias"], z_MBD, p["decoder.0.weight"]).relu_()
        h = torch.baddbmm(p["decoder.1.bias"], h, p["decoder.1.weight"]).relu_()
        return torch.baddbmm(p["decoder.out.bias"], h, p["decoder.out.weight"]) * p["output_scale"]


@dataclass(frozen=True)
class LinearNetwork:
    """A linear encoder with one variance a latent and a linear decoder: probabilistic PCA when trained."""

    latents: int
    twin_alone: ClassVar[bool] = True

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """Small random weights both ways; the collapsed state is a saddle, so neither may be zero."""
        d, pixels = self.latents, len(member.weight_P)
        std = 0.1 / math.sqrt(pixels)
        return {
            "mean_P": member.mean_P[None],
            "input_scale_P": (member.weight_P / member.scale)[None],
            "output_scale": torch.full((1, 1), member.scale),
            "encoder.mean.weight": _normal(generator, pixels, d, std=std),
            "encoder.mean.bias": torch.zeros(1, d),
            "encoder.logvar.bias": torch.zeros(1, d),
            "decoder.out.weight": _normal(generator, d, pixels, std=std),
            "decoder.out.bias": (member.bias_P / member.scale)[None],
        }

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `Network.encode`."""
        p = parameters
        x = (x_MNP - p["mean_P"]) * p["input_scale_P"]
        mean = torch.baddbmm(p["encoder.mean.bias"], x, p["encoder.mean.weight"])
        return mean, p["encoder.logvar.bias"].expand_as(mean)

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `Network.decode`."""
        p = parameters
        return torch.baddbmm(p["decoder.out.bias"], z_MBD, p["decoder.out.weight"]) * p["output_scale"]
