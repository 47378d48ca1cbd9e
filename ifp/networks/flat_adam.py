"""FlatParameters: the stacked parameters of many members in one piece of memory, with their gradients and their Adam.

One fused kernel steps them all, and nothing is allocated in a step: fresh memory of this size costs more than the
arithmetic, because the system hands it out page by page. Every element takes the same path through the kernel, so that
a member's numbers do not depend on where it lies.

Shapes: R rows of the stacked tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ifp.networks.adam import ADAM_BETAS
from ifp.networks.fully_connected import VECTOR, Parameters

ADAM_EPSILON = 1e-8
"""What keeps Adam's division finite, the default of its paper (Kingma and Ba 2015)."""


class FlatParameters:
    """Parameters [R, ...] that lie behind each other, and what Adam remembers of them.

    Parameters
    ----------
    rows : the parameters of each row, without the row axis; copied. All of one type, float32 or float64.

    Attributes
    ----------
    values, gradients : by name, [R, ...] each: windows on the memory, to be read and written in place.
    """

    def __init__(self, rows: Sequence[Parameters], learning_rate: float) -> None:
        self._learning_rate = learning_rate
        self._shapes = {name: value.shape for name, value in rows[0].items()}
        self._dtype = next(iter(rows[0].values())).dtype
        self._allocate(len(rows))
        self._steps = torch.zeros((), dtype=torch.float32)
        for name, value in self.values.items():
            torch.stack([row[name] for row in rows], out=value)

    def _allocate(self, rows: int) -> None:
        starts, size = {}, 0
        for name, shape in self._shapes.items():
            starts[name] = size
            size += whole_vectors(rows * shape.numel())
        # values, gradients and Adam's two moments
        self._memory = [torch.zeros(size, dtype=self._dtype) for _ in range(4)]
        windows = [
            {
                name: flat[starts[name] : starts[name] + rows * shape.numel()].view(rows, *shape)
                for name, shape in self._shapes.items()
            }
            for flat in self._memory
        ]
        self._windows = windows
        self.values, self.gradients = windows[0], windows[1]

    def descend(self) -> None:
        """One step of Adam along `gradients`."""
        self._steps += 1
        values, gradients, first, second = self._memory
        torch._fused_adam_(
            [values], [gradients], [first], [second], [], [self._steps],
            lr=self._learning_rate, beta1=ADAM_BETAS[0], beta2=ADAM_BETAS[1], eps=ADAM_EPSILON,
            weight_decay=0.0, amsgrad=False, maximize=False,
        )  # fmt: skip

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, with what Adam remembers of them."""
        before, rows_R = self._windows, torch.tensor(list(rows))
        self._allocate(len(rows))
        for old, new in zip(before, self._windows, strict=True):
            for name in new:
                torch.index_select(old[name], 0, rows_R, out=new[name])


def whole_vectors(elements: int) -> int:
    """The least multiple of `VECTOR` that is enough for so many elements."""
    return -(-elements // VECTOR) * VECTOR
