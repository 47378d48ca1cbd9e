"""Information of all pairs of channels at once: a matrix product a point, no loop over pairs.

With A_i the [C, N] coefficients of point i with all points, A_i A_i^T / N holds mean_j BC_U BC_V of every pair, and

    I(X; U, V) >= -mean_i log2 [A_i A_i^T / N]_UV

whose diagonal is that of two looks (Murphy et al., arXiv:2405.21042). NMI and VI follow from it (`Similarity`).

Shapes: C channels, N points, B points of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ifp.channels.fingerprints import Fingerprints, row_blocks
from ifp.channels.information import bits
from ifp.channels.nouns import Channel, Similarity
from ifp.errors import IfpError


def _silent(text: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


def measure_similarity(
    fingerprints: Fingerprints,
    channels: Sequence[Channel],
    *,
    memory_bytes: int = 1_000_000_000,
    progress: Callable[[str, int, int], None] = _silent,
) -> Similarity:
    """Information in bits of each channel and of each pair.

    Parameters
    ----------
    channels : what the fingerprints are of, in their order.
    memory_bytes : beside the results, for blocks of points; one point at a time where that is too little.
    progress : called with (what, points done, N).

    Raises
    ------
    IfpError : another number of channels than of fingerprints.
    """
    if len(channels) != fingerprints.channels:
        raise IfpError(f"{fingerprints.channels} fingerprints cannot be of {len(channels)} channels; give one each.")
    points, count = fingerprints.points, fingerprints.channels
    rows = max(1, min(memory_bytes, 100_000_000) // (8 * count * (5 * points + count)))
    single_C = upper_C = joint_CC = torch.zeros(())
    for start, stop in row_blocks(points, rows):
        block_BCN = fingerprints.coefficients(start, stop)
        single_C = single_C + bits(block_BCN.mean(-1)).cpu()
        joint_CC = joint_CC + bits((block_BCN @ block_BCN.mT).div_(points)).cpu()
        upper_C = upper_C + bits(fingerprints.divergences(start, stop).neg_().exp_().mean(-1)).cpu()
        progress("comparing channels", stop, points)
    joint_CC = (joint_CC + joint_CC.T) / (2 * points)
    return Similarity(
        tuple(channels),
        (single_C / points).numpy(),
        (upper_C / points).numpy(),
        joint_CC.diagonal().numpy().copy(),
        joint_CC.numpy(),
        points,
    )
