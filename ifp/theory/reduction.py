"""Exact reductions of a traversal: fewer pixels, the same objective.

A pixel that is constant over the N images carries no information: it is dropped and its cost at the optimum is
added back to the reconstruction. Pixels with the same values over the N images merge into one with a weight.
Under the Gaussian likelihood the weighted pixels can be rotated into at most N - 1 principal coordinates.

Shapes: N images, P distinct varying pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifp.errors import IfpError
from ifp.likelihood import Likelihood


@dataclass(frozen=True)
class ReducedTraversal:
    """The varying, distinct pixels of one traversal.

    Attributes
    ----------
    values_NP : float64, one column per distinct pixel pattern.
    weight_P : how many pixels have that pattern (all ones after a rotation).
    constant_nats : reconstruction cost of the dropped pixels at their optimum, nats per image.
    pattern_of_pixel : int [pixels], the column of each original pixel, -1 where it was dropped; empty after a rotation.
    """

    values_NP: np.ndarray
    weight_P: np.ndarray
    constant_nats: float
    pattern_of_pixel: np.ndarray

    @property
    def mean_P(self) -> np.ndarray:
        """The mean image over the traversal, reduced."""
        return self.values_NP.mean(axis=0)


def reduce_traversal(images: np.ndarray, likelihood: Likelihood) -> ReducedTraversal:
    """Drop the constant pixels of `images` [N, ...] and merge the equal ones.

    Raises
    ------
    IfpError : no pixel varies, or the images do not suit the likelihood.
    """
    x = likelihood.as_pixels(images)
    varies = (x != x[:1]).any(axis=0)
    if not varies.any():
        raise IfpError(
            f"All {len(x)} images of the traversal are equal: nothing changes, so no information can freeze."
        )
    columns = np.ascontiguousarray(x[:, varies].T)
    as_bytes = columns.view(np.dtype((np.void, columns.itemsize * columns.shape[1]))).ravel()
    _, first, inverse, counts = np.unique(as_bytes, return_index=True, return_inverse=True, return_counts=True)
    # np.unique sorts by bytes; image order is friendlier to read and does not depend on the byte order of the machine
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    pattern_of_pixel = np.full(x.shape[1], -1)
    pattern_of_pixel[varies] = rank[inverse.ravel()]
    return ReducedTraversal(
        columns[first[order]].T.copy(),
        counts[order].astype(np.float64),
        likelihood.constant_nats(x[0, ~varies]),
        pattern_of_pixel,
    )


def rotate_gaussian(reduced: ReducedTraversal) -> ReducedTraversal:
    """Principal coordinates [N, at most N - 1] with the same squared distances; Gaussian likelihood only.

    The coordinates are centred: a decoder with an output bias loses nothing.
    """
    centred = (reduced.values_NP - reduced.mean_P) * np.sqrt(reduced.weight_P)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    keep = s > s[0] * 1e-12
    return ReducedTraversal((u * s)[:, keep], np.ones(int(keep.sum())), reduced.constant_nats, np.empty(0, dtype=int))
