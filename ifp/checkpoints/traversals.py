"""Latent traversals: what a decoder draws as one latent after the other moves.

Shapes: D latents, K steps of a traversal, C H W of an image.
"""

from __future__ import annotations

import numpy as np
import torch

from ifp.checkpoints.vae import Vae

TRAVERSAL_STEPS = 9
"""Values that a moving latent takes."""
TRAVERSAL_REACH = 2.0
"""A latent moves from minus to plus this many standard deviations of the prior."""


def traversal_codes(start_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes [D * K, D] of which one latent after the other moves from `start_D`, and the values [K] it takes."""
    values_K = np.linspace(-TRAVERSAL_REACH, TRAVERSAL_REACH, TRAVERSAL_STEPS)
    z_DKD = np.tile(start_D, (len(start_D), len(values_K), 1))
    for latent in range(len(start_D)):
        z_DKD[latent, :, latent] = values_K
    return z_DKD.reshape(-1, len(start_D)), values_K


def latent_traversals(vae: Vae, start_D: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray]:
    """What the decoder draws as one latent after the other moves from `start_D`.

    Returns
    -------
    images in [0, 1], [D, K, C, H, W], and the values [K] that the moving latent takes.
    """
    assert vae.decoder is not None
    z_ND, values_K = traversal_codes(start_D)
    vae = vae.to(torch.device(device))
    with torch.inference_mode():
        z = torch.from_numpy(z_ND).float().to(device)
        images = vae.decode(z).nan_to_num().clamp(0, 1).cpu().numpy()
    return images.reshape(len(start_D), len(values_K), *images.shape[1:]), values_K
