"""The matrices whose loops say where two clouds differ: a cone of one cloud's complex, glued to both clouds together.

A and B are the distances of two clouds of N points that are matched one by one. A cone has 2N vertices: 0 ... N - 1 lie
on top of each other, N ... 2N - 1 are the points. In the cone of the minimum the points are as near as the nearer of
both clouds has them, and the way to the top is A's: a loop is born where B joins what A keeps apart, and dies where A
joins it too.

Each entry of a cone is an entry of A or of B (or 0), and `source` says which, so that whatever is chosen in the cone
can be led back to a distance between two points.

References
----------
Barannikov et al., Representation topology divergence, ICML 2022 (the cone of the minimum; IlyaTrofimov/RTD@f47c99e);
Balabin et al., Disentanglement learning via topology, ICML 2024 (that of the maximum; nikitabalabin/TopDis@2ca9d2e).
The formulas are those of the public code; numbers of equations are not cited.

Shapes: N points, V = 2N vertices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Cone(NamedTuple):
    """Distances of a cone's vertices, and where each comes from.

    Attributes
    ----------
    length_VV : symmetric, 0 on the diagonal.
    source_VV : the place of an entry in [A, B], flattened one after the other: i N + j of A, N^2 + i N + j of B, i < j.
        Where the entry is 0 by construction, the place 0, the first diagonal entry of A.
    """

    length_VV: np.ndarray
    source_VV: np.ndarray


def places(points: int) -> np.ndarray:
    """The place [N, N] of each pair in A flattened, that of (j, i) being that of (i, j)."""
    i, j = np.indices((points, points))
    return np.minimum(i, j) * points + np.maximum(i, j)


def smaller(a_NN: np.ndarray, b_NN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """min(A, B), entry by entry, and the place of each entry in [A, B]; A's where both are equal."""
    place_NN = places(len(a_NN))
    return np.minimum(a_NN, b_NN), np.where(a_NN <= b_NN, place_NN, place_NN + a_NN.size)


def larger(a_NN: np.ndarray, b_NN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """max(A, B), entry by entry, and the place of each entry in [A, B]; A's where both are equal."""
    place_NN = places(len(a_NN))
    return np.maximum(a_NN, b_NN), np.where(a_NN >= b_NN, place_NN, place_NN + a_NN.size)


def cone_of_minimum(a_NN: np.ndarray, b_NN: np.ndarray, *, swapped: bool = False) -> Cone:
    """[[0, A], [A, min(A, B)]]; `swapped` takes B to the top instead: [[0, B], [B, min(A, B)]]."""
    points = len(a_NN)
    way = (b_NN, places(points) + a_NN.size) if swapped else (a_NN, places(points))
    return _glued(way, smaller(a_NN, b_NN))


def cone_of_maximum(a_NN: np.ndarray, b_NN: np.ndarray, *, swapped: bool = False) -> Cone:
    """[[0, max(A, B)], [max(A, B), B]]; `swapped` has A below instead: [[0, max(A, B)], [max(A, B), A]]."""
    points = len(a_NN)
    below = (a_NN, places(points)) if swapped else (b_NN, places(points) + a_NN.size)
    return _glued(larger(a_NN, b_NN), below)


def _glued(way: tuple[np.ndarray, np.ndarray], below: tuple[np.ndarray, np.ndarray]) -> Cone:
    """The cone from the lengths and sources of the way to the top, and of the points below."""
    (way_NN, way_from_NN), (below_NN, below_from_NN) = way, below
    top_NN, top_from_NN = np.zeros_like(way_NN), np.zeros_like(way_from_NN)
    return Cone(
        np.block([[top_NN, way_NN], [way_NN, below_NN]]),
        np.block([[top_from_NN, way_from_NN], [way_from_NN, below_from_NN]]),
    )
