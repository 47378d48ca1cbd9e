"""Distances of the points of a cloud, and the unit they are measured in.

Shapes: N points of P coordinates.
"""

from __future__ import annotations

import torch
from torch import Tensor

QUANTILE = 0.9
"""The quantile of all distances that is the unit of length of a cloud (Balabin et al. 2024, `--q_normalize`)."""
_ROUNDING = 1e-13
"""Squared distances up to this share of the cloud's own squared size are rounding: the points coincide."""


def pairwise_distances(points_NP: Tensor) -> Tensor:
    """Euclidean distances [N, N] of all points, float64, symmetric to the last bit and differentiable.

    Points that coincide are 0 apart and get no gradient: the distance has none there.
    """
    points_NP = points_NP.double()
    points_NP = points_NP - points_NP.detach().mean(0)
    square_N = points_NP.square().sum(1)
    squared_NN = square_N[:, None] + square_N[None, :] - 2 * points_NP @ points_NP.mT
    squared_NN = (squared_NN + squared_NN.mT) / 2
    apart_NN = squared_NN.detach() > _ROUNDING * square_N.detach().max()
    # NaN stays NaN, so that a decoder that has diverged is noticed
    apart_NN = (apart_NN | squared_NN.detach().isnan()).fill_diagonal_(False)
    return torch.where(apart_NN, torch.where(apart_NN, squared_NN, 1.0).sqrt(), 0.0)


def unit_of_length(distance_NN: Tensor, quantile: float = QUANTILE) -> Tensor:
    """The 0.9 quantile of all N x N distances, the N zeros of the diagonal included; a number without a gradient.

    Where it is 0 it counts as 1e-5, so that a collapsed decoder has distances of 0 and no NaN. Source: the public code
    of Balabin et al., ICML 2024.

    >>> rectangle = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
    >>> round(float(unit_of_length(pairwise_distances(rectangle))), 6)  # the diagonal, the square root of 5
    2.236068
    """
    unit = torch.quantile(distance_NN.detach().flatten(), quantile)
    return torch.where(unit == 0, torch.full_like(unit, 1e-5), unit)
