"""Looks up the arrays of a checkpoint by name, and the errors for arrays that do not fit together as a network."""

from __future__ import annotations

import numpy as np

from ifp.checkpoints.source import Weights
from ifp.errors import IfpError


class ShapeMismatch(IfpError):
    """The arrays do not fit together as the network of a family."""


class WidthMismatch(ShapeMismatch):
    """A layer takes another number of channels or features than the layer before it gives.

    Attributes
    ----------
    excess : how many more the layer takes; negative if it takes fewer.
    """

    def __init__(self, name: str, takes: int, gives: int) -> None:
        super().__init__(f"{name!r} takes {takes} channels or features, but the layer before gives {gives}.")
        self.excess = takes - gives


def array_of(weights: Weights, name: str, ndim: int) -> np.ndarray:
    """The array `name`.

    Raises
    ------
    ShapeMismatch : if it is missing or empty, or does not have `ndim` axes.
    """
    if name not in weights:
        raise ShapeMismatch(f"The array {name!r} is missing.")
    array = weights[name]
    if array.ndim != ndim:
        raise ShapeMismatch(f"{name!r} should have {ndim} axes and has the shape {list(array.shape)}.")
    if not array.size:
        raise ShapeMismatch(f"{name!r} is empty: it has the shape {list(array.shape)}.")
    return array
