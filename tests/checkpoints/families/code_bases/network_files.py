"""Files of YannDubs, dent, rtqichen, 1Konny and amir-abdi, each with the network that is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .amir_abdi import amir_conv, amir_file, amir_linear
from .dent import chen_mlp, dent_file, locatello_sbd, stacked
from .konny import konny_b, konny_file, konny_h
from .named_networks import LATENTS, Network
from .rtqichen import rtqichen_conv, rtqichen_file, rtqichen_mlp
from .yanndubs import burgess, yanndubs_specs


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
    "dent locatello": _dent(lambda: stacked(3, (8, 8, 12, 12)), 3),
    "dent locatello_sbd": _dent(lambda: locatello_sbd(3), 3),
    "dent montero_small": _dent(lambda: stacked(3, (8, 8, 12, 12, 16)), 3),
    "dent montero_large": _dent(lambda: stacked(3, (16, 16, 24, 24, 32)), 3),
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
"""Kinds of files by name: one for each family and architecture."""


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
