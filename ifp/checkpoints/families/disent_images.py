"""How disent standardises images: (x - mean) / std per channel, with numbers for each data set.

disent's own experiments standardise, and scripts often leave images in [0, 1]. The numbers are taken from the settings
in the file; if they are not there, each possibility gives a candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ifp.checkpoints.rebuild.user_choices import chosen_pixels, scaled_input
from ifp.checkpoints.settings_values import finite, lookup
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Assumption, Vae

STANDARDISATIONS: dict[int, dict[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    1: {
        "dSprites": ((0.042494423521889584,), (0.19516645880626055,)),
        "smallNORB": ((0.7520918401088603,), (0.09563879016827262,)),
    },
    3: {
        "cars3d": (
            (0.8976676149976628, 0.8891658020067508, 0.885147515814868),
            (0.22503195531503034, 0.2399461278981261, 0.24792106319684404),
        ),
        "shapes3d": (
            (0.502584966788819, 0.5787597566089667, 0.6034499731859578),
            (0.2940814043555559, 0.3443979087517214, 0.3661685981524748),
        ),
    },
}
"""Mean and std of each channel, by number of channels and data set; the constants of disent's configurations."""


@dataclass(frozen=True)
class Standardisation:
    """A scaling (x - mean) / std of pixels x in [0, 1], by channel, and the assumption in words."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    assumption: Assumption


def standardisations(config: Mapping[str, Any], options: ReadingOptions, channels: int) -> list[Standardisation]:
    """The standardisations to try, the most likely first: the user's, else the file's, else each possible one."""
    chosen = chosen_pixels(options)
    if chosen.assumption.source == "an option":
        return [Standardisation((chosen.mean,) * channels, (chosen.std,) * channels, chosen.assumption)]
    for place in ("dataset.transform.mean", "dataset.transform.std"), ("dataset.meta.vis_mean", "dataset.meta.vis_std"):
        mean, std = (_per_channel(lookup(config, path), channels) for path in place)
        if mean is not None and std is not None and min(std) > 0:
            return [Standardisation(mean, std, scaled_input(mean, std, "the file"))]
    return [
        Standardisation((0.0,) * channels, (1.0,) * channels, Assumption("input", "pixels in [0, 1]", "a guess")),
        *(
            Standardisation(mean, std, scaled_input(mean, std, "a guess", f", disent's numbers for {name}"))
            for name, (mean, std) in STANDARDISATIONS.get(channels, {}).items()
        ),
    ]


def _per_channel(value: object, channels: int) -> tuple[float, ...] | None:
    """A setting as one number per channel; None if it is none, or has numbers for other channels."""
    values = value if isinstance(value, list | tuple) else [value]
    numbers = tuple(number for number in map(finite, values) if number is not None)
    if len(numbers) != len(values):
        return None
    return numbers * channels if len(numbers) == 1 else numbers if len(numbers) == channels else None


def standardised(vae: Vae, scaling: Standardisation) -> Vae:
    """The same model on images that are scaled so; scalings that differ by channel become part of the networks."""
    if len(set(scaling.mean)) == len(set(scaling.std)) == 1:
        return replace(vae, pixel_mean=scaling.mean[0], pixel_std=scaling.std[0])
    shifts = [-mean / std for mean, std in zip(scaling.mean, scaling.std, strict=True)]
    encoder = nn.Sequential(_per_channel_layer([1 / std for std in scaling.std], shifts), vae.encoder)
    decoder = vae.decoder
    if decoder is not None and vae.output == "values":
        decoder = nn.Sequential(decoder, _per_channel_layer(scaling.std, scaling.mean))
    return replace(vae, encoder=encoder, decoder=decoder)


def _per_channel_layer(scales: Sequence[float], shifts: Sequence[float]) -> nn.Conv2d:
    """A layer that maps channel c of x to scales[c] x + shifts[c]."""
    layer = nn.Conv2d(len(scales), len(scales), 1, groups=len(scales))
    layer.weight.data = torch.tensor(scales, dtype=torch.float32).reshape(-1, 1, 1, 1)
    layer.bias = nn.Parameter(torch.tensor(shifts, dtype=torch.float32))
    return layer
