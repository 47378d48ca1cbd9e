"""Networks whose latents are divided into groups: an encoder for each group, one decoder for all.

The encoders are narrower than that of the undivided network, so that all of them together have about as many
parameters; the decoder is the undivided network's own. Encoding gives all groups, whatever stage they are trained in.

Shapes: M members, N images, P pixels, H hidden units, D latents, G groups of K latents each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.networks.convolutional import ENCODER_LAYERS, ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, Parameters, PixelStatistics
from ifp.networks.groups import as_group, fresh_projections, group_size, inside, projected

_UNITS, _CHANNELS = 16, 8
"""Widths are multiples of these: a slice of a batch of members must be whole vectors (see `ifp.networks.stacked`)."""


@dataclass(frozen=True)
class GroupedMlp:
    """`MlpNetwork` with an encoder a group; `hidden` is the undivided network's and the decoder's.

    Raises
    ------
    IfpError : latents that do not make so many equal groups.
    """

    hidden: int
    latents: int
    groups: int
    projected: bool = False
    twin_alone: ClassVar[bool] = True

    def __post_init__(self) -> None:
        group_size(self.latents, self.groups)

    def width(self, pixels: int) -> int:
        """Hidden units w of a group, for as many weights in all: G (P w + w^2 + 2 K w) = P H + H^2 + 2 D H."""
        whole = self.hidden * (pixels + self.hidden + 2 * self.latents)
        linear = pixels + 2 * self.latents / self.groups
        exact = (math.sqrt(linear**2 + 4 * whole / self.groups) - linear) / 2
        return max(round(exact / _UNITS), 1) * _UNITS

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """See `Network.initial`; each encoder starts as that of an `MlpNetwork` of its width."""
        size = group_size(self.latents, self.groups)
        whole = MlpNetwork(self.hidden, self.latents).initial(member, generator)
        parameters = {name: value for name, value in whole.items() if not name.startswith("encoder.")}
        one = MlpNetwork(self.width(len(member.weight_P)), size)
        for group in range(self.groups):
            parameters |= as_group(one.initial(member, generator), group)
        return parameters | (fresh_projections(self.groups, size) if self.projected else {})

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `ifp.networks.fully_connected.Network.encode`."""
        x = (x_MNP - parameters["mean_P"]) * parameters["input_scale_P"]
        posteriors = []
        for group in range(self.groups):
            p = inside(parameters, group)
            h = torch.baddbmm(p["encoder.0.bias"], x, p["encoder.0.weight"]).relu_()
            h = torch.baddbmm(p["encoder.1.bias"], h, p["encoder.1.weight"]).relu_()
            mean = torch.baddbmm(p["encoder.mean.bias"], h, p["encoder.mean.weight"])
            posteriors.append((mean, torch.baddbmm(p["encoder.logvar.bias"], h, p["encoder.logvar.weight"])))
        return _joined(parameters, posteriors, self.projected)

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `ifp.networks.fully_connected.Network.decode`."""
        return MlpNetwork(self.hidden, self.latents).decode(parameters, z_MBD)


@dataclass(frozen=True)
class GroupedConv:
    """`ConvNetwork` with an encoder a group.

    Raises
    ------
    IfpError : images of another shape than (1 or 3, 64, 64), latents that do not make so many equal groups.
    """

    image_shape: tuple[int, int, int]
    latents: int
    groups: int
    projected: bool = False
    twin_alone: ClassVar[bool] = False

    def __post_init__(self) -> None:
        ConvNetwork(self.image_shape, self.latents)
        group_size(self.latents, self.groups)

    def channels(self, whole: int) -> int:
        """Channels of a group where the undivided encoder has `whole`: 1 / sqrt(G), for as many weights in all."""
        return max(round(whole / math.sqrt(self.groups) / _CHANNELS), 1) * _CHANNELS

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """See `ifp.networks.fully_connected.Network.initial`; uniform within 1 / sqrt(fan in), as in `ConvNetwork`."""
        size = group_size(self.latents, self.groups)
        whole = ConvNetwork(self.image_shape, self.latents).initial(member, generator)
        parameters = {name: value for name, value in whole.items() if not name.startswith("encoder.")}
        kernels = {name: tuple(whole[f"encoder.{name}.weight"].shape[2:]) for name, *_ in ENCODER_LAYERS}
        for group in range(self.groups):
            parameters |= as_group(self._initial_encoder(kernels, size, generator), group)
        return parameters | (fresh_projections(self.groups, size) if self.projected else {})

    def _initial_encoder(
        self, kernels: Mapping[str, tuple[int, ...]], size: int, generator: torch.Generator
    ) -> Parameters:
        parameters: Parameters = {}
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = self.image_shape[0]
        for name, _, outputs, _, _ in ENCODER_LAYERS:
            shapes[f"encoder.{name}"] = (self.channels(outputs), inputs, *kernels[name])
            inputs = self.channels(outputs)
        shapes["encoder.head"] = (2 * size, inputs)
        for name, shape in shapes.items():
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            parameters[f"{name}.weight"] = (torch.rand(*shape, generator=generator) * 2 - 1) * bound
            parameters[f"{name}.bias"] = (torch.rand(shape[0], generator=generator) * 2 - 1) * bound
        return parameters

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `ifp.networks.fully_connected.Network.encode`."""
        network = ConvNetwork(self.image_shape, self.latents)  # encoding takes the sizes from the parameters
        posteriors = [network.encode(inside(parameters, group), x_MNP) for group in range(self.groups)]
        return _joined(parameters, posteriors, self.projected)

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `ifp.networks.fully_connected.Network.decode`."""
        return ConvNetwork(self.image_shape, self.latents).decode(parameters, z_MBD)


def _joined(
    parameters: Parameters, posteriors: Sequence[tuple[Tensor, Tensor]], projects: bool
) -> tuple[Tensor, Tensor]:
    """Means and log variances [M, N, D] of groups [M, N, K], projected where `projects`."""
    if projects:
        posteriors = [projected(parameters, group, *found) for group, found in enumerate(posteriors)]
    return torch.cat([mean for mean, _ in posteriors], -1), torch.cat([logvar for _, logvar in posteriors], -1)
