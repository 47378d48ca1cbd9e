"""Directions of a decoder's codes along which a shift changes the shape of its images least: a search over rotations.

The start is the k directions along which the images change most: the leading eigenvectors of E[J' J], where J is the
decoder's Jacobian. An orthogonal rotation of them is trained to make the mean MinMax of a shift along each small, from
that start and from random ones; the best on batches that were not trained on is taken, the start itself among them.

References
----------
Balabin et al., Disentanglement learning via topology, ICML 2024: a search among the principal components of a trained
StyleGAN's codes. There is no public code of it: start, restarts and what is reported beside it are ours.

Shapes: B codes of a batch, D latents, K directions, R batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ifp.seeds import numpy_generator
from ifp.system.progress import Progress, silent
from ifp.topology.latents import Decode, direction_differences
from ifp.topology.minmax import minmax_of_members
from ifp.topology.shift import SHIFT, shifted_along

LEAST_SHARE = 0.01
"""Directions count as leading with at least this share of the largest eigenvalue."""
MOST_DIRECTIONS = 10
LEARNING_RATE = 0.05
STEP = 1e-2
"""Half of the step of the finite differences, in standard deviations of the codes."""


@dataclass(frozen=True, eq=False)
class Search:
    """Unit vectors in units of the codes' standard deviations, and the search's own numbers.

    Attributes
    ----------
    found_KD, start_KD : the directions found, and those that the search began with.
    held_out_S : mean MinMax on the held-out batches at the end of each start, the leading directions' first.
    start_held_out : that of the directions that the search began with, which are kept where no end is below it.
    curve_ST : mean MinMax at each step of each start, of the batch of that step.
    """

    found_KD: np.ndarray
    start_KD: np.ndarray
    held_out_S: np.ndarray
    curve_ST: np.ndarray
    start_held_out: float

    @property
    def kept_start(self) -> bool:
        """Whether no rotation was better than the directions that the search began with."""
        return bool(self.start_held_out <= self.held_out_S.min())


@torch.no_grad()
def leading_directions(decode: Decode, z_BD: np.ndarray, scale_D: np.ndarray, count: int, device: str) -> np.ndarray:
    """The `count` directions [K, D] along which images change most, those of most change first.

    `count` 0 takes all that change them by at least 1 % of what the first does (squared), at most 10.
    """
    scale, z = torch.from_numpy(scale_D).to(device), torch.from_numpy(z_BD).to(device)
    slopes = []
    for latent in range(len(scale_D)):
        step = torch.zeros_like(z)
        step[:, latent] = STEP * scale[latent]
        slopes.append(((decode(z + step) - decode(z - step)).double() / (2 * STEP)).flatten())
    slope_DX = torch.stack(slopes)
    value_D, vector_DD = np.linalg.eigh((slope_DX @ slope_DX.mT).cpu().numpy() / len(z_BD))
    value_D, vector_DD = value_D[::-1], vector_DD[:, ::-1]
    if not count:
        count = max(1, min(int((value_D >= LEAST_SHARE * value_D[0]).sum()), MOST_DIRECTIONS))
    return np.ascontiguousarray(vector_DD[:, :count].T)


def find_directions(
    decode: Decode,
    z_RBD: np.ndarray,
    held_out_RBD: np.ndarray,
    *,
    count: int = 0,
    topology: str = "full",
    steps: int = 60,
    restarts: int = 3,
    share: float = SHIFT,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> Search:
    """Search for the rotation; `restarts` random starts beside the leading directions.

    The best end is chosen on `held_out_RBD`, so that its value there flatters it: measure on others again.
    """
    scale_D = z_RBD.reshape(-1, z_RBD.shape[-1]).std(axis=0)
    scale_D = np.where(scale_D > 0, scale_D, 1.0)
    start_KD = leading_directions(decode, z_RBD[0], scale_D, count, device)
    random = numpy_generator(seed, "topology", "rotations")
    ends, curves, held_out = [], [], []

    def tell(before: int, done: int) -> None:
        progress("Searching for directions", before + done, (1 + restarts) * steps)

    for start in range(1 + restarts):
        rotation_KK = np.eye(len(start_KD))
        if start:
            rotation_KK = np.linalg.qr(random.normal(size=rotation_KK.shape))[0]
        sides_TK = random.choice([-share, share], size=(steps, len(start_KD)))
        end_KD, curve_T = _descend(
            decode, z_RBD, scale_D, rotation_KK @ start_KD, sides_TK, topology, device,
            partial(tell, start * steps),
        )  # fmt: skip
        ends.append(end_KD)
        curves.append(curve_T)
        held_out.append(direction_differences(decode, held_out_RBD, end_KD, topology=topology, device=device).mean())
    best = int(np.argmin(held_out))
    of_start = float(direction_differences(decode, held_out_RBD, start_KD, topology=topology, device=device).mean())
    found_KD = start_KD if of_start <= held_out[best] else ends[best]
    return Search(found_KD, start_KD, np.array(held_out), np.array(curves), of_start)


def _descend(
    decode: Decode, z_RBD: np.ndarray, scale_D: np.ndarray, start_KD: np.ndarray, sides_TK: np.ndarray, topology: str,
    device: str, tell: Callable[[int], None],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Adam on the skew-symmetric generator of a rotation of these directions; the end, and the loss of each step."""
    start, scale = torch.from_numpy(start_KD).to(device), torch.from_numpy(scale_D).to(device)
    angles_KK = torch.zeros(len(start_KD), len(start_KD), dtype=torch.float64, device=device, requires_grad=True)
    optimizer = torch.optim.Adam([angles_KK], lr=LEARNING_RATE)
    curve = []
    for step, sides_K in enumerate(sides_TK):
        z = torch.from_numpy(z_RBD[step % len(z_RBD)]).to(device)
        directions_KD = rotated(angles_KK, start)
        with torch.no_grad():
            images_BP = decode(z).flatten(1)
        before, after = [], []
        for direction_D, side in zip(directions_KD, sides_K, strict=True):
            moved, within_B = shifted_along(z / scale, direction_D, float(side))
            before.append(images_BP[within_B])
            after.append(decode(moved * scale).flatten(1)[within_B])
        loss = minmax_of_members(before, after, topology=topology).mean()
        optimizer.zero_grad()
        if loss.requires_grad and len(start_KD) > 1:
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        curve.append(loss.item())
        tell(step + 1)
    return rotated(angles_KK, start).detach().cpu().numpy(), np.array(curve)


def rotated(angles_KK: Tensor, directions_KD: Tensor) -> Tensor:
    """exp(A - A') times the directions: orthonormal as they are, whatever A."""
    return torch.linalg.matrix_exp(angles_KK - angles_KK.mT) @ directions_KD
