"""The networks and files of 1Konny/Beta-VAE."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .named_networks import LATENTS, Network, flat, grid, numbered


def konny_h(channels: int) -> Network:
    sizes = [(0, channels, 32), (2, 32, 32), (4, 32, 24), (6, 24, 24)]
    steps: dict[int, Any] = {place: nn.Conv2d(into, out, 4, 2, 1) for place, into, out in sizes}
    steps |= {8: nn.Conv2d(24, 48, 4), 10: flat, 11: nn.Linear(48, 2 * LATENTS)}
    up: dict[int, Any] = {0: nn.Linear(LATENTS, 48), 1: grid(48, 1), 3: nn.ConvTranspose2d(48, 24, 4)}
    back = [(5, 24, 24), (7, 24, 32), (9, 32, 32), (11, 32, channels)]
    up |= {place: nn.ConvTranspose2d(into, out, 4, 2, 1) for place, into, out in back}
    encoder, decoder = numbered(steps, (0, 2, 4, 6, 8)), numbered(up, (1, 3, 5, 7, 9))
    return Network(encoder, decoder, "halves", log_sigma=False, logits=True)


def konny_b(channels: int) -> Network:
    steps: dict[int, Any] = {place: nn.Conv2d(channels if not place else 32, 32, 4, 2, 1) for place in (0, 2, 4, 6)}
    steps |= {8: flat, 9: nn.Linear(512, 40), 11: nn.Linear(40, 40), 13: nn.Linear(40, 2 * LATENTS)}
    up: dict[int, Any] = {0: nn.Linear(LATENTS, 40), 2: nn.Linear(40, 40), 4: nn.Linear(40, 512), 6: grid(32, 4)}
    up |= {place: nn.ConvTranspose2d(32, channels if place == 13 else 32, 4, 2, 1) for place in (7, 9, 11, 13)}
    encoder, decoder = numbered(steps, (0, 2, 4, 6, 9, 11)), numbered(up, (0, 2, 4, 7, 9, 11))
    return Network(encoder, decoder, "halves", log_sigma=False, logits=True)


def konny_file(model: dict[str, Tensor]) -> dict[str, Any]:
    windows = {"recon": None, "kld": "window_3", "mu": None, "var": None}
    return {"iter": 70, "win_states": windows, "model_states": {"net": model}, "optim_states": {"optim": {"state": {}}}}
