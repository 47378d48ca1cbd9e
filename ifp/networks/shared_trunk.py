"""SharedMlp and SharedConv: one encoder whose last layer is cut into groups of latents.

It is the undivided network, to the rounding of a joined tensor, and starts at the same weights for the same generator;
but each group's part of the last layer is a parameter of its own, "encoder.{g}....", beside "encoder.trunk....".

Shapes: M members, N images, D latents, G groups of K latents each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, Parameters, PixelStatistics
from ifp.networks.groups import group_size

# last layers of the encoder: name -> (the axis of latents, counted from the last; how many values a latent has there)
_LAST = {
    "encoder.mean.weight": (-1, 1),
    "encoder.mean.bias": (-1, 1),
    "encoder.logvar.weight": (-1, 1),
    "encoder.logvar.bias": (-1, 1),
    "encoder.head.weight": (-2, 2),  # all means, then all log variances
    "encoder.head.bias": (-1, 2),
}


@dataclass(frozen=True)
class SharedTrunk:
    """`whole` with its last encoding layer in parts; use the subclass for its kind.

    Raises
    ------
    IfpError : latents that do not make so many equal groups.
    """

    whole: MlpNetwork | ConvNetwork
    groups: int
    twin_alone: ClassVar[bool]

    def __post_init__(self) -> None:
        group_size(self.latents, self.groups)

    @property
    def latents(self) -> int:
        """D."""
        return self.whole.latents

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """See `ifp.networks.fully_connected.Network.initial`."""
        parameters: Parameters = {}
        for name, value in self.whole.initial(member, generator).items():
            tail = name.removeprefix("encoder.")
            if name in _LAST:
                for group, part in enumerate(_cut(value, *_LAST[name], self.groups)):
                    parameters[f"encoder.{group}.{tail}"] = part
            else:
                parameters[name if tail == name else f"encoder.trunk.{tail}"] = value
        return parameters

    def joined(self, parameters: Parameters) -> Parameters:
        """The same parameters under the names and in the shapes of the undivided network."""
        whole = {
            f"encoder.{name.removeprefix('encoder.trunk.')}" if name.startswith("encoder.trunk.") else name: value
            for name, value in parameters.items()
            if name.startswith("encoder.trunk.") or not name.startswith("encoder.")
        }
        for name, (axis, parts) in _LAST.items():
            tail = name.removeprefix("encoder.")
            if f"encoder.0.{tail}" in parameters:
                groups = [parameters[f"encoder.{group}.{tail}"] for group in range(self.groups)]
                chunks = zip(*(value.chunk(parts, axis) for value in groups), strict=True)
                whole[name] = torch.cat([value for chunk in chunks for value in chunk], axis)
        return whole

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `ifp.networks.fully_connected.Network.encode`."""
        return self.whole.encode(self.joined(parameters), x_MNP)

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `ifp.networks.fully_connected.Network.decode`."""
        return self.whole.decode(parameters, z_MBD)


@dataclass(frozen=True)
class SharedMlp(SharedTrunk):
    """Of an `MlpNetwork`."""

    twin_alone: ClassVar[bool] = MlpNetwork.twin_alone


@dataclass(frozen=True)
class SharedConv(SharedTrunk):
    """Of a `ConvNetwork`."""

    twin_alone: ClassVar[bool] = ConvNetwork.twin_alone


def _cut(value: Tensor, axis: int, parts: int, groups: int) -> list[Tensor]:
    """Each group's share of `value`, which has `parts` blocks of D rows along `axis`."""
    blocks = [block.chunk(groups, axis) for block in value.chunk(parts, axis)]
    return [torch.cat(shares, axis).clone() for shares in zip(*blocks, strict=True)]
