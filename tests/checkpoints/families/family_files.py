"""Files as five code bases write them, with random weights, and the networks themselves in plain PyTorch.

The networks are written anew from the layers' shapes and names; each knows its own encoding and decoding, so that a
reader can be held against it. Widths of hidden linear layers are smaller than in the originals: no reader may mind.

Shapes: N images, D latents, C H W channels, rows, columns.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

LATENTS = 5
HIDDEN = 40


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


def burgess(channels: int, side: int, head: str) -> Network:
    """Four convolutions at 64 pixels, three at 32."""
    middle = ["conv2", "conv3"] + ["conv_64"] * (side == 64)
    encoder = Chained(
        [
            *with_relu(convolution("conv1", channels, 32), *(convolution(name, 32, 32) for name in middle)),
            flat,
            *with_relu(linear("lin1", 512, 256), linear("lin2", 256, 256)),
            linear(head, 256, 2 * LATENTS),
        ]
    )
    back = ["convT_64"] * (side == 64) + ["convT1", "convT2"]
    decoder = Chained(
        [
            *with_relu(linear("lin1", LATENTS, 256), linear("lin2", 256, 256), linear("lin3", 256, 512)),
            grid(32, 4),
            *with_relu(*(transposed(name, 32, 32) for name in back)),
            transposed("convT3", 32, channels),
            torch.sigmoid,
        ]
    )
    return Network(encoder, decoder, "interleaved", log_sigma=False, logits=False)


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
            *with_relu(linear("lin", features, 256)),
            linear("dist_statistics", 256, 2 * LATENTS),
        ]
    )
    back = list(zip([f"convT{n + 1}" for n in range(len(widths))], widths[::-1], into[::-1], strict=True))
    decoder = Chained(
        [
            *with_relu(linear("lin1", LATENTS, 256), linear("lin2", 256, features)),
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
    for row in range(64):
        for column in range(64):
            out[:, :-2, row, column] = z
            out[:, -2, row, column] = places[row]
            out[:, -1, row, column] = places[column]
    return out


def locatello_sbd(channels: int) -> Network:
    """dent's spatial broadcast decoder beside its locatello encoder."""
    network = stacked(channels, (32, 32, 64, 64))
    widths = (LATENTS + 2, 64, 64, 64, 64)
    inner = [(f"conv{n + 1}", widths[n], 64, 5, 1, 2) for n in range(4)]
    network.decoder = Chained(
        [
            broadcast,
            *with_relu(*(convolution(*step) for step in inner)),
            convolution("conv5", 64, channels, 5, 1, 2),
            torch.sigmoid,
        ]
    )
    return network


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


def chen_mlp(channels: int) -> Network:
    encoder = Chained(
        [
            flat,
            *with_relu(linear("fc1", channels * 4096, HIDDEN), linear("fc2", HIDDEN, HIDDEN)),
            linear("dist_statistics", HIDDEN, 2 * LATENTS),
        ]
    )
    return Network(encoder, TanhNet((channels, 64, 64)), "interleaved", log_sigma=False, logits=True)


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
    sizes = [(1, 32, 2, 1), (32, 32, 2, 1), (32, 64, 2, 1), (64, 64, 2, 1), (64, 512, 1, 0)]
    down: list[Any] = []
    for n, (into, out, stride, padding) in enumerate(sizes, start=1):
        down += [convolution(f"conv{n}", into, out, 4, stride, padding), (f"bn{n}", nn.BatchNorm2d(out)), torch.relu]
    encoder = Chained([*down, convolution("conv_z", 512, 2 * LATENTS, 1, 1, 0), flat])
    back = [(LATENTS, 512, 1, 1, 0), (512, 64, 4, 1, 0), (64, 64, 4, 2, 1), (64, 32, 4, 2, 1), (32, 32, 4, 2, 1)]
    up: list[Any] = []
    for n, (into, out, kernel, stride, padding) in enumerate(back, start=1):
        up += [transposed(f"conv{n}", into, out, kernel, stride, padding), (f"bn{n}", nn.BatchNorm2d(out)), torch.relu]
    decoder = Chained([grid(LATENTS, 1), *up, transposed("conv_final", 32, 1)])
    network = Network(encoder, decoder, "interleaved", log_sigma=True, logits=True)
    network.register_buffer("prior_params", torch.zeros(LATENTS, 2))
    return network


def numbered(steps: dict[int, nn.Module | Callable[[Tensor], Tensor]], after: tuple[int, ...]) -> Chained:
    """Layers by their place in a sequence, ReLU after the places in `after`."""
    ordered: list[Any] = []
    for place, step in steps.items():
        ordered.append((str(place), step) if isinstance(step, nn.Module) else step)
        ordered += [torch.relu] * (place in after)
    return Chained(ordered)


