"""The networks and files of facebookresearch/disentangling-correlated-factors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

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


def stacked(channels: int, widths: tuple[int, ...]) -> Network:
    """dent's locatello (4 widths) and montero (5), 64 pixels."""
    into = (channels, *widths[:-1])
    names = [f"conv{n + 1}" for n in range(len(widths))]
    side = 64 >> len(widths)
    features = widths[-1] * side * side
    encoder = Chained(
        [
            *with_relu(*(convolution(name, i, o) for name, i, o in zip(names, into, widths, strict=True))),
            flat,
            *with_relu(linear("lin", features, HIDDEN)),
            linear("dist_statistics", HIDDEN, 2 * LATENTS),
        ]
    )
    back = list(zip([f"convT{n + 1}" for n in range(len(widths))], widths[::-1], into[::-1], strict=True))
    decoder = Chained(
        [
            *with_relu(linear("lin1", LATENTS, HIDDEN), linear("lin2", HIDDEN, features)),
            grid(widths[-1], side),
            *with_relu(*(transposed(*step) for step in back[:-1])),
            transposed(*back[-1]),
            torch.sigmoid,
        ]
    )
    return Network(encoder, decoder, "interleaved", log_sigma=False, logits=False)


def broadcast(z: Tensor) -> Tensor:
    """Codes at every pixel of 64 x 64, then the place of the row from -1 to 1, then that of the column."""
    places = torch.linspace(-1, 1, 64)
    out = torch.empty(len(z), z.shape[1] + 2, 64, 64)
    out[:, :-2] = z[:, :, None, None]
    for place in range(64):
        out[:, -2, place, :] = places[place]
        out[:, -1, :, place] = places[place]
    return out


def locatello_sbd(channels: int) -> Network:
    """dent's spatial broadcast decoder beside its locatello encoder."""
    network = stacked(channels, (8, 8, 12, 12))
    widths = (LATENTS + 2, 8, 8, 8, 8)
    inner = [(f"conv{n + 1}", widths[n], 8, 5, 1, 2) for n in range(4)]
    network.decoder = Chained(
        [
            broadcast,
            *with_relu(*(convolution(*step) for step in inner)),
            convolution("conv5", 8, channels, 5, 1, 2),
            torch.sigmoid,
        ]
    )
    return network


def chen_mlp(channels: int) -> Network:
    encoder = Chained(
        [
            flat,
            *with_relu(linear("fc1", channels * 4096, HIDDEN), linear("fc2", HIDDEN, HIDDEN)),
            linear("dist_statistics", HIDDEN, 2 * LATENTS),
        ]
    )
    return Network(encoder, TanhNet((channels, 64, 64)), "interleaved", log_sigma=False, logits=True)


def dent_file(model: dict[str, Tensor], **metadata: Any) -> dict[str, Any]:
    settings = {"model.name": "vae", "train.loss": "betavae", "betavae.beta": 4.0, "train.rec_dist": "bernoulli"}
    content: dict[str, Any] = {"model": model, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}}
    return content | {"loss_f": {}, "epoch": 30, "uid": "a-b-c", "metadata": settings | metadata}
