"""Latents in equal groups: the names of the groups' parameters, and their projections.

The parameters of the encoder of group g are named "encoder.{g}....", and those of its projection "projection.{g}....",
so that a group can be addressed by the first letters.

Shapes: M members, N images, K latents of one group.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifp.errors import IfpError, counted
from ifp.networks.fully_connected import Parameters


def group_size(latents: int, groups: int) -> int:
    """K; raises IfpError unless the latents make `groups` equal groups."""
    if groups < 1 or latents < groups or latents % groups:
        raise IfpError(
            f"{counted(latents, 'latent')} cannot be divided into {groups} equal groups; use a number of "
            "latents that is a multiple of the number of groups."
        )
    return latents // groups


def inside(parameters: Parameters, group: int) -> Parameters:
    """The parameters of one group's encoder, under the names of an encoder that is the only one."""
    prefix = f"encoder.{group}."
    return {
        f"encoder.{name.removeprefix(prefix)}": value for name, value in parameters.items() if name.startswith(prefix)
    }


def as_group(parameters: Parameters, group: int) -> Parameters:
    """The encoder among `parameters` as that of one group; the reverse of `inside`."""
    return {
        f"encoder.{group}.{name.removeprefix('encoder.')}": value
        for name, value in parameters.items()
        if name.startswith("encoder.")
    }


def fresh_projections(groups: int, size: int) -> Parameters:
    """W1 ("mean") and W2 ("logvar") of every group, 0: they change nothing yet."""
    names = [f"projection.{group}.{what}" for group in range(groups) for what in ("mean", "logvar")]
    return {name: torch.zeros(1, size) for name in names}


def projected(parameters: Parameters, group: int, mean_MNK: Tensor, logvar_MNK: Tensor) -> tuple[Tensor, Tensor]:
    """mean x exp(W1) and log variance + W2 of one group (erow/disentanglement_lib at c875207)."""
    scale_M1K, shift_M1K = (parameters[f"projection.{group}.{what}"] for what in ("mean", "logvar"))
    return mean_MNK * scale_M1K.exp(), logvar_MNK + shift_M1K
