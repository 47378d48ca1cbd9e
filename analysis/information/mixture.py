"""A lower bound of information from several classifiers: their best mixture, chosen and judged on different images.

For any p(v | z), H(v) + E ln p(v | z) is at most I(v; z) (Barber and Agakov 2003). A mixture of classifiers and of the
factor's own distribution is such a p; with the latter in it, a classifier that is too sure of itself is toned down, and
one that knows nothing gets no weight, so that the bound is near 0 and not far below. The weights come from one half of
the images that no classifier has seen and are judged on the other, and the other way round.

Shapes: M scored images, S draws of each, K classifiers, V values, P permutations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ROUNDS, _FLOOR_ROUNDS = 150, 40


@dataclass(frozen=True, eq=False)
class Bound:
    """ln p(value | z) - ln p(value) of each scored image, averaged over draws; its mean is the lower bound, nats."""

    gain_M: np.ndarray

    @property
    def nats(self) -> float:
        """The bound; a little below 0 where nothing is held."""
        return float(self.gain_M.mean())

    @property
    def stderr_nats(self) -> float:
        """Standard error of the mean over images."""
        return float(self.gain_M.std(ddof=1) / np.sqrt(len(self.gain_M)))

    def less(self, other: Bound) -> Bound:
        """The difference of two bounds on the same images, image by image."""
        return Bound(self.gain_M - other.gain_M)


def mixture_bound(
    p_KSMV: Sequence[np.ndarray], value_M: np.ndarray, share_V: np.ndarray, *, rounds: int = _ROUNDS
) -> Bound:
    """The bound of the best mixture of the classifiers' [S, M, V] predictions and of `share_V`, the values' shares."""
    return Bound(_gains(np.stack([_of_value(p_SMV, value_M) for p_SMV in p_KSMV]), share_V[value_M], rounds))


def permuted_nats(
    p_KSMV: Sequence[np.ndarray],
    value_M: np.ndarray,
    share_V: np.ndarray,
    *,
    permutations: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """The bound [P] where the scored images' values are dealt at random: the noise floor.

    The classifiers have not seen these images, so this is the exact null distribution given the classifiers: nothing
    needs to be fitted anew but the weights. The first draw of each image serves.
    """
    first_KSMV = [p_SMV[:1] for p_SMV in p_KSMV]
    return np.array(
        [
            mixture_bound(first_KSMV, generator.permutation(value_M), share_V, rounds=_FLOOR_ROUNDS).nats
            for _ in range(permutations)
        ]
    )  # fmt: skip


def _of_value(p_SMV: np.ndarray, value_M: np.ndarray) -> np.ndarray:
    """Each image's probability of its own value [S, M]."""
    return p_SMV[:, np.arange(len(value_M)), value_M]


def _gains(p_KSM: np.ndarray, share_M: np.ndarray, rounds: int) -> np.ndarray:
    """The gain of each image over its value's share [M]."""
    # relative to the shares, so that the factor's own distribution is 1 everywhere
    ratio_KSM = np.concatenate([p_KSM / share_M, np.ones((1, *p_KSM.shape[1:]))])
    gain_M = np.empty(ratio_KSM.shape[2])
    half_M = np.arange(len(gain_M)) % 2 == 0
    for judged_M in (half_M, ~half_M):
        weight_K = _weights(ratio_KSM[:, :, ~judged_M].reshape(len(ratio_KSM), -1), rounds)
        gain_M[judged_M] = np.log(np.einsum("k,ksm->sm", weight_K, ratio_KSM[:, :, judged_M])).mean(axis=0)
    return gain_M


def _weights(ratio_KR: np.ndarray, rounds: int) -> np.ndarray:
    """Weights [K] of about the largest mean log of the mixture, by expectation maximisation; the last at least 1 / R.

    Rounds are few: weights that stop short of the optimum are as honest. The last, the factor's own distribution, never
    vanishes: an image that every classifier thinks impossible would cost infinitely much.
    """
    weight_K = np.full(len(ratio_KR), 1 / len(ratio_KR))
    for _ in range(rounds):
        joint_KR = weight_K[:, None] * ratio_KR
        weight_K = (joint_KR / joint_KR.sum(axis=0)).mean(axis=1)
    least = 1 / (ratio_KR.shape[1] + 1)
    weight_K[-1] = max(weight_K[-1], least)
    return weight_K / weight_K.sum()
