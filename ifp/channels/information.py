"""Information of each channel about which of N points it is: lower and upper bound, bits.

    I(X; U) >= -mean_i log2 mean_j BC_ij          two looks through the same channel: BC_ij^2
    I(X; U) <= -mean_i log2 mean_j exp(-KL_ij)

j = i is counted, so that no estimate passes log2 N (Kolchinsky and Tracey, Entropy 19, 2017, equations of the pairwise
bounds; Murphy et al., arXiv:2405.21042). Both are exact between hard clusters and for labels.

Shapes: C channels, N points, B points of a block.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ifp.channels.fingerprints import Fingerprints, row_blocks

BLOCK_BYTES = 64_000_000
"""Of one [B, C, N] array; a few of them live at a time."""


def information_bits(fingerprints: Fingerprints, *, looks: int = 1) -> np.ndarray:
    """Lower bound of I(X; U), bits, [C]; of that of `looks` independent draws through the same channel."""
    return _bound_bits(fingerprints, lambda start, stop: fingerprints.coefficients(start, stop).pow_(looks))


def upper_bits(fingerprints: Fingerprints) -> np.ndarray:
    """Upper bound of I(X; U), bits, [C]; of labels both bounds are their entropy."""
    return _bound_bits(fingerprints, lambda start, stop: fingerprints.divergences(start, stop).neg_().exp_())


def bits(mean_BX: Tensor) -> Tensor:
    """Sum over the block's points of -log2, in float64, [X]."""
    return -mean_BX.log2().sum(0, dtype=torch.float64)


def _bound_bits(fingerprints: Fingerprints, block_BCN: Callable[[int, int], Tensor]) -> np.ndarray:
    rows = max(1, BLOCK_BYTES // (8 * fingerprints.channels * fingerprints.points))
    blocks = row_blocks(fingerprints.points, rows)
    total_C = torch.stack([bits(block_BCN(start, stop).mean(-1)) for start, stop in blocks]).sum(0)
    return (total_C / fingerprints.points).cpu().numpy()
