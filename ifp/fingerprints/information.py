"""Information of each channel about which of N points it is: lower and upper bound, in bits.

    I(X; U) >= -mean_i log2 mean_j BC_ij          two looks through the same channel: BC_ij^2
    I(X; U) <= -mean_i log2 mean_j exp(-KL_ij)

j = i is counted, so that no estimate passes log2 N (Kolchinsky and Tracey, Entropy 19, 2017, the pairwise bounds;
Murphy et al., arXiv:2405.21042). Both are exact between hard clusters and for labels.

Shapes: C channels, N points, B points of a block, X whatever a point is averaged for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from ifp.fingerprints.blocks import sum_over_points
from ifp.fingerprints.fingerprints import Fingerprints


def information_bits(fingerprints: Fingerprints, *, looks: int = 1) -> np.ndarray:
    """Lower bound of I(X; U), bits, [C]; of that of `looks` independent draws through the same channel."""
    return _bound_bits(fingerprints, lambda start, stop: fingerprints.coefficients(start, stop).pow_(looks))


def upper_bits(fingerprints: Fingerprints) -> np.ndarray:
    """Upper bound of I(X; U), bits, [C]; of labels both bounds are their entropy."""
    return _bound_bits(fingerprints, fingerprints.kl_coefficients)


def summed_bits(mean_BX: Tensor) -> Tensor:
    """-log2 summed over the block's points, [X], in float64 for the sums over blocks."""
    return mean_BX.log2().sum(0).neg_().double()


def _bound_bits(fingerprints: Fingerprints, block_BCN: Callable[[int, int], Tensor]) -> np.ndarray:
    (total_C,) = sum_over_points(
        fingerprints,
        lambda start, stop: (summed_bits(block_BCN(start, stop).mean(-1)),),
        row_bytes=fingerprints.row_bytes,
    )
    bits_C: np.ndarray = (total_C / fingerprints.points).cpu().numpy()
    return bits_C
