"""Factors that are correlated in pairs: the Gaussian family, weight exp(-(c_a - c_b)^2 / (2 sigma^2)).

After Traeuble et al., "On disentangled representations learned from correlated data", 2021, in the form of Roth et al.,
"Disentanglement of correlated factors via Hausdorff factorized support", 2023: c is a factor's value scaled to [0, 1]
over the data set, several pairs multiply, a smaller sigma is a stronger correlation. What is stored names this family
"gaussian". The code of Traeuble et al. draws something else under the same names, a blurred band of a given width
along the table's diagonal; that family ("line") is not built here, and its widths are not comparable with these sigmas.

The first and the last value of a cyclic factor (an angle) are not neighbours here, as in the published code.

Shapes: N images, F factors; a table has one axis per factor of its group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ifp.datasets.factors import FactorSpace
from ifp.datasets.joint_sampler import JointSampler
from ifp.errors import IfpError, bad_value

FAMILY = "gaussian"
"""The name of the family in what is stored."""

DEFAULT_SIGMA = 0.2
"""The strength of a correlation for which none is given."""

MAX_CELLS = 2_000_000
"""The largest joint table of factors that pairs link to each other."""

SMALLEST_SIGMA = 1e-6
"""Far below the step between two values of any factor, where the weights are 0 off the diagonal."""

Pair = tuple[str, str, float]


class CorrelatedSampler:
    """Draws factor values with correlated pairs.

    Parameters
    ----------
    space : the factors.
    pairs : (a, b, sigma) each; sigma infinite leaves the pair uncorrelated.
    inverse : high values of `a` with low ones of `b`: c_b becomes 1 - c_b, in every pair.
    values : the values of each factor, ascending, where their steps are not equal (`NpzDataset.factor_values`).

    Raises
    ------
    IfpError : an unknown factor, one with itself, one of a single value, a pair given twice, sigma out of range.
    """

    def __init__(
        self,
        space: FactorSpace,
        pairs: Sequence[Pair],
        inverse: bool = False,
        values: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.space, self.pairs = space, as_pairs(pairs)
        _check_pairs(space, self.pairs)
        self.inverse = inverse
        self._scaled = (
            [_scaled(np.arange(size)) for size in space.sizes] if values is None else list(map(_scaled, values))
        )
        assert tuple(len(c) for c in self._scaled) == space.sizes

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent positions int64 [count, F] on the full grid, exactly from the joint distribution.

        Raises
        ------
        IfpError : the factors that pairs link have more than 2,000,000 combinations.
        """
        return self._grid.draw(count, generator)

    def joint_table(self, a: str, b: str) -> np.ndarray:
        """Joint probabilities of two factors on the full grid, [values of a, values of b], sum 1.

        Raises
        ------
        IfpError : an unknown factor, the same one twice, or more than 2,000,000 linked combinations.
        """
        return self._grid.joint_table(a, b)

    def image_probabilities(self, positions_NF: np.ndarray) -> np.ndarray:
        """Probability of each stored image [N], sum 1, proportional to the weight of its factor values.

        For data whose grid has holes or in which combinations repeat; on a full grid the same as `draw`.
        """
        positions_NF = np.asarray(positions_NF)
        log_N = np.zeros(len(positions_NF))
        for a, b, sigma in self._active:
            at_a, at_b = self.space.index_of(a), self.space.index_of(b)
            log_N += self._log_weights(a, b, sigma)[positions_NF[:, at_a], positions_NF[:, at_b]]
        # relative to the largest, so that the sum cannot underflow to 0
        weight_N = np.exp(log_N - log_N.max())
        return weight_N / weight_N.sum()

    def describe(self) -> dict[str, object]:
        """What a run stores: the family, the pairs with their sigmas ("inf" for none) and the direction."""
        stored = [[a, b, sigma if math.isfinite(sigma) else "inf"] for a, b, sigma in self.pairs]
        return {"family": FAMILY, "pairs": stored, "inverse": self.inverse}

    @property
    def _active(self) -> list[Pair]:
        return [pair for pair in self.pairs if math.isfinite(pair[2])]

    @cached_property
    def _grid(self) -> JointSampler:
        return JointSampler(self.space, {group: self._table(group) for group in self._linked()}, self.describe())

    def _linked(self) -> list[tuple[str, ...]]:
        """The factors that pairs link to each other, directly or not, each group in the order of the space."""
        groups: list[set[str]] = []
        for a, b, _ in self._active:
            touched = [group for group in groups if group & {a, b}]
            groups = [group for group in groups if group not in touched] + [{a, b}.union(*touched)]
        return [tuple(name for name in self.space.names if name in group) for group in groups]

    def _table(self, group: tuple[str, ...]) -> np.ndarray:
        """Joint probabilities of a linked group, not normalised."""
        sizes = [self.space.size_of(name) for name in group]
        if math.prod(sizes) > MAX_CELLS:
            raise IfpError(
                f"The pairs link {', '.join(group)}, which have {math.prod(sizes):,} combinations, and at most "
                f"{MAX_CELLS:,} can be drawn from; give pairs that link fewer factors."
            )
        log = np.zeros(sizes)
        for a, b, sigma in self._active:
            if a in group:
                first, second = sorted((group.index(a), group.index(b)))
                weights = self._log_weights(a, b, sigma)
                weights = weights if first == group.index(a) else weights.T
                shape = [size if axis in (first, second) else 1 for axis, size in enumerate(sizes)]
                log += weights.reshape(shape)
        return np.asarray(np.exp(log - log.max()))

    def _log_weights(self, a: str, b: str, sigma: float) -> np.ndarray:
        """Logarithm of a pair's weights, [values of a, values of b]."""
        c_a, c_b = self._scaled[self.space.index_of(a)], self._scaled[self.space.index_of(b)]
        c_b = 1 - c_b if self.inverse else c_b
        return np.asarray(-0.5 * ((c_a[:, None] - c_b) / sigma) ** 2)


