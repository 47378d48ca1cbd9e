"""Batches of images that share the value of one factor, drawn from the rows at hand.

disentanglement_lib renders such batches on demand. From arrays, the rows are grouped by value and drawn with
replacement from a group. A value held by a single row cannot be shared: those rows are never drawn, and counted.

Shapes: N images, R rows that share their value with another, B batches, S images per batch.
"""

from __future__ import annotations

import numpy as np

from ifp.analysis.metrics.arrays import class_indices
from ifp.errors import IfpError


class SharedValues:
    """The rows of one factor, sorted by its value, without the values that a single row holds.

    Attributes
    ----------
    num_left_out : rows whose value no other row has.
    """

    def __init__(self, factor_N: np.ndarray) -> None:
        value_N, num_values = class_indices(factor_N)
        count_V = np.bincount(value_N, minlength=num_values)
        order_N = np.argsort(value_N, kind="stable")
        self._row_R = order_N[count_V[value_N[order_N]] > 1]
        size_V = count_V[count_V > 1]
        self._size_R = np.repeat(size_V, size_V)
        self._start_R = np.repeat(np.cumsum(size_V) - size_V, size_V)
        self.num_left_out = len(factor_N) - len(self._row_R)

    def batches(self, num_batches: int, batch_size: int, generator: np.random.Generator) -> np.ndarray:
        """Rows [B, S]: the images of a batch share one value, which is that of a row drawn at random."""
        place_B1 = generator.integers(len(self._row_R), size=(num_batches, 1))
        offset_BS = generator.integers(self._size_R[place_B1], size=(num_batches, batch_size))
        return self._row_R[self._start_R[place_B1] + offset_BS]

    def pairs(self, num_batches: int, batch_size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows [B, S] and their partners [B, S]: each pair shares a value of its own and is of two different rows."""
        place_BS = generator.integers(len(self._row_R), size=(num_batches, batch_size))
        start_BS, size_BS = self._start_R[place_BS], self._size_R[place_BS]
        step_BS = generator.integers(1, size_BS)
        partner_BS = start_BS + (place_BS - start_BS + step_BS) % size_BS
        return self._row_R[place_BS], self._row_R[partner_BS]


def shared_values(factors_NF: np.ndarray) -> list[SharedValues]:
    """One `SharedValues` a factor.

    Raises
    ------
    IfpError: a factor of which no two images share a value (a continuous one, most likely).
    """
    groups = [SharedValues(factor_N) for factor_N in factors_NF.T]
    unshared = [f for f, group in enumerate(groups) if group.num_left_out == len(factors_NF)]
    if unshared:
        raise IfpError(
            f"Factors {unshared} (columns, from 0) never take the same value twice, so no batch can share one; bin "
            "them or leave them out."
        )
    return groups
