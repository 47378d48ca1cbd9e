"""Traversals made ready for exact annealing: reduced, with their edges and leading modes, in batches of one shape.

Shapes: N images, K modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from ifp.likelihood import Likelihood
from ifp.theory.closed_form import FreezingBounds, leading_modes
from ifp.theory.reduction import ReducedTraversal, reduce_traversal, rotate_gaussian

RANK_TOLERANCE = 1e-10
"""Modes whose eigenvalue is below this share of the first one have no variance but rounding."""
BATCH_NUMBERS = {"cpu": 400_000, "cuda": 40_000_000}
"""Maximum size of a batch, in numbers of one quadrature array; on a CPU it stays in the caches."""

BATCH_COST = 250
"""What one batch more costs, beside what grows with its members: as much as so many pixels of a member."""


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
    """Those of equal images and number of modes together, by rising pixels.

    Batches are few enough for the caches or the device's memory, and split where padding to the largest would cost more
    than another batch does.
    """

    def shape(traversal: PreparedTraversal) -> tuple[int, int]:
        return len(traversal.reduced.values_NP), traversal.modes_NK.shape[1]

    def pixels(traversal: PreparedTraversal) -> int:
        return len(traversal.reduced.weight_P)

    batches = []
    ordered = sorted(traversals, key=lambda traversal: (*shape(traversal), pixels(traversal), traversal.number))
    most_numbers = BATCH_NUMBERS["cpu" if torch.device(device).type == "cpu" else "cuda"]
    for (images, _), alike in groupby(ordered, key=shape):
        together = list(alike)
        for first, last in split_sizes(
            [pixels(t) for t in together], 4 * images * latents, most_numbers // 40**latents
        ):
            batches.append(together[first:last])
    return batches


def split_sizes(pixels: Sequence[int], beside: int, most_numbers: int) -> list[tuple[int, int]]:
    """Where to split traversals with these rising numbers of pixels into batches (first, last) of least cost.

    A member costs the pixels of the largest of its batch, and a batch `BATCH_COST` more; it may hold `most_numbers`,
    `beside` more per member than its pixels.

    >>> split_sizes([100, 110, 300, 310, 320], 0, 100_000)
    [(0, 2), (2, 5)]
    >>> split_sizes([100, 110, 120], 0, 250)
    [(0, 1), (1, 3)]
    """
    cost, begin = [0.0], [0]
    for last in range(1, len(pixels) + 1):
        numbers = pixels[last - 1] + beside
        first = range(last - 1, max(-1, last - 1 - max(1, most_numbers // numbers)), -1)
        tried = [(cost[at] + BATCH_COST + (last - at) * pixels[last - 1], at) for at in first]
        least, at = min(tried)
        cost.append(least)
        begin.append(at)
    splits, last = [], len(pixels)
    while last:
        splits.append((begin[last], last))
        last = begin[last]
    return splits[::-1]
