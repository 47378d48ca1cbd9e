"""NMI and VI of two latent spaces from Monte Carlo draws, with errors from the covariance of the draws' means.

    NMI = (I(U) + I(V) - I(U, V)) / sqrt((2 I(U) - I(U, U')) (2 I(V) - I(V, V')))
    VI = 2 I(U, V) - I(U, U') - I(V, V')

(Murphy, Dillavou and Bassett, arXiv:2405.21042; I(U) stands for I(X; U)). Errors are to first order: the slopes of
these in the five quantities, times the covariance of their means (the delta method). The quantities come from the same
draws, so that their errors are far from independent.

Shapes: E spaces, P pairs of them in the order (0, 1), (0, 2), ..., Q the five quantities of a pair: I(U), I(V), two
looks of each, joint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifp.errors import IfpError
from ifp.fingerprints.estimates import Estimate, Ratio

DEAD_BITS = 1e-6
"""NMI is not defined for a space whose two looks share less than this."""
SATURATED_BITS = 1.0
"""A space within this of log2 N tells nearly all of N images apart, and any two such spaces read as equal."""


@dataclass(frozen=True)
class SpaceComparison:
    """Two latent spaces U and V of the same images X, all from the same draws.

    Attributes
    ----------
    first, second : I(X; U) and I(X; V).
    first_two_looks, second_two_looks : I(X; U, U') and I(X; V, V'), of two independent draws through one space.
    joint : I(X; U, V).
    nmi : normalised mutual information; NaN where a space shares no more with itself than its standard error.
    vi : variation of information.
    """

    first: Estimate
    second: Estimate
    first_two_looks: Estimate
    second_two_looks: Estimate
    joint: Estimate
    nmi: Ratio
    vi: Estimate


@dataclass(frozen=True, eq=False)
class SpaceComparisons:
    """All pairs of E spaces from the same draws.

    Attributes
    ----------
    information, two_looks : I(X; U) and I(X; U, U') of each space.
    mean_PQ, covariance_PQQ : the five quantities of each pair and the covariance of these means, bits and bits^2.
    images : how many images N they are of.
    """

    information: tuple[Estimate, ...]
    two_looks: tuple[Estimate, ...]
    mean_PQ: np.ndarray
    covariance_PQQ: np.ndarray
    images: int

    @property
    def saturated_E(self) -> np.ndarray:
        """Whether each space comes within SATURATED_BITS of log2 N, the most that N images can show.

        If the images are a sample, NMI and VI of such a space say nothing: two spaces that hold little in common read
        NMI .60 with 4,000 images, which leave them 5.8 bits, .89 with 100 images, which leave 1.1, and 1 in the end.
        If they are the whole data, the space does tell all of them apart, and the numbers stand.
        """
        least_bits = np.log2(self.images) - SATURATED_BITS
        return np.array([estimate.bits > least_bits for estimate in self.information])

    def pair(self, first: int, second: int) -> SpaceComparison:
        """Of the spaces `first` and `second`, from 0.

        Raises
        ------
        IfpError : a space that is not there, or one with itself.
        """
        count = len(self.information)
        if not (0 <= first < count and 0 <= second < count and first != second):
            raise IfpError(f"A pair is two different spaces of 0 ... {count - 1}, got {first} and {second}.")
        low, high = sorted((first, second))
        row = low * count - low * (low + 1) // 2 + high - low - 1
        order = [0, 1, 2, 3, 4] if first < second else [1, 0, 3, 2, 4]
        return _comparison(self.mean_PQ[row, order], self.covariance_PQQ[row][np.ix_(order, order)])


def _comparison(mean_Q: np.ndarray, covariance_QQ: np.ndarray) -> SpaceComparison:
    """NMI and VI of the five quantities, and their errors to first order."""
    first, second, first_two, second_two, joint = mean_Q.tolist()

    def error(slope_Q: Sequence[float]) -> float:
        variance = float(np.array(slope_Q) @ covariance_QQ @ np.array(slope_Q))
        return float(np.sqrt(max(variance, 0.0)))

    entropies = 2 * first - first_two, 2 * second - second_two
    noise = error([2, 0, -1, 0, 0]), error([0, 2, 0, -1, 0])
    nmi = Ratio(np.nan, np.nan)
    if all(entropy > max(least, DEAD_BITS) for entropy, least in zip(entropies, noise, strict=True)):
        scale = 1 / np.sqrt(entropies[0] * entropies[1])
        value = (first + second - joint) * scale
        per_bit = [value / (2 * entropy) for entropy in entropies]
        slopes = [scale - 2 * per_bit[0], scale - 2 * per_bit[1], *per_bit, -scale]
        nmi = Ratio(float(value), error(slopes))
    i_u, i_v, i_uu, i_vv, i_uv = (
        Estimate(mean, error(unit)) for mean, unit in zip(mean_Q.tolist(), np.eye(5).tolist(), strict=True)
    )
    vi = Estimate(2 * joint - first_two - second_two, error([0, 0, -1, -1, 2]))
    return SpaceComparison(i_u, i_v, i_uu, i_vv, i_uv, nmi=nmi, vi=vi)
