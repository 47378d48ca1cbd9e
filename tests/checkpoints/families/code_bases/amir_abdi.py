"""The networks and files of amir-abdi/disentanglement-pytorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .named_networks import HIDDEN, LATENTS, Chained, Network, flat, grid, numbered


class Main(nn.Module):
    """amir-abdi's layers: all in `main`, for linear networks two heads beside it."""

    def __init__(self, main: Chained, head_width: int = 0) -> None:
        super().__init__()
        self.main = main
        if head_width:
            self.head_mu, self.head_logvar = nn.Linear(head_width, LATENTS), nn.Linear(head_width, LATENTS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.main(x)
        return torch.cat([self.head_mu(h), self.head_logvar(h)], dim=1) if hasattr(self, "head_mu") else h


def amir_conv_decoder(channels: int, latents: int = LATENTS) -> Main:
    up: dict[int, Any] = {0: grid(latents, 1), 1: nn.Conv2d(latents, 40, 1, 2)}
    sizes = [(3, 40, 40, 1), (5, 40, 24, 0), (7, 24, 24, 0), (9, 24, 16, 0), (11, 16, 16, 0)]
    up |= {place: nn.ConvTranspose2d(into, out, 4, 2, padding) for place, into, out, padding in sizes}
    up[13] = nn.ConvTranspose2d(16, channels, 3, 1)
    return Main(numbered(up, (1, 3, 5, 7, 9, 11)))


def amir_conv(channels: int, padless: bool, rows: int = 2 * LATENTS, decoded: int = LATENTS) -> Network:
    widths = (channels, 16, 16, 20, 24, 40) + (() if padless else (40,))
    kernel, padding = (3, 0) if padless else (4, 1)
    places = tuple(range(0, 2 * len(widths) - 2, 2))
    steps: dict[int, Any] = {
        place: nn.Conv2d(into, out, kernel, 2, padding)
        for place, into, out in zip(places, widths[:-1], widths[1:], strict=True)
    }
    steps |= {places[-1] + 2: flat, places[-1] + 3: nn.Linear(40, rows)}
    encoder = Main(numbered(steps, places))
    return Network(encoder, amir_conv_decoder(channels, decoded), "halves", log_sigma=False, logits=True)


def amir_linear(channels: int, deep: bool) -> Network:
    pixels = channels * 4096
    widths = (pixels, 20, 16, 14, 12) if deep else (pixels, HIDDEN)
    down: dict[int, Any] = {0: flat}
    down |= {2 * n + 1: nn.Linear(widths[n], widths[n + 1]) for n in range(len(widths) - 1)}
    back = (LATENTS, 12, 14, 16, 20, pixels) if deep else (LATENTS, HIDDEN, pixels)
    up: dict[int, Any] = {2 * n: nn.Linear(back[n], back[n + 1]) for n in range(len(back) - 1)}
    last = max(up)
    up[last + 1] = grid(channels, 64)
    encoder = Main(numbered(down, tuple(place for place in down if place)), widths[-1])
    decoder = Main(numbered(up, tuple(place for place in up if place < last)))
    return Network(encoder, decoder, "halves", log_sigma=False, logits=True)


def amir_file(model: dict[str, Tensor]) -> dict[str, Any]:
    critic = {"main.0.weight": torch.zeros(10, LATENTS), "main.0.bias": torch.zeros(10)}
    return {"iter": 80, "model_states": {"G": model, "PermD": critic}, "optim_states": {"optim_G": {"state": {}}}}
