"""Examples of disent, erow, pythae, AntixK and disentanglement_lib, and the files that each code base writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...files.writers import write_tensor_bundle
from .antixk import antixk
from .array_networks import Example
from .disent import disent
from .erow import erow, erow_dense, erow_devae, erow_groups
from .google import google
from .pythae import pythae_conv, pythae_dense

EXAMPLES: dict[str, Callable[[], Example]] = {
    "erow old": lambda: erow("old"),
    "erow old leaky": lambda: erow("old", nn.LeakyReLU),
    "erow normalised": lambda: erow("old", decoder="normalised"),
    "erow fc": lambda: erow("fc", channels=3),
    "erow new": lambda: erow("new", decoder="new"),
    "erow new 128": lambda: erow("new 128"),
    "erow dense": erow_dense,
    "erow devae": erow_devae,
    "groups 2021-04": lambda: erow_groups("old", "convs", 2, decoder_act=nn.LeakyReLU, act=nn.LeakyReLU),
    "groups 2021": lambda: erow_groups("old", "encoders", stage=2),
    "groups fc": lambda: erow_groups("fc", "encoders", stage=2),
    "groups 2022-05": lambda: erow_groups("old", "sub_encoders", 1, trained=1, decoder_act=nn.LeakyReLU),
    "groups 2022-06": lambda: erow_groups("new 128", "sub_encoders", 2, trained=2),
    "groups added": lambda: erow_groups("new", "sub_encoders", 2, trained=2),
    "groups scaled": lambda: erow_groups("new", "sub_encoders", 2, trained=2, added=False),
    "groups first": lambda: erow_groups("new", "sub_encoders", 0),
    "groups all": lambda: erow_groups("new", "sub_encoders", 3, trained=3),
    "disent conv": lambda: disent("conv"),
    "disent conv 3": lambda: disent("conv", channels=3),
    "disent dense": lambda: disent("dense"),
    "disent linear": lambda: disent("linear", channels=3),
    "disent norm": lambda: disent("norm"),
    "disent norm post": lambda: disent("norm", pre_act=False),
    "disent norm channels": lambda: disent("norm", norm="layer_chn"),
    "disent norm batch": lambda: disent("norm", norm="batch"),
    "disent norm none": lambda: disent("norm", norm="none"),
    "pythae dense": pythae_dense,
    "pythae mnist": lambda: pythae_conv("mnist"),
    "pythae cifar": lambda: pythae_conv("cifar"),
    "pythae celeba": lambda: pythae_conv("celeba"),
    "antixk": antixk,
    "antixk tc": lambda: antixk(total_correlation=True),
    "google conv": lambda: google("conv"),
    "google conv 3": lambda: google("conv", channels=3, prefix="module/"),
    "google training": lambda: google("conv", training=True),
    "google dense": lambda: google("dense", channels=3),
}
"""Examples by name: one for each family and layout."""

KNOWN_HEADS: dict[str, tuple[str, ...]] = {
    "erow old": ("encode.net.11",),
    "erow fc": ("encode.fc",),
    "erow new": ("encode.net.11",),
    "erow new 128": ("encode.net.13",),
    "erow dense": ("encode.net.5",),
    "disent conv": ("_encoder.model.11",),
    "disent norm": ("_encoder.model.15",),
    "pythae dense": ("encoder.embedding", "encoder.log_var"),
    "pythae mnist": ("encoder.embedding", "encoder.log_var"),
    "antixk": ("fc_mu", "fc_var"),
    "google conv": ("encoder/means", "encoder/log_var"),
    "google dense": ("encoder/dense", "encoder/dense_1"),
}
"""The layers that give means and log variances, for some of the examples."""

_PREFIX = {"erow": "", "erow_groups": "ae.", "disent": "_model.", "pythae": "", "antixk": "model."}


def write(folder: Path, example: Example) -> Path:
    """The example in its code base's usual container."""
    if example.family == "google":
        return write_tensor_bundle(folder / "variables" / "variables", example.weights)
    prefix = _PREFIX[example.family]
    state = {f"{prefix}{name}": torch.from_numpy(np.array(array)) for name, array in example.weights.items()}
    path = folder / "last.ckpt"
    tree: dict[str, Any] = {"model_state_dict": state} if example.family == "pythae" else {"state_dict": state}
    if example.family in ("disent", "antixk", "erow_groups"):
        tree |= {"pytorch-lightning_version": "1.9.0", "global_step": 7, "epoch": 0}
    torch.save(tree, path)
    return path
