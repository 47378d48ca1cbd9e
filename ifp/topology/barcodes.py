"""The loops of a Vietoris-Rips complex: the edges that give each loop its birth and its death.

A loop is born with its longest edge, and dies with the longest edge of the triangle that fills it. Both are entries of
the matrix of distances, and nothing else decides the bar, so that a bar's length is differentiable almost everywhere:
1 in the entry of its death, -1 in that of its birth.

ripser gives the bars' ends as float32 and not the edges; each end is an entry of the matrix, to the last bit of
float32, and is looked up there.

Shapes: V vertices, K bars.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ifp.errors import IfpError


class Bars(NamedTuple):
    """Bars by the places of their ends in the flattened matrix [K each], the longest first."""

    birth_K: np.ndarray
    death_K: np.ndarray


def require_ripser() -> None:
    """Raise IfpError where the full topology cannot be computed."""
    _ripser()


@cache
def _ripser() -> Callable[..., Any]:
    try:
        from ripser import ripser
    except ImportError as error:
        raise IfpError(
            "topology full needs the package ripser, which is not installed: pip install 'ifp[topology]', or take "
            "topology lite, which needs nothing more."
        ) from error
    return ripser


def loops(length_VV: np.ndarray) -> Bars:
    """The bars of the first homology of the Vietoris-Rips complex of this matrix.

    Parameters
    ----------
    length_VV : finite, symmetric, 0 on the diagonal.

    Raises
    ------
    IfpError : ripser is not installed.
    """
    vertices = len(length_VV)
    if vertices < 4:
        return Bars(np.empty(0, dtype=int), np.empty(0, dtype=int))
    length32_VV = length_VV.astype(np.float32)
    ends_K2 = _ripser()(length32_VV, distance_matrix=True, maxdim=1)["dgms"][1].astype(np.float32)
    # a complete matrix leaves no loop open
    assert np.isfinite(ends_K2).all()
    upper = np.triu_indices(vertices, 1)
    flat = upper[0] * vertices + upper[1]
    order = np.argsort(length32_VV[upper], kind="stable")
    ordered = length32_VV[upper][order]
    found_K2 = np.searchsorted(ordered, ends_K2)
    assert (ordered[np.minimum(found_K2, len(ordered) - 1)] == ends_K2).all()
    place_K2 = flat[order[found_K2]]
    lengths_K = np.subtract(*length_VV.reshape(-1)[place_K2[:, ::-1]].T)
    longest_first = np.argsort(-lengths_K, kind="stable")
    return Bars(place_K2[longest_first, 0], place_K2[longest_first, 1])
