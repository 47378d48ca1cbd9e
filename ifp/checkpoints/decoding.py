"""A checkpoint's decoder or generator as a function of latents, for what shifts and searches in their space.

Shapes: R batches, B latents of a batch, D codes, L latents of a generator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ifp.checkpoints.vae import Vae
from ifp.codes import Codes
from ifp.seeds import numpy_generator


def decoder_of(vae: Vae, device: str) -> Callable[[Tensor], Tensor]:
    """decode(z [B, D], of any float type, on `device`) -> images [B, C, H, W], differentiable.

    Of a GAN z [B, L] are the generator's latents, of N(0, 1): those of its codes, then its noise.
    """
    assert vae.draws
    there = vae.to(torch.device(device))

    def decode(z_BD: Tensor) -> Tensor:
        return there.decode(z_BD.float())

    def generate(z_BL: Tensor) -> Tensor:
        assert there.generator is not None
        out: Tensor = there.generator(z_BL.float())
        return out

    return decode if there.decoder is not None else generate


def drawn_latents(vae: Vae, codes: Codes, batch: int, repeats: int, seed: int) -> np.ndarray:
    """Batches of what the decoder sees: posterior draws [R, B, D], or latents [R, B, L] of N(0, 1) of a generator."""
    from ifp.topology.latents import posterior_draws

    if vae.decoder is not None or vae.generator is None:
        return posterior_draws(codes.mean_ND, codes.logvar_ND, batch, repeats, seed)
    return numpy_generator(seed, "topology", "codes").normal(size=(repeats, batch, vae.generator_latents))
