"""The networks of erow/disentanglement_lib."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ifp.seeds import numpy_generator

from .array_networks import HIDDEN, LATENTS, Example, Pair, View, arrays, down, fill, up


def erow_layers(layout: str, channels: int, base: int, latents: int, act: type[nn.Module]) -> list[nn.Module]:
    """The encoder: layouts "old", "fc" (less its last layer), "new" and "new 128"."""
    sizes = [channels, base, base, 2 * base, 2 * base]
    layers = [part for at in range(4) for part in (down(sizes[at], sizes[at + 1]), act())]
    if layout in ("old", "fc"):
        layers += [nn.Flatten(), nn.Linear(32 * base, HIDDEN), act()]
        return layers + [nn.Linear(HIDDEN, 2 * latents)] * (layout == "old")
    layers += [down(2 * base, 8 * base, 4, 1, 0), act(), nn.Flatten()]
    if layout == "new 128":
        return [*layers, nn.Linear(8 * base, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * latents)]
    return [*layers, nn.Linear(8 * base, 2 * latents)]


class ErowEncoder(nn.Module):
    def __init__(self, layout: str, channels: int, base: int, latents: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.net = nn.Sequential(*erow_layers(layout, channels, base, latents, act))
        if layout == "fc":
            self.fc = nn.Linear(HIDDEN, 2 * latents)

    def forward(self, x: Tensor) -> Tensor:
        x = self.net(x)
        return self.fc(x) if hasattr(self, "fc") else x


def erow_decoder(layout: str, channels: int, latents: int, act: type[nn.Module]) -> nn.Module:
    """ "old", "normalised" and "new"."""
    if layout == "new":
        head: list[nn.Module] = [nn.Linear(latents, HIDDEN), act(), View(HIDDEN, 1, 1), up(HIDDEN, 8, 4), act()]
    elif layout == "normalised":
        head = [nn.Linear(latents, HIDDEN), act(), nn.BatchNorm1d(HIDDEN), nn.Linear(HIDDEN, 8 * 16), act()]
        head += [nn.BatchNorm1d(8 * 16), View(8, 4, 4)]
    else:
        head = [nn.Linear(latents, HIDDEN), act(), nn.Linear(HIDDEN, 8 * 16), act(), View(8, 4, 4)]
    body: list[nn.Module] = []
    for into, out in ((8, 8), (8, 6), (6, 4)):
        body += [up(into, out), act()] + [nn.BatchNorm2d(out)] * (layout == "normalised")
    return Pair(net=nn.Sequential(*head, *body, up(4, channels)))


def erow(
    layout: str, act: type[nn.Module] = nn.ReLU, channels: int = 1, decoder: str = "old", config: Any = None
) -> Example:
    encode = ErowEncoder(layout, channels, 4, LATENTS, act)
    model = fill(Pair(encode=encode, decode=erow_decoder(decoder, channels, LATENTS, act)), "erow", layout)
    net = model.decode.net  # type: ignore[union-attr]
    return Example("erow", arrays(model), (channels, 64, 64), encode, lambda z: net(z).sigmoid(), config or {})


def erow_dense() -> Example:
    encode = nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 16 * 16, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()
    )
    encode.append(nn.Linear(HIDDEN, 2 * LATENTS))
    decode = nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 3 * 16 * 16))
    model = fill(Pair(encode=Pair(net=encode), decode=Pair(net=decode)), "erow dense")
    return Example(
        "erow", arrays(model), (3, 16, 16), encode, lambda z: decode(z).reshape(-1, 3, 16, 16).sigmoid(),
        {"vae.beta": 4, "dataset.name": "color_dsprites"},
    )  # fmt: skip


def erow_devae() -> Example:
    encode = ErowEncoder("new", 1, 4, LATENTS, nn.ReLU)
    decode = erow_decoder("new", 1, 2 * LATENTS, nn.ReLU)
    decode.stage_embed = nn.Embedding(3, LATENTS)
    encode.projs = nn.ModuleList(
        nn.ParameterDict({w: nn.Parameter(torch.zeros(1, LATENTS)) for w in ("W1", "W2")}) for _ in range(3)
    )
    model = fill(Pair(encode=encode, decode=decode), "erow devae")
    row = decode.stage_embed.weight[0]

    def decoded(z: Tensor) -> Tensor:
        return decode.net(torch.cat([z, row.expand(len(z), -1)], dim=1)).sigmoid()  # type: ignore[operator]

    return Example("erow", arrays(model), (1, 64, 64), encode, decoded)


def erow_groups(
    layout: str,
    container: str,
    stage: int,
    trained: int = 0,
    added: bool = True,
    decoder_act: type[nn.Module] = nn.ReLU,
    act: type[nn.Module] = nn.ReLU,
) -> Example:
    """Three groups of two latents at `stage`; the first `trained` projections are not zero."""
    groups = nn.ModuleList(ErowEncoder(layout, 1, 2, 2, act) for _ in range(3))
    encode = Pair(**{container: groups})
    decode = erow_decoder("new" if layout == "new" else "old", 1, 6, decoder_act)
    model = fill(Pair(encode=encode, decode=decode), "erow groups", layout, container)
    weights = arrays(model)
    projections = numpy_generator(0, "tests", "projections").normal(0, 0.5, (3, 2, 1, 2)).astype(np.float32)
    projections[trained:] = 0
    if container == "sub_encoders":
        for group in range(3):
            for which in (1, 2):
                weights[f"encode.projs.{group}.W{which}"] = projections[group, which - 1]

    def encoded(x: Tensor) -> Tensor:
        means, logvars = torch.zeros(len(x), 6), torch.zeros(len(x), 6)
        for group in range(min(stage, 2) + 1):
            at = slice(2 * group, 2 * group + 2)
            means[:, at], logvars[:, at] = groups[group](x).split(2, dim=1)
            if group < stage:
                w1, w2 = torch.from_numpy(projections[group])
                means[:, at] *= torch.exp(w1)
                logvars[:, at] = logvars[:, at] + w2 if added else logvars[:, at] * torch.exp(w2)
        return torch.cat([means, logvars], dim=1)

    return Example(
        "erow_groups",
        weights,
        (1, 64, 64),
        encoded,
        lambda z: decode.net(z).sigmoid(),
        latents=6,  # type: ignore[operator]
    )
