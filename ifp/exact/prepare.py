"""Traversals made ready for exact annealing: reduced, with their edges and leading modes, in batches of one shape.

Shapes: N images, K modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from ifp.exact.ideal_vae import pixel_bucket
from ifp.likelihood import Likelihood
from ifp.theory.closed_form import FreezingBounds, leading_modes
from ifp.theory.reduction import ReducedTraversal, reduce_traversal, rotate_gaussian

RANK_TOLERANCE = 1e-10
"""Modes whose eigenvalue is below this share of the first one have no variance but rounding."""
BATCH_NUMBERS = {"cpu": 400_000, "cuda": 40_000_000}
"""Maximum size of a batch, in numbers of one quadrature array; on a CPU it stays in the caches."""


@dataclass(frozen=True)
class PreparedTraversal:
    """One traversal, reduced, with its edges and leading modes (mean square 1)."""

    number: int
    reduced: ReducedTraversal
    beta_closed_form: float
    beta_upper: float
    modes_NK: np.ndarray


def prepare_traversals(
    traversals: Sequence[np.ndarray], likelihood: Likelihood, bounds: FreezingBounds, skip: Sequence[int] = ()
) -> list[PreparedTraversal]:
    """The traversals but for the numbers in `skip`; `bounds` holds the edges of all."""
    prepared = []
    for number, images in enumerate(traversals):
        if number in skip:
            continue
        reduced = reduce_traversal(images, likelihood)
        eigenvalues_K, modes_NK = leading_modes(reduced, likelihood)
        # along a mode without variance nothing can freeze
        modes_NK = modes_NK[:, eigenvalues_K > RANK_TOLERANCE * eigenvalues_K[0]]
        if likelihood.by_distance and len(reduced.weight_P) >= len(reduced.values_NP):
            reduced = rotate_gaussian(reduced)
        edges = float(bounds.beta_closed_form_M[number]), float(bounds.beta_upper_M[number])
        prepared.append(PreparedTraversal(number, reduced, *edges, modes_NK * np.sqrt(len(modes_NK))))
    return prepared


def in_batches(traversals: Sequence[PreparedTraversal], latents: int, device: str) -> list[list[PreparedTraversal]]:
    """Those of equal images, pixels and number of modes together, few enough for the caches or the device's memory."""

    def shape(traversal: PreparedTraversal) -> tuple[int, int, int]:
        images, pixels = len(traversal.reduced.values_NP), pixel_bucket(len(traversal.reduced.weight_P))
        return images, pixels, traversal.modes_NK.shape[1]

    batches = []
    ordered = sorted(traversals, key=lambda traversal: (*shape(traversal), traversal.number))
    most_numbers = BATCH_NUMBERS["cpu" if torch.device(device).type == "cpu" else "cuda"]
    for (images, pixels, _), alike in groupby(ordered, key=shape):
        together = list(alike)
        size = max(1, most_numbers // (40**latents * (pixels + 4 * images * latents)))
        batches += [together[start : start + size] for start in range(0, len(together), size)]
    return batches
