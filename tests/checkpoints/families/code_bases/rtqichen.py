"""The networks and files of rtqichen/beta-tcvae."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import Tensor, nn

from .named_networks import (
    HIDDEN,
    LATENTS,
    Chained,
    Network,
    TanhNet,
    convolution,
    flat,
    grid,
    linear,
    transposed,
    with_relu,
)


def rtqichen_mlp() -> Network:
    encoder = Chained(
        [
            flat,
            *with_relu(linear("fc1", 4096, HIDDEN), linear("fc2", HIDDEN, HIDDEN)),
            linear("fc3", HIDDEN, 2 * LATENTS),
        ]
    )
    encoder.add_module("conv_z", nn.Conv2d(64, 2 * LATENTS, 4))
    network = Network(encoder, TanhNet((1, 64, 64)), "interleaved", log_sigma=True, logits=True)
    network.register_buffer("prior_params", torch.zeros(LATENTS, 2))
    return network


def rtqichen_conv() -> Network:
    sizes = [(1, 32, 2, 1), (32, 32, 2, 1), (32, 64, 2, 1), (64, 64, 2, 1), (64, 48, 1, 0)]
    down: list[Any] = []
    for n, (into, out, stride, padding) in enumerate(sizes, start=1):
        down += [convolution(f"conv{n}", into, out, 4, stride, padding), (f"bn{n}", nn.BatchNorm2d(out)), torch.relu]
    encoder = Chained([*down, convolution("conv_z", 48, 2 * LATENTS, 1, 1, 0), flat])
    back = [(LATENTS, 48, 1, 1, 0), (48, 64, 4, 1, 0), (64, 64, 4, 2, 1), (64, 32, 4, 2, 1), (32, 32, 4, 2, 1)]
    up: list[Any] = []
    for n, (into, out, kernel, stride, padding) in enumerate(back, start=1):
        up += [transposed(f"conv{n}", into, out, kernel, stride, padding), (f"bn{n}", nn.BatchNorm2d(out)), torch.relu]
    decoder = Chained([grid(LATENTS, 1), *up, transposed("conv_final", 32, 1)])
    network = Network(encoder, decoder, "interleaved", log_sigma=True, logits=True)
    network.register_buffer("prior_params", torch.zeros(LATENTS, 2))
    return network


def rtqichen_file(model: dict[str, Tensor], **arguments: Any) -> dict[str, Any]:
    args = {"dataset": "shapes", "dist": "normal", "beta": 6.0, "tcvae": True, "conv": False, "beta_anneal": False}
    return {"state_dict": model, "args": argparse.Namespace(**(args | arguments))}
