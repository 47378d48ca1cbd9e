"""The networks of AntixK/PyTorch-VAE."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .array_networks import HIDDEN, LATENTS, Example, Pair, arrays, fill, up


def antixk(total_correlation: bool = False, config: Any = None) -> Example:
    widths = [3, 4, 5, 6, 7] if total_correlation else [3, 4, 5, 6, 7, 8]

    def block(layer: nn.Module, out: int) -> nn.Sequential:
        return nn.Sequential(layer, *([] if total_correlation else [nn.BatchNorm2d(out)]), nn.LeakyReLU())

    pairs = list(itertools.pairwise(widths))
    encoder = nn.Sequential(*(block(nn.Conv2d(i, o, 3, 2, 1), o) for i, o in pairs))
    grid = 4 if total_correlation else 2
    features = widths[-1] * grid**2
    heads = HIDDEN if total_correlation else features
    parts: dict[str, nn.Module] = {"encoder": encoder}
    if total_correlation:
        parts["fc"] = nn.Linear(features, HIDDEN)
    parts |= {"fc_mu": nn.Linear(heads, LATENTS), "fc_var": nn.Linear(heads, LATENTS)}
    parts["decoder_input"] = nn.Linear(LATENTS, features)
    parts["decoder"] = nn.Sequential(*(block(up(o, i, 3, 2, 1, 1), i) for i, o in reversed(pairs[1:])))
    final = block(up(4, 4, 3, 2, 1, 1), 4)
    parts["final_layer"] = final.append(nn.Conv2d(4, 3, 3, padding=1)).append(nn.Tanh())
    model = fill(Pair(**parts), "antixk", str(total_correlation))

    def encode(x: Tensor) -> Tensor:
        x = encoder(x).flatten(1)
        x = parts["fc"](x) if total_correlation else x
        return torch.cat([parts["fc_mu"](x), parts["fc_var"](x)], dim=1)

    def decode(z: Tensor) -> Tensor:
        x = parts["decoder_input"](z).reshape(-1, widths[-1], grid, grid)
        return parts["final_layer"](parts["decoder"](x))

    return Example("antixk", arrays(model), (3, 64, 64), encode, decode, config or {})
