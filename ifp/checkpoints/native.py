"""Writes our own checkpoints: one VAE a file, tensors and plain values only, so that `weights_only=True` reads them.

The layout is that of a Lightning checkpoint ("state_dict", "hyper_parameters", "global_step"), which every reader of
such files finds its way in; hyper_parameters["format"] tells ours.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ifp.networks import Parameters

FORMAT = "ifp-vae"
VERSION = 1


def save_vae(
    path: Path,
    parameters: Parameters,
    *,
    image_shape: tuple[int, int, int],
    latents: int,
    likelihood: str,
    beta: float,
    step: int,
    sigma: float = 1.0,
    **about: Any,
) -> None:
    """Write one member's parameters (without the member axis) to `path`, whole or not at all.

    Parameters
    ----------
    parameters : of an `ifp.conv.ConvNetwork`, or of an `ifp.networks.MlpNetwork` that saw all pixels; or of one of
        them divided into groups of latents (`ifp.group_networks`, `ifp.shared_trunk`).
    about : more plain values to keep (data set, seed, objective). A divided network needs its `stage`, a whole number:
        when it is read, the groups after that one give the prior.
    """
    content = {
        "state_dict": {name: tensor.detach().cpu().contiguous().clone() for name, tensor in parameters.items()},
        "hyper_parameters": {
            **about,
            "format": FORMAT,
            "format_version": VERSION,
            "image_shape": list(image_shape),
            "latents": latents,
            "likelihood": likelihood,
            "sigma": sigma,
            "beta": beta,
        },
        "global_step": step,
    }
    partial = path.with_name(path.name + ".partial")
    torch.save(content, partial)
    os.replace(partial, path)
