"""Building blocks of networks in plain PyTorch under the names that a code base gives to their layers.

The networks are written anew from the layers' shapes and names. Each knows its own encoding and decoding, so that a
rebuilt model can be compared with it. Hidden layers are narrower than in the originals.

Shapes: N images, D latents, C H W channels, rows, columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

LATENTS = 5
HIDDEN = 20


class Network(nn.Module):
    """Encoder and decoder under the names of a code base."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: str, log_sigma: bool, logits: bool) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.head, self.log_sigma, self.logits = head, log_sigma, logits

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        out = self.encoder(images)
        if self.head == "interleaved":
            mean, spread = out.view(len(out), -1, 2).unbind(-1)
        else:
            mean, spread = out.chunk(2, dim=1)
        return mean, 2 * spread if self.log_sigma else spread

    def decode(self, z: Tensor) -> Tensor:
        out = self.decoder(z)
        return torch.sigmoid(out) if self.logits else out


class Chained(nn.Module):
    """Named layers and plain functions, applied in their order."""

    def __init__(self, steps: list[tuple[str, nn.Module] | Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        self.steps: list[str | Callable[[Tensor], Tensor]] = []
        for step in steps:
            if isinstance(step, tuple):
                self.add_module(*step)
                self.steps.append(step[0])
            else:
                self.steps.append(step)

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = self.get_submodule(step)(x) if isinstance(step, str) else step(x)
        return x


def flat(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1)


def grid(channels: int, side: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x.reshape(len(x), channels, side, side)


def convolution(name: str, into: int, out: int, kernel: int = 4, stride: int = 2, padding: int = 1) -> Any:
    return name, nn.Conv2d(into, out, kernel, stride, padding)


def transposed(name: str, into: int, out: int, kernel: int = 4, stride: int = 2, padding: int = 1) -> Any:
    return name, nn.ConvTranspose2d(into, out, kernel, stride, padding)


def linear(name: str, into: int, out: int) -> Any:
    return name, nn.Linear(into, out)


def with_relu(*steps: Any, act: Callable[[Tensor], Tensor] = torch.relu) -> list[Any]:
    """An activation after each of the steps."""
    return [part for step in steps for part in (step, act)]


def numbered(steps: dict[int, nn.Module | Callable[[Tensor], Tensor]], after: tuple[int, ...]) -> Chained:
    """Layers by their place in a sequence, ReLU after the places in `after`."""
    ordered: list[Any] = []
    for place, step in steps.items():
        ordered.append((str(place), step) if isinstance(step, nn.Module) else step)
        ordered += [torch.relu] * (place in after)
    return Chained(ordered)


class TanhNet(nn.Module):
    """The decoder of linear layers and tanh that dent and rtqichen share."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        pixels = image_shape[0] * image_shape[1] * image_shape[2]
        sizes = [LATENTS, HIDDEN, HIDDEN, HIDDEN, pixels]
        layers: list[nn.Module] = []
        for into, out in itertools.pairwise(sizes):
            layers += [nn.Linear(into, out), nn.Tanh()]
        self.net = nn.Sequential(*layers[:-1])
        self.image_shape = image_shape

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z).reshape(len(z), *self.image_shape)
