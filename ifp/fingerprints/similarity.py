"""Information of all pairs of channels at once: one matrix product per point, no loop over pairs.

With A_i the [C, N] coefficients of point i with all points, A_i A_i^T / N holds mean_j BC_U BC_V of every pair, and

    I(X; U, V) >= -mean_i log2 [A_i A_i^T / N]_UV

whose diagonal is that of two looks (Murphy et al., arXiv:2405.21042). NMI and VI follow from it (`Similarity`).

Shapes: C channels, N points, B points of a block, T channels of a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ifp.errors import IfpError
from ifp.fingerprints.blocks import MEMORY_BYTES, sum_over_points
from ifp.fingerprints.fingerprints import Fingerprints
from ifp.fingerprints.information import summed_bits
from ifp.fingerprints.models import Channel, Similarity
from ifp.system.progress import Progress, silent
from ifp.system.workers import Workers

TILE = 96
"""Channels in a strip of the symmetric product: only what lies right of the diagonal is computed."""


def measure_similarity(
    fingerprints: Fingerprints,
    channels: Sequence[Channel],
    *,
    memory_bytes: int = MEMORY_BYTES,
    workers: Workers | None = None,
    progress: Progress = silent,
) -> Similarity:
    """Information in bits of each channel and of each pair.

    Parameters
    ----------
    channels : what the fingerprints are of, in their order.
    memory_bytes : for blocks of points, beside some [C, C] of the results; one point a block where it is too little.
    workers : of a cluster, which compute blocks of points; None for threads of this process.
    progress : called with (what, points done, N).

    Raises
    ------
    IfpError : another number of channels than of fingerprints.
    """
    if len(channels) != fingerprints.channels:
        raise IfpError(f"{fingerprints.channels} fingerprints cannot be of {len(channels)} channels; give one each.")
    points, count = fingerprints.points, fingerprints.channels

    information_C, upper_C, *strips_TC = (
        (total / points).cpu().numpy()
        for total in sum_over_points(
            fingerprints,
            PairSums(fingerprints),
            row_bytes=fingerprints.row_bytes + 8 * TILE * count,
            memory_bytes=memory_bytes,
            workers=workers,
            progress=progress,
        )
    )
    firsts = range(0, count, TILE)
    joint_CC = np.empty((count, count))
    for first, strip_TC in zip(firsts, strips_TC, strict=True):
        joint_CC[first : first + TILE, first:] = strip_TC
    below = np.tril_indices(count, -1)
    joint_CC[below] = joint_CC.T[below]
    return Similarity(tuple(channels), information_C, upper_C, joint_CC.diagonal().copy(), joint_CC, points)


@dataclass(frozen=True, eq=False)
class PairSums:
    """The sums over a block of points: information of each channel, its upper bound, and strips of the pairs."""

    fingerprints: Fingerprints

    def __call__(self, start: int, stop: int) -> tuple[Tensor, ...]:
        """Of points start ... stop - 1."""
        points, count = self.fingerprints.points, self.fingerprints.channels
        upper_C = summed_bits(self.fingerprints.kl_coefficients(start, stop).mean(-1))
        one_BCN = self.fingerprints.coefficients(start, stop)
        strips = (
            (one_BCN[:, first : first + TILE] @ one_BCN[:, first:].mT).div_(points) for first in range(0, count, TILE)
        )
        return summed_bits(one_BCN.mean(-1)), upper_C, *map(summed_bits, strips)
