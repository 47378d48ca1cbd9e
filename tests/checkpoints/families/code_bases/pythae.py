"""The networks of pythae (benchmark_VAE)."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .array_networks import HIDDEN, LATENTS, Example, Pair, arrays, down, fill, up


def pythae_dense(config: Any = None) -> Example:
    layers = nn.ModuleList([nn.Sequential(nn.Linear(3 * 10 * 12, HIDDEN), nn.ReLU())])
    encoder = Pair(layers=layers, embedding=nn.Linear(HIDDEN, LATENTS), log_var=nn.Linear(HIDDEN, LATENTS))
    back = nn.ModuleList(
        [
            nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ReLU()),
            nn.Sequential(nn.Linear(HIDDEN, 3 * 10 * 12), nn.Sigmoid()),
        ]
    )
    model = fill(Pair(encoder=encoder, decoder=Pair(layers=back)), "pythae dense")

    def encode(x: Tensor) -> Tensor:
        hidden = layers[0](x.reshape(len(x), -1))
        return torch.cat([encoder.embedding(hidden), encoder.log_var(hidden)], dim=1)  # type: ignore[operator]

    usual = {"name": "BetaVAEConfig", "input_dim": [3, 10, 12], "latent_dim": LATENTS, "beta": 2.0}
    return Example(
        "pythae",
        arrays(model),
        (3, 10, 12),
        encode,
        lambda z: back[1](back[0](z)).reshape(-1, 3, 10, 12),
        usual | (config or {}),
    )


def pythae_conv(data: str) -> Example:
    """The networks shipped for MNIST, CIFAR and CelebA."""
    channels, side = {"mnist": (1, 28), "cifar": (3, 32), "celeba": (3, 64)}[data]
    widths = [channels, 4, 5, 6, 7]
    blocks = [nn.Sequential(down(i, o), nn.BatchNorm2d(o), nn.ReLU()) for i, o in itertools.pairwise(widths)]
    features = widths[-1] * (side // 16) ** 2
    layers = nn.ModuleList(blocks)
    encoder = Pair(layers=layers, embedding=nn.Linear(features, LATENTS), log_var=nn.Linear(features, LATENTS))
    grid = 4 if data == "mnist" else 8
    first = nn.Linear(LATENTS, 7 * grid**2)
    plan = {
        "mnist": [(7, 6, 3, 2, 1), (6, 5, 3, 2, 1, 1), (5, 1, 3, 2, 1, 1)],
        "cifar": [(7, 6, 4, 2, 1), (6, 5, 4, 2, 1, 1), (5, 3, 4, 1, 2)],
        "celeba": [(7, 6, 5, 2, 2), (6, 5, 5, 2, 1), (5, 4, 5, 2, 2, 1), (4, 3, 5, 1, 1)],
    }[data]
    back = [nn.Sequential(up(*settings), nn.BatchNorm2d(settings[1]), nn.ReLU()) for settings in plan[:-1]]
    last = nn.Sequential(up(*plan[-1]), nn.Sigmoid())
    decoder = Pair(layers=nn.ModuleList([nn.Sequential(first) if data == "celeba" else first, *back, last]))
    model = fill(Pair(encoder=encoder, decoder=decoder), "pythae", data)

    def encode(x: Tensor) -> Tensor:
        for block in layers:
            x = block(x)
        x = x.flatten(1)
        return torch.cat([encoder.embedding(x), encoder.log_var(x)], dim=1)  # type: ignore[operator]

    def decode(z: Tensor) -> Tensor:
        x = first(z).reshape(-1, 7, grid, grid)
        for block in [*back, last]:
            x = block(x)
        return x

    return Example("pythae", arrays(model), (channels, side, side), encode, decode)
