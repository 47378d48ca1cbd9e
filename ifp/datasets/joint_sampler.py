"""Draws factor values of which some depend on each other: what a correlated training set is drawn with.

A group of factors that depend on each other has a table of joint probabilities; different groups are independent, and
factors in no group are independent and uniform.

Shapes: N images, F factors, K cells of a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ifp.datasets.factors import FactorSpace
from ifp.errors import IfpError, bad_value


class FactorSampler(Protocol):
    """A distribution over the grid of a data set's factor values."""

    space: FactorSpace

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent positions int64 [count, F]."""
        ...

    def joint_table(self, a: str, b: str) -> np.ndarray:
        """Joint probabilities of two factors, [values of a, values of b]."""
        ...

    def image_probabilities(self, positions_NF: np.ndarray) -> np.ndarray:
        """Probability of each stored image [N] when one of these images is drawn."""
        ...

    def describe(self) -> dict[str, object]:
        """What a run stores to name the distribution; plain JSON."""
        ...


class JointSampler:
    """A distribution given by joint tables.

    Parameters
    ----------
    space : the factors.
    tables : for each group of factor names, probabilities with one axis per factor in that order; they are normalised.
        No factor is in two groups.
    description : what `describe` returns.
    """

    def __init__(
        self, space: FactorSpace, tables: Mapping[tuple[str, ...], np.ndarray], description: dict[str, object]
    ) -> None:
        self.space = space
        self._description = description
        self._groups: dict[tuple[int, ...], np.ndarray] = {}
        for names, table in tables.items():
            group = tuple(space.index_of(name) for name in names)
            assert table.shape == tuple(space.sizes[at] for at in group)
            self._groups[group] = table / table.sum()
        grouped = [at for group in self._groups for at in group]
        assert len(grouped) == len(set(grouped))
        self._free = [at for at in range(len(space.names)) if at not in grouped]
        self._cumulative = {group: _cumulative_K(table) for group, table in self._groups.items()}

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent positions int64 [count, F]; a cell of probability 0 is never drawn.

        >>> sampler = JointSampler(FactorSpace(("a", "b"), (2, 2)), {("a", "b"): np.eye(2)}, {})
        >>> positions = sampler.draw(100, np.random.default_rng(0))
        >>> bool((positions[:, 0] == positions[:, 1]).all())
        True
        """
        if count < 0:
            raise bad_value("count", count, "a whole number of at least 0")
        positions_NF = np.empty((count, len(self.space.names)), dtype=np.int64)
        sizes = np.array(self.space.sizes)
        positions_NF[:, self._free] = generator.integers(sizes[self._free], size=(count, len(self._free)))
        for group, cumulative_K in self._cumulative.items():
            # the first cell whose cumulative probability exceeds the draw: cells of probability 0 add nothing
            cell_N = np.searchsorted(cumulative_K, generator.random(count), side="right")
            positions_NF[:, group] = np.stack(np.unravel_index(cell_N, sizes[list(group)]), axis=1)
        return positions_NF

    def joint_table(self, a: str, b: str) -> np.ndarray:
        """Joint probabilities of the factors `a` and `b`, [values of a, values of b], sum 1.

        Raises
        ------
        IfpError : an unknown factor, or the same one twice.
        """
        at_a, at_b = self.space.index_of(a), self.space.index_of(b)
        if at_a == at_b:
            raise IfpError(f"A joint table needs two different factors, got {a!r} twice.")
        for group, table in self._groups.items():
            if at_a in group and at_b in group:
                pair = table.sum(axis=tuple(axis for axis, at in enumerate(group) if at not in (at_a, at_b)))
                return pair if group.index(at_a) < group.index(at_b) else pair.T
        return np.outer(self._marginal(at_a), self._marginal(at_b))

    def image_probabilities(self, positions_NF: np.ndarray) -> np.ndarray:
        """Probability of each stored image [N], sum 1: the table's at its factor values, normalised over the images.

        Raises
        ------
        IfpError : all these images have probability 0.
        """
        positions_NF = np.asarray(positions_NF)
        weight_N = np.ones(len(positions_NF))
        for group, table in self._groups.items():
            weight_N *= table[tuple(positions_NF[:, at] for at in group)]
        total = weight_N.sum()
        if not total > 0:
            raise IfpError("None of these images has a probability above 0; take a weaker correlation or more images.")
        return weight_N / total

    def describe(self) -> dict[str, object]:
        """What a run stores to name the distribution; plain JSON."""
        return dict(self._description)

    def _marginal(self, at: int) -> np.ndarray:
        for group, table in self._groups.items():
            if at in group:
                return np.asarray(table.sum(axis=tuple(axis for axis, other in enumerate(group) if other != at)))
        return np.full(self.space.sizes[at], 1 / self.space.sizes[at])


def _cumulative_K(table: np.ndarray) -> np.ndarray:
    cumulative_K = np.cumsum(table.ravel())
    # exactly 1 at the end, so that a draw below 1 always finds a cell
    return cumulative_K / cumulative_K[-1]
