"""How far the shift of a latent, or of a direction, is from a symmetry of what a decoder draws; no labels, no training.

Shapes: N images, B codes of a batch, P pixels, D latents, V directions, R repeats.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ifp.seeds import numpy_generator
from ifp.system.progress import Progress, silent
from ifp.topology.minmax import minmax_of_members
from ifp.topology.shift import SHIFT, shifted_along

Decode = Callable[[Tensor], Tensor]
"""decode(z_BD) -> images [B, ...], differentiable where directions are searched for."""
CODES = 64
"""Codes of a batch: the paper's batch."""
REPEATS = 8
"""Batches that are compared; each shift goes up and down in every one of them."""


def posterior_draws(mean_ND: np.ndarray, logvar_ND: np.ndarray, batch: int, repeats: int, seed: int) -> np.ndarray:
    """`repeats` batches of draws [R, B, D] from the posteriors of images drawn at random, without repetition in one."""
    random = numpy_generator(seed, "topology", "draws")
    batch = min(batch, len(mean_ND))
    drawn = []
    for _ in range(repeats):
        rows_B = random.choice(len(mean_ND), size=batch, replace=False)
        noise_BD = random.normal(size=(batch, mean_ND.shape[1]))
        drawn.append(mean_ND[rows_B] + np.exp(0.5 * logvar_ND[rows_B]) * noise_BD)
    return np.stack(drawn)


def random_directions(count: int, latents: int, seed: int) -> np.ndarray:
    """Unit vectors [V, D] that point anywhere with equal chance."""
    drawn_VD = numpy_generator(seed, "topology", "directions").normal(size=(count, latents))
    return np.asarray(drawn_VD / np.linalg.norm(drawn_VD, axis=1, keepdims=True))


@torch.no_grad()
def direction_differences(
    decode: Decode,
    z_RBD: np.ndarray,
    directions_VD: np.ndarray,
    *,
    topology: str = "full",
    share: float = SHIFT,
    device: str = "cpu",
    progress: Progress = silent,
) -> np.ndarray:
    """MinMax [V, R] of the images before and after a shift along each direction, up and down averaged.

    Directions are unit vectors in units of each latent's standard deviation over all draws, so that an oblique one
    moves all its latents alike. All bars count.
    """
    scale_D = z_RBD.reshape(-1, z_RBD.shape[-1]).std(axis=0)
    scale_D = np.where(scale_D > 0, scale_D, 1.0)
    scale = torch.from_numpy(scale_D).to(device)
    found_VR = np.zeros((len(directions_VD), len(z_RBD)))
    for repeat, z_BD in enumerate(z_RBD):
        z = torch.from_numpy(z_BD / scale_D).to(device)
        images_BP = _flat(decode(z * scale))
        for number, direction_D in enumerate(directions_VD):
            direction = torch.from_numpy(direction_D).to(device)
            for side in (share, -share):
                moved, within_B = shifted_along(z, direction, side)
                there_BP = _flat(decode(moved * scale))
                value = minmax_of_members([images_BP[within_B]], [there_BP[within_B]], topology=topology)
                found_VR[number, repeat] += float(value[0]) / 2
            progress("topology", repeat * len(directions_VD) + number + 1, found_VR.size)
    return found_VR


def _flat(images: Tensor) -> Tensor:
    return images.reshape(len(images), -1)
