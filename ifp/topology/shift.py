"""The shift of one coordinate by a share of its distribution, a symmetry of the data in a disentangled model.

With m and s the mean and the standard deviation of the coordinate over the batch, and p = Phi((z - m) / s), a shift by
C moves z to m + s Phi^-1(p + C). Where it is defined, shifts compose (by C, then by D, is by C + D), and they leave
N(m, s^2) as it is.

References
----------
Balabin et al., Disentanglement learning via topology, ICML 2024, propositions 1 and 2 (as its reviews quote them);
C = 1/8 and the choice of the rows are those of its public code.

Shapes: N points, D coordinates.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 0.125
"""C of the paper's code: an eighth of the distribution."""
_EDGE = 1e-6
"""Probabilities nearer to 0 or 1 are rounding of float32, and the quantile would be infinite or nearly so."""
_LEAST_VARIANCE = 1e-24
"""A coordinate of smaller variance does not vary: it is left where it is."""


def shifted(z_N: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The coordinate after a shift by `share` of its distribution, and the rows for which that is defined.

    Rows that would leave the distribution stay where they are and are False in the second. Mean and deviation are the
    batch's (n - 1 in the variance), and differentiable.

    Returns
    -------
    [N] of the type of `z_N`, and a mask [N].

    >>> z_N, _ = shifted(torch.tensor([-1.0, 0.0, 1.0]), 0.125)
    >>> [round(value, 4) for value in z_N.tolist()]  # of N(0, 1)
    [-0.572, 0.3186, 1.8296]
    """
    wide_N = z_N.double()
    mean, variance = wide_N.mean(), wide_N.var()
    deviation = variance.clamp_min(_LEAST_VARIANCE).sqrt()
    place_N = torch.special.ndtr((wide_N - mean) / deviation)
    moved_N = place_N + share
    within_N = ((moved_N > _EDGE) & (moved_N < 1 - _EDGE)).detach()
    there_N = mean + deviation * torch.special.ndtri(torch.where(within_N, moved_N, 0.5))
    moves_N = within_N & (variance.detach() > _LEAST_VARIANCE)
    return torch.where(moves_N, there_N, wide_N).to(z_N.dtype), within_N


def shifted_along(z_ND: Tensor, direction_D: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The points after a shift of their coordinate along a unit vector, the rest held; see `shifted`.

    Along an axis it is the shift of that latent. The direction may be what is trained.
    """
    coordinate_N = z_ND @ direction_D
    there_N, within_N = shifted(coordinate_N, share)
    return z_ND + (there_N - coordinate_N)[:, None] * direction_D, within_N
