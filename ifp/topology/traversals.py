"""Traversals along directions: what a decoder draws as a code moves along one of them.

Shapes: D latents, K directions, T values, C H W of an image.
"""

from __future__ import annotations

import numpy as np
import torch

from ifp.topology.latents import Decode

VALUES = 9
"""Images of one traversal."""
REACH = 2.0
"""A code moves from minus to plus this many standard deviations of the codes."""


@torch.no_grad()
def direction_traversals(
    decode: Decode, start_D: np.ndarray, directions_KD: np.ndarray, scale_D: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1], [K, T, C, H, W], and the values [T] in standard deviations along the direction.

    The code's own place along a direction, in units of the codes' deviations, is taken off first.
    """
    values_T = np.linspace(-REACH, REACH, VALUES)
    unit_D = start_D / np.where(scale_D > 0, scale_D, 1.0)
    rows = []
    for direction_D in directions_KD:
        rest_D = unit_D - (unit_D @ direction_D) * direction_D
        rows.append((rest_D + values_T[:, None] * direction_D) * scale_D)
    z = torch.from_numpy(np.concatenate(rows)).to(device)
    images = decode(z).nan_to_num().clamp(0, 1).double().cpu().numpy()
    shape = images.shape[1:] if images.ndim == 4 else (1, *images.shape[1:])
    return images.reshape(len(directions_KD), VALUES, *shape), values_T
