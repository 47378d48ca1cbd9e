"""Products of stacks of small matrices on a CPU, into memory that is there, each by the library that is faster at it.

NumPy's library (OpenBLAS in its wheels) has kernels for at most 10^6 multiplications, which reach the processor's peak
unless the second factor is transposed; there, and beyond, PyTorch's (MKL in its wheels) is the faster. Larger products
are taken as several of fewer rows. Which library takes a product depends on its shape alone, and a product rounds
alike in a stack of one as in a stack of many.

Shapes: R products in a stack, I rows, K inner, J columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

MOST_MULTIPLICATIONS = 1_000_000
"""Above these OpenBLAS leaves its kernels for small products."""
LEAST_ROWS = 16
"""Fewer rows than these to a product are not worth a call."""


def prepared_product(a_RIK: Tensor, b_RKJ: Tensor, out_RIJ: Tensor) -> Callable[[], object]:
    """A function that computes out = a @ b, to be called whenever the numbers in a and b are new."""
    rows, inner, columns = out_RIJ.shape[1], a_RIK.shape[2], out_RIJ.shape[2]
    if inner == 1:
        return partial(torch.mul, a_RIK, b_RKJ, out=out_RIJ)
    parts = _parts(rows, inner * columns)
    if columns == 1 or (b_RKJ.stride(2) == 1 and parts):
        a, b, out = a_RIK.numpy(), b_RKJ.numpy(), out_RIJ.numpy()
        if parts > 1:
            a, b, out = a.reshape(len(a), parts, -1, inner), b[:, None], out.reshape(len(a), parts, -1, columns)
        return partial(np.matmul, a, b, out=out)
    if len(a_RIK) == 1 and not _one_rounds_as_two(rows, inner, columns, b_RKJ.stride(2) == 1, a_RIK.dtype):
        return partial(_with_twin, a_RIK.expand(2, -1, -1), b_RKJ.expand(2, -1, -1), out_RIJ)
    return partial(torch.bmm, a_RIK, b_RKJ, out=out_RIJ)


def _parts(rows: int, multiplications_per_row: int) -> int:
    """The fewest equal parts of the rows that are small products, 0 if there are none.

    >>> _parts(64, 64 * 192), _parts(64, 64 * 256), _parts(256, 64 * 192), _parts(64, 256 * 4096)
    (1, 2, 4, 0)
    """
    most = MOST_MULTIPLICATIONS // multiplications_per_row
    fitting = (n for n in range(1, rows // LEAST_ROWS + 1) if rows % n == 0 and rows // n <= most)
    return 1 if rows <= most else next(fitting, 0)


def layers_round_alike_alone(sides: Iterable[tuple[int, int]], rows: int) -> bool:
    """Whether layers of these (inputs, outputs) round alike in a stack of one and of more, forward and backward."""
    return all(
        _one_rounds_as_two(*shape, straight, torch.float32)
        for inputs, outputs in sides
        for *shape, straight in (
            (rows, inputs, outputs, True),
            (inputs, rows, outputs, True),
            (rows, outputs, inputs, False),
        )
    )


@cache
def _one_rounds_as_two(rows: int, inner: int, columns: int, straight: bool, dtype: torch.dtype) -> bool:
    """Whether PyTorch's product in a stack of one takes the same kernel as in one of more: processors differ in it."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(2, rows, inner, generator=generator, dtype=dtype)
    b = torch.randn(2, inner, columns, generator=generator, dtype=dtype)
    b = b if straight else b.mT.contiguous().mT
    return torch.equal(torch.bmm(a, b)[:1], torch.bmm(a[:1], b[:1]))


def _with_twin(a_2IK: Tensor, b_2KJ: Tensor, out_1IJ: Tensor) -> None:
    out_1IJ.copy_(torch.bmm(a_2IK, b_2KJ)[:1])
