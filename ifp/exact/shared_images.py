"""Images of a batch of traversals, held once however many problems are about them.

A search follows dozens of states of one traversal at a time, and minimisers drop problems as they converge. So problems
refer to their traversal by its number: its images are copied only where they are needed, in the precision in which they
are, and what the curvature needs of pairs of them is made once.

Shapes: R traversals, M problems, N images, P pixels, G grid points, L pairs of images.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

MOST_PAIR_NUMBERS = 16_000_000
"""Products of the pixels of pairs of images are kept for batches in which they are no more numbers than this."""

Runs = list[tuple[int, int, int]]
"""Stretches of problems of one traversal: its number, the first of them, and the end."""


def runs_of(rows_M: Tensor) -> Runs:
    """The stretches of equal numbers.

    >>> runs_of(torch.tensor([4, 4, 0, 4]))
    [(4, 0, 2), (0, 2, 3), (4, 3, 4)]
    """
    rows = rows_M.tolist()
    starts = [at for at in range(len(rows)) if at == 0 or rows[at] != rows[at - 1]]
    return [(rows[first], first, end) for first, end in zip(starts, [*starts[1:], len(rows)], strict=True)]


@dataclass(frozen=True)
class SharedImages:
    """The images of R traversals; see `ifp.exact.ideal_vae.TraversalBatch` for what the three are."""

    x_RNP: Tensor
    relative_RNP: Tensor
    weighted_RNP: Tensor

    @cached_property
    def single(self) -> SharedImages:
        """The same in single precision."""
        if self.x_RNP.dtype == torch.float32:
            return self
        return SharedImages(*(getattr(self, f.name).float() for f in fields(self)))

    @cached_property
    def _pairs(self) -> dict[int, tuple[Tensor, Tensor]]:
        return {}

    def pairs(self, row: int, i_L: Tensor, j_L: Tensor) -> tuple[Tensor, Tensor]:
        """x_i x_j and (1 - x_i) (1 - x_j) of pairs of images of a traversal [L, P]."""
        if row in self._pairs:
            return self._pairs[row]
        first, second = (self.x_RNP[row].index_select(0, rows) for rows in (i_L, j_L))
        both_on = first * second
        made = both_on, (both_on + 1).sub_(first).sub_(second)
        if len(self.x_RNP) * 2 * both_on.numel() <= MOST_PAIR_NUMBERS:
            self._pairs[row] = made
        return made


def of_rows(images_RNP: Tensor, rows_M: Tensor) -> Tensor:
    """The images of the traversal of each problem [M, N, P]; those of neighbours in order are not copied."""
    rows = rows_M.tolist()
    if rows and rows == list(range(rows[0], rows[0] + len(rows))):
        return images_RNP[rows[0] : rows[0] + len(rows)]
    return images_RNP[rows_M]