def parse_pair(text: str) -> tuple[str, str]:
    """The two factors of one of `correlate`.

    >>> parse_pair("posX,scale")
    ('posX', 'scale')

    Raises
    ------
    IfpError : not two names with one comma between them.
    """
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or "" in names:
        raise IfpError(f"A correlated pair is two factors and one comma, e.g. posX,scale; got {text!r}.")
    return names[0], names[1]


def parse_sigma(text: str) -> float:
    """The number of one of `sigmas`; "none" and "inf" mean no correlation.

    >>> parse_sigma("0.2"), parse_sigma("none")
    (0.2, inf)

    Raises
    ------
    IfpError : not a number.
    """
    try:
        return math.inf if text.strip().lower() == "none" else float(text)
    except ValueError:
        raise bad_value("sigma", text, "a number above 0, or none for no correlation") from None


def make_pairs(correlate: Sequence[str], sigmas: Sequence[float]) -> list[Pair]:
    """The pairs of `correlate` and `sigmas`: one sigma for all pairs, or one for each in order.

    >>> make_pairs(["posX,scale", "shape,posY"], [0.2])
    [('posX', 'scale', 0.2), ('shape', 'posY', 0.2)]

    Raises
    ------
    IfpError : a text that is no pair, or another number of sigmas.
    """
    if len(sigmas) not in {1, len(correlate)} or (sigmas and not correlate):
        raise IfpError(
            f"`sigmas` must be given once for all pairs or once for each of `correlate`, got {len(sigmas)} "
            f"for {len(correlate)} of `correlate`."
        )
    each = list(sigmas) * len(correlate) if len(sigmas) == 1 else sigmas
    return [(*parse_pair(text), sigma) for text, sigma in zip(correlate, each, strict=True)]


def as_pairs(pairs: Any) -> tuple[Pair, ...]:
    """Pairs as (a, b, sigma) each; raises IfpError for anything else."""
    listed = list(pairs) if isinstance(pairs, list | tuple) else [pairs]
    for pair in listed:
        shaped = isinstance(pair, list | tuple) and len(pair) == 3 and isinstance(pair[2], int | float | np.number)
        if not shaped or not all(isinstance(name, str) for name in pair[:2]):
            raise bad_value("correlate", pairs, "a list of (factor, factor, sigma), such as [('scale', 'posX', 0.2)]")
    return tuple((a, b, float(sigma)) for a, b, sigma in listed)


def _check_pairs(space: FactorSpace, pairs: Sequence[Pair]) -> None:
    seen: set[frozenset[str]] = set()
    for a, b, sigma in pairs:
        for name in (a, b):
            if space.size_of(name) < 2:
                raise IfpError(
                    f"The factor {name!r} has one value only, so nothing can correlate with it; leave it out."
                )
        if a == b:
            raise IfpError(f"A factor cannot be correlated with itself, got {a},{b}; give two different factors.")
        if frozenset((a, b)) in seen:
            raise IfpError(f"The pair {a},{b} is given twice; give each pair once, with one sigma.")
        if not sigma >= SMALLEST_SIGMA:  # so that nan is refused too
            raise bad_value("sigma", sigma, f"at least {SMALLEST_SIGMA:g}, or inf for no correlation")
        seen.add(frozenset((a, b)))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Values moved and scaled to [0, 1]; zeros where there is only one."""
    values = np.asarray(values, dtype=np.float64)
    span = values.max() - values.min()
    return (values - values.min()) / (span if span > 0 else 1.0)
