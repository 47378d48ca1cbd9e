"""Factors of variation and traversals: which images belong to one annealing test.

Shapes: F factors, N images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifp.errors import IfpError, counted, unknown_name
from ifp.system.printable import has_controls

LONGEST_NAME = 200
"""Maximum number of characters of a factor's name."""
MOVING = -1
"""The entry of a context that stands for the moving factor."""


@dataclass(frozen=True)
class FactorSpace:
    """The names and sizes of a data set's ground-truth factors, in storage order (the last one varies fastest).

    >>> space = FactorSpace(("shape", "posX"), (3, 4))
    >>> len(space), space.index_of("posX")
    (12, 1)
    >>> space.ravel(np.array([[2, 1]])), space.unravel(np.array([9]))
    (array([9]), array([[2, 1]]))
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        assert len(self.names) == len(self.sizes) == len(set(self.names))

    def __len__(self) -> int:
        return math.prod(self.sizes)

    def index_of(self, factor: str) -> int:
        """Position of `factor` in the space; raises IfpError with the legal names."""
        if factor not in self.names:
            raise unknown_name("factor", factor, self.names)
        return self.names.index(factor)

    def size_of(self, factor: str) -> int:
        """Number of values of `factor`."""
        return self.sizes[self.index_of(factor)]

    def ravel(self, positions_NF: np.ndarray) -> np.ndarray:
        """Flat index of each position in the full grid."""
        return np.ravel_multi_index(tuple(np.asarray(positions_NF).T), self.sizes)

    def unravel(self, index_N: np.ndarray) -> np.ndarray:
        """Positions [N, F] of flat indices."""
        return np.stack(np.unravel_index(np.asarray(index_N), self.sizes), axis=-1)


def check_factor_names(names: Sequence[str], count: int, whose: str) -> tuple[str, ...]:
    """`names` as they are, if they are `count` different ones of letters that print.

    Parameters
    ----------
    whose : what holds them, for the message.

    Raises
    ------
    IfpError : too few or many, two alike, one that is blank, one with a line break, another control
        character or one that turns the direction of letters, or one of over 200 characters.

    >>> check_factor_names(["shape", "x 1"], 2, "a.npz")
    ('shape', 'x 1')
    """
    if len(names) != count:
        raise IfpError(
            f"{whose} has {counted(count, 'factor')} but {len(names)} factor_names; give one name per factor."
        )
    for name in names:
        if not name.strip() or has_controls(name):
            raise IfpError(
                f"The factor_names of {whose} must be not empty, nor blank, nor with line breaks or control characters "
                f"in them, got {name!r}; rename that factor."
            )
        if len(name) > LONGEST_NAME:
            raise IfpError(
                f"The factor_names of {whose} must have at most {LONGEST_NAME} characters, got {len(name):,}; shorten "
                f"{name[:20]!r}..."
            )
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise IfpError(f"The factor_names of {whose} must be different, got {twice!r} twice; rename one of the two.")
    return tuple(str(name) for name in names)


@dataclass(frozen=True)
class FactorTraversal:
    """One factor moves, the context is held: the data of one annealing test.

    Parameters
    ----------
    factor : the moving factor's name.
    context : the value index of every factor, `MOVING` for the one that moves.
    values : the moving factor's value indices, one per image.
    nuisance : one integer per image; it decides all that is not a factor (instance, colour, noise).
        Equal integers give equal nuisances.
    """

    factor: str
    context: tuple[int, ...]
    values: tuple[int, ...]
    nuisance: tuple[int, ...]

    def __post_init__(self) -> None:
        assert self.context.count(MOVING) == 1
        assert len(self.values) == len(self.nuisance)

    def positions_NF(self) -> np.ndarray:
        """Factor values [N, F] of the traversal's images.

        >>> FactorTraversal("posX", (2, MOVING), (0, 1), (7, 7)).positions_NF()
        array([[2, 0],
               [2, 1]])
        """
        positions = np.tile(np.array(self.context), (len(self.values), 1))
        positions[:, self.context.index(MOVING)] = self.values
        return positions
