"""A checkpoint's decoder as a function of codes, for what shifts and searches in the space of latents."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ifp.checkpoints.vae import Vae


def decoder_of(vae: Vae, device: str) -> Callable[[Tensor], Tensor]:
    """decode(z [B, D], of any float type, on `device`) -> images [B, C, H, W], differentiable."""
    assert vae.decoder is not None
    there = vae.to(torch.device(device))

    def decode(z_BD: Tensor) -> Tensor:
        return there.decode(z_BD.float())

    return decode