def konny_h(channels: int) -> Network:
    sizes = [(0, channels, 32), (2, 32, 32), (4, 32, 64), (6, 64, 64)]
    steps: dict[int, Any] = {place: nn.Conv2d(into, out, 4, 2, 1) for place, into, out in sizes}
    steps |= {8: nn.Conv2d(64, 256, 4), 10: flat, 11: nn.Linear(256, 2 * LATENTS)}
    up: dict[int, Any] = {0: nn.Linear(LATENTS, 256), 1: grid(256, 1), 3: nn.ConvTranspose2d(256, 64, 4)}
    back = [(5, 64, 64), (7, 64, 32), (9, 32, 32), (11, 32, channels)]
    up |= {place: nn.ConvTranspose2d(into, out, 4, 2, 1) for place, into, out in back}
    encoder, decoder = numbered(steps, (0, 2, 4, 6, 8)), numbered(up, (1, 3, 5, 7, 9))
    return Network(encoder, decoder, "halves", log_sigma=False, logits=True)


def konny_b(channels: int) -> Network:
    steps: dict[int, Any] = {place: nn.Conv2d(channels if not place else 32, 32, 4, 2, 1) for place in (0, 2, 4, 6)}
    steps |= {8: flat, 9: nn.Linear(512, 256), 11: nn.Linear(256, 256), 13: nn.Linear(256, 2 * LATENTS)}
    up: dict[int, Any] = {0: nn.Linear(LATENTS, 256), 2: nn.Linear(256, 256), 4: nn.Linear(256, 512), 6: grid(32, 4)}
    up |= {place: nn.ConvTranspose2d(32, channels if place == 13 else 32, 4, 2, 1) for place in (7, 9, 11, 13)}
    encoder, decoder = numbered(steps, (0, 2, 4, 6, 9, 11)), numbered(up, (0, 2, 4, 7, 9, 11))
    return Network(encoder, decoder, "halves", log_sigma=False, logits=True)


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
    up: dict[int, Any] = {0: grid(latents, 1), 1: nn.Conv2d(latents, 256, 1, 2)}
    sizes = [(3, 256, 256, 1), (5, 256, 128, 0), (7, 128, 128, 0), (9, 128, 64, 0), (11, 64, 64, 0)]
    up |= {place: nn.ConvTranspose2d(into, out, 4, 2, padding) for place, into, out, padding in sizes}
    up[13] = nn.ConvTranspose2d(64, channels, 3, 1)
    return Main(numbered(up, (1, 3, 5, 7, 9, 11)))


def amir_conv(channels: int, padless: bool, rows: int = 2 * LATENTS, decoded: int = LATENTS) -> Network:
    widths = (channels, 32, 32, 64, 128, 256) + (() if padless else (256,))
    kernel, padding = (3, 0) if padless else (4, 1)
    places = tuple(range(0, 2 * len(widths) - 2, 2))
    steps: dict[int, Any] = {
        place: nn.Conv2d(into, out, kernel, 2, padding)
        for place, into, out in zip(places, widths[:-1], widths[1:], strict=True)
    }
    steps |= {places[-1] + 2: flat, places[-1] + 3: nn.Linear(256, rows)}
    encoder = Main(numbered(steps, places))
    return Network(encoder, amir_conv_decoder(channels, decoded), "halves", log_sigma=False, logits=True)


def amir_linear(channels: int, deep: bool) -> Network:
    pixels = channels * 4096
    widths = (pixels, 80, 40, 20, 10) if deep else (pixels, HIDDEN)
    down: dict[int, Any] = {0: flat}
    down |= {2 * n + 1: nn.Linear(widths[n], widths[n + 1]) for n in range(len(widths) - 1)}
    back = (LATENTS, 10, 20, 40, 80, pixels) if deep else (LATENTS, HIDDEN, pixels)
    up: dict[int, Any] = {2 * n: nn.Linear(back[n], back[n + 1]) for n in range(len(back) - 1)}
    last = max(up)
    up[last + 1] = grid(channels, 64)
    encoder = Main(numbered(down, tuple(place for place in down if place)), widths[-1])
    decoder = Main(numbered(up, tuple(place for place in up if place < last)))
    return Network(encoder, decoder, "halves", log_sigma=False, logits=True)


@dataclass(frozen=True)
class FamilyFile:
    """One kind of file: whose it is, its network, how the arrays are wrapped, and the settings written beside it."""

    family: str
    network: Callable[[], Network]
    wrap: Callable[[dict[str, Tensor]], Any]
    head: str
    """The encoder's last layer."""
    image_shape: tuple[int, int, int] = (1, 64, 64)
    file_name: str = "last"
    specs: dict[str, Any] = field(default_factory=dict)


def yanndubs_specs(**settings: Any) -> dict[str, Any]:
    return {
        "img_size": [1, 64, 64],
        "latent_dim": LATENTS,
        "model_type": "Burgess",
        "rec_dist": "bernoulli",
        **settings,
    }


def dent_file(model: dict[str, Tensor], **metadata: Any) -> dict[str, Any]:
    settings = {"model.name": "vae", "train.loss": "betavae", "betavae.beta": 4.0, "train.rec_dist": "bernoulli"}
    content: dict[str, Any] = {"model": model, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}}
    return content | {"loss_f": {}, "epoch": 30, "uid": "a-b-c", "metadata": settings | metadata}


