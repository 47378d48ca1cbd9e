"""The heights at which the fragments of a map are drawn, so that links run straight and cross little.

Shapes: H fragments of a map, P of one level.
"""

from __future__ import annotations

import numpy as np

from ifp.analysis.channels.fragments import FragmentMap

_SWEEPS = 8
"""Number of passes over the levels, alternately down and up."""


def heights_of(found: FragmentMap) -> np.ndarray:
    """Heights [H] from 0 down, in the order of `found.fragments`; those of one level are at least 1 apart.

    Levels are gone through from the highest beta to the lowest and back. In each the fragments strive for the mean
    height of those that they are linked to, weighted by NMI, and take the nearest heights that keep them apart.
    """
    beta_H = found.fragments["beta"].to_numpy(float)
    factors = (*found.factors, "")
    place_H = np.array([factors.index(factor) for factor in found.fragments["factor"]])
    height_H = np.zeros(len(beta_H))
    levels = [np.flatnonzero(beta_H == beta) for beta in np.unique(beta_H)[::-1]]
    for at_P in levels:
        height_H[at_P] = place_H[at_P].argsort(kind="stable").argsort()
    weight_HH = np.zeros((len(beta_H), len(beta_H)))
    ends = (found.links["higher"].to_numpy(int) - 1, found.links["lower"].to_numpy(int) - 1)
    weight_HH[ends] = found.links["nmi"]
    parents_HH, children_HH = weight_HH.T, weight_HH
    for sweep in range(_SWEEPS):
        falling = sweep % 2 == 0
        pull_HH = parents_HH if falling else children_HH
        for at_P in levels if falling else levels[::-1]:
            linked_P = pull_HH[at_P].sum(axis=1) > 0
            wish_P = height_H[at_P]
            wish_P[linked_P] = (pull_HH[at_P] @ height_H)[linked_P] / pull_HH[at_P].sum(axis=1)[linked_P]
            height_H[at_P] = _apart(wish_P)
    return height_H - height_H.min(initial=np.inf) if len(height_H) else height_H


def _apart(wish_P: np.ndarray) -> np.ndarray:
    """The heights at least 1 apart, in the same order, with the least squared distance from those wished for.

    Without its rank each height only has to rise with it, which is an isotonic regression.

    >>> _apart(np.array([2.0, 2.0, 7.0]))
    array([1.5, 2.5, 7. ])
    """
    from sklearn.isotonic import isotonic_regression

    order_P = np.argsort(wish_P, kind="stable")
    rank_P = np.arange(len(wish_P))
    height_P = np.empty(len(wish_P))
    height_P[order_P] = isotonic_regression(wish_P[order_P] - rank_P) + rank_P
    return height_P
