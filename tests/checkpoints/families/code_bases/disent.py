"""The networks of nmichlo/disent."""

from __future__ import annotations

from typing import Any

from torch import nn

from .array_networks import HIDDEN, LATENTS, Example, Pair, arrays, down, fill, up


def disent(kind: str, channels: int = 1, config: Any = None, norm: str = "layer", pre_act: bool = True) -> Example:
    """ "conv", "norm" (leaky ReLU), "dense" and "linear"; `encode` and `decode` on the scale of the network's input."""
    pixels = channels * 64 * 64
    tail = [nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 8 * 16), nn.ReLU(), nn.Unflatten(1, (8, 4, 4))]
    plan = [(channels, 6), (6, 6), (6, 8), (8, 8)]
    back = [(8, 8), (8, 6), (6, 6), (6, channels)]
    if kind == "conv":
        encoder = [part for into, out in plan for part in (down(into, out, 4, 2, 2), nn.ReLU())]
        encoder += [nn.Flatten(), nn.Linear(8 * 25, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENTS)]
        decoder = [*tail, *(part for into, out in back for part in (up(into, out), nn.ReLU()))][:-1]
    elif kind == "norm":

        def step(features: int, side: int) -> list[nn.Module]:
            shapes = {"layer": [side, side], "layer_chn": [features, side, side]}
            layer = (
                nn.BatchNorm2d(features) if norm == "batch" else nn.LayerNorm(shapes[norm]) if norm != "none" else None
            )
            both = [layer, nn.LeakyReLU()] if pre_act else [nn.LeakyReLU(), layer]
            return [part for part in both if part is not None]

        encoder = []
        for (into, out), kernel, side in zip(plan, (4, 4, 2, 2), (33, 17, 9, 5), strict=True):
            encoder += [down(into, out, kernel, 2, kernel // 2), *step(out, side)]
        encoder += [nn.Flatten(), nn.Linear(8 * 25, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, 2 * LATENTS)]
        decoder = [nn.LeakyReLU() if isinstance(part, nn.ReLU) else part for part in tail]
        for (into, out), side in zip(back, (8, 16, 32, 64), strict=True):
            decoder += [up(into, out), *(step(out, side) if side < 64 else [])]
    elif kind == "dense":
        encoder = [nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
        encoder.append(nn.Linear(HIDDEN, 2 * LATENTS))
        decoder = [
            nn.Linear(LATENTS, HIDDEN),
            nn.Tanh(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.Tanh(),
            nn.Linear(HIDDEN, pixels),
        ]
        decoder.append(nn.Unflatten(1, (channels, 64, 64)))
    else:
        encoder = [nn.Flatten(), nn.Linear(pixels, 2 * LATENTS)]
        decoder = [nn.Linear(LATENTS, pixels), nn.Unflatten(1, (channels, 64, 64))]
    parts = [Pair(model=nn.Sequential(*encoder)), Pair(model=nn.Sequential(*decoder))]
    model = fill(Pair(_encoder=parts[0], _decoder=parts[1]), "disent", kind)
    networks = parts[0].get_submodule("model"), parts[1].get_submodule("model")
    return Example("disent", arrays(model), (channels, 64, 64), *networks, config or {})
