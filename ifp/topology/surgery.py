"""Gradient surgery: a gradient gives up the part of it that works against another one.

Shapes: R rows of stacked parameters, one member each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Gradients = Sequence[Tensor | None]
"""One gradient per parameter, [R, ...] each; None where the parameter does not reach the loss."""


def without_conflict(gradients: Gradients, against: Gradients) -> list[Tensor | None]:
    """g - (<g, r> / <r, r>) r where <g, r> is negative, g where it is not; for each row of its own.

    Products run over all parameters of a row together, in float64. Source: the public code of Balabin et al., ICML 2024
    (`--orthogonalize`), with g of the topological term and r of the reconstruction; the rule is that of Yu et al.,
    Gradient surgery for multi-task learning, NeurIPS 2020, applied one way.
    """
    both = [(g, r) for g, r in zip(gradients, against, strict=True) if g is not None and r is not None]
    if not both:
        return list(gradients)
    rows = len(both[0][0])
    shares = []
    for row in range(rows):
        product = sum(_product(g[row], r[row]) for g, r in both)
        square = sum(_product(r[row], r[row]) for r in against if r is not None)
        product, square = torch.as_tensor(product), torch.as_tensor(square)
        shares.append(torch.where((product < 0) & (square > 0), product / square.clamp_min(1e-300), 0.0))
    share_R = torch.stack(shares)
    joined: list[Tensor | None] = []
    for g, r in zip(gradients, against, strict=True):
        if r is None:
            joined.append(g)
            continue
        along = share_R.to(r.dtype).reshape(-1, *[1] * (r.ndim - 1)) * r
        joined.append(-along if g is None else g - along)
    return joined


def _product(first: Tensor, second: Tensor) -> Tensor:
    # one member at a time, so that the sum's order does not depend on how many there are
    return torch.dot(first.reshape(-1).double(), second.reshape(-1).double())