def rtqichen_file(model: dict[str, Tensor], **arguments: Any) -> dict[str, Any]:
    args = {"dataset": "shapes", "dist": "normal", "beta": 6.0, "tcvae": True, "conv": False, "beta_anneal": False}
    return {"state_dict": model, "args": argparse.Namespace(**(args | arguments))}


def konny_file(model: dict[str, Tensor]) -> dict[str, Any]:
    windows = {"recon": None, "kld": "window_3", "mu": None, "var": None}
    return {"iter": 70, "win_states": windows, "model_states": {"net": model}, "optim_states": {"optim": {"state": {}}}}


def amir_file(model: dict[str, Tensor]) -> dict[str, Any]:
    critic = {"main.0.weight": torch.zeros(10, LATENTS), "main.0.bias": torch.zeros(10)}
    return {"iter": 80, "model_states": {"G": model, "PermD": critic}, "optim_states": {"optim_G": {"state": {}}}}


def _dent(network: Callable[[], Network], channels: int) -> FamilyFile:
    shape = (channels, 64, 64)
    return FamilyFile("dent", network, dent_file, "encoder.dist_statistics", shape, "chkpt.pth.tar")


_MU_LOGVAR = "encoder.mu_logvar_gen"
FILES: dict[str, FamilyFile] = {
    "yanndubs 64": FamilyFile(
        "yanndubs", lambda: burgess(1, 64, "mu_logvar_gen"), dict, _MU_LOGVAR, (1, 64, 64), "model.pt",
        yanndubs_specs(loss="betaH", betaH_B=4),
    ),
    "yanndubs 32": FamilyFile(
        "yanndubs", lambda: burgess(3, 32, "mu_logvar_gen"), dict, _MU_LOGVAR, (3, 32, 32), "model.pt"
    ),
    "dent burgess": _dent(lambda: burgess(1, 64, "dist_statistics"), 1),
    "dent locatello": _dent(lambda: stacked(3, (32, 32, 64, 64)), 3),
    "dent locatello_sbd": _dent(lambda: locatello_sbd(3), 3),
    "dent montero_small": _dent(lambda: stacked(3, (32, 32, 64, 64, 128)), 3),
    "dent montero_large": _dent(lambda: stacked(3, (64, 64, 128, 128, 256)), 3),
    "dent chen_mlp": _dent(lambda: chen_mlp(3), 3),
    "rtqichen mlp": FamilyFile("rtqichen", rtqichen_mlp, rtqichen_file, "encoder.fc3", file_name="checkpt-0000.pth"),
    "rtqichen conv": FamilyFile("rtqichen", rtqichen_conv, rtqichen_file, "encoder.conv_z", file_name="checkpt-0.pth"),
    "1konny H": FamilyFile("1konny", lambda: konny_h(3), konny_file, "encoder.11", (3, 64, 64)),
    "1konny B": FamilyFile("1konny", lambda: konny_b(1), konny_file, "encoder.13", file_name="50000"),
    "amir-abdi conv": FamilyFile("amir-abdi", lambda: amir_conv(1, False), amir_file, "encoder.main.13"),
    "amir-abdi padless": FamilyFile("amir-abdi", lambda: amir_conv(3, True), amir_file, "encoder.main.11", (3, 64, 64)),
    "amir-abdi shallow": FamilyFile("amir-abdi", lambda: amir_linear(1, False), amir_file, "encoder.head_mu"),
    "amir-abdi deep": FamilyFile("amir-abdi", lambda: amir_linear(3, True), amir_file, "encoder.head_mu", (3, 64, 64)),
}  # fmt: skip


def make(name: str, seed: int = 0) -> Network:
    """The network of this kind of file, with random weights and statistics, ready to evaluate."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = FILES[name].network()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
    return network.eval()


def with_known_head(name: str, network: Network) -> Network:
    """Mean of latent j: j + 1/2; log variance: -(j + 1), whatever the image."""
    state = network.state_dict()
    mean, logvar = torch.arange(LATENTS) + 0.5, -(torch.arange(LATENTS) + 1.0)
    spread = logvar / 2 if network.log_sigma else logvar
    head = FILES[name].head
    if head.endswith("head_mu"):
        parts = {head: mean, head.replace("head_mu", "head_logvar"): spread}
    elif network.head == "interleaved":
        parts = {head: torch.stack([mean, spread], dim=1).flatten()}
    else:
        parts = {head: torch.cat([mean, spread])}
    for layer, bias in parts.items():
        state[f"{layer}.weight"] = torch.zeros_like(state[f"{layer}.weight"])
        state[f"{layer}.bias"] = bias
    network.load_state_dict(state)
    return network


def write(folder: Path, name: str, network: Network, **options: Any) -> Path:
    """The file, with its settings beside it."""
    kind = FILES[name]
    if kind.specs:
        (folder / "specs.json").write_text(json.dumps(kind.specs))
    path = folder / kind.file_name
    torch.save(kind.wrap(network.state_dict()), path, **options)
    return path
