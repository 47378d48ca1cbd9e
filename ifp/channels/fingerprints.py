"""Fingerprints: Bhattacharyya coefficients between the posteriors of N points, channel by channel.

    BC_ij = integral sqrt(p(u|x_i) p(u|x_j)) du,    -ln BC_ij = sum over dimensions of the channel of
            (mean_i - mean_j)^2 / 4 (v_i + v_j)  +  ln cosh((ln v_i - ln v_j) / 2) / 2

(Bhattacharyya 1943; Murphy et al., arXiv:2405.21042). An N x N matrix a channel does not fit memory for many channels,
so that a fingerprint is kept as what makes it and gives its matrix by blocks of rows. KL divergences, in nats, are
given alike: exp(-KL) in the place of BC makes an upper bound of the information (Kolchinsky and Tracey 2017).

Shapes: C channels, K dimensions of all of them, N points, B points of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ifp.errors import IfpError

Measure = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class Fingerprints(Protocol):
    """Of C channels on the same N points."""

    @property
    def channels(self) -> int:
        """C."""

    @property
    def points(self) -> int:
        """N."""

    def coefficients(self, start: int, stop: int) -> Tensor:
        """BC of points start ... stop - 1 with all points, [B, C, N] in [0, 1]."""

    def divergences(self, start: int, stop: int) -> Tensor:
        """KL(p(u|x_i) || p(u|x_j)) of points i = start ... stop - 1 and all points j, [B, C, N] in nats, or inf."""


def row_blocks(points: int, rows: int) -> Iterator[tuple[int, int]]:
    """Starts and stops of blocks of `rows` points and a last one of what is left.

    >>> list(row_blocks(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    return ((start, min(start + rows, points)) for start in range(0, points, rows))


def gaussian_exponents(mean_BK: Tensor, logvar_BK: Tensor, mean_KN: Tensor, logvar_KN: Tensor) -> Tensor:
    """-ln BC of each dimension, [B, K, N], between Gaussians N(mean, exp(logvar)); 0 between equal ones, exactly."""
    variance_BKN = logvar_BK.exp()[:, :, None] + logvar_KN.exp()
    # posteriors so narrow that the variance underflows are points, and a point is at no distance from itself
    variance_BKN.clamp_(min=torch.finfo(variance_BKN.dtype).tiny)
    apart_BKN = (mean_BK[:, :, None] - mean_KN).square_().div_(variance_BKN).div_(4)
    half_BKN = (logvar_BK[:, :, None] - logvar_KN).abs_().div_(2)
    # ln cosh h = h + ln(1 + exp(-2h)) - ln 2, which does not overflow
    log_cosh_BKN = half_BKN + (torch.expm1(-2 * half_BKN).div_(2)).log1p_()
    return apart_BKN.add_(log_cosh_BKN.div_(2))


def gaussian_divergences(mean_BK: Tensor, logvar_BK: Tensor, mean_KN: Tensor, logvar_KN: Tensor) -> Tensor:
    """KL of each dimension, nats, [B, K, N], from the points of the block to all; 0 between equal ones, exactly."""
    precision_KN = (-logvar_KN).exp().clamp_(max=torch.finfo(logvar_KN.dtype).max)
    apart_BKN = (mean_BK[:, :, None] - mean_KN).square_().mul_(precision_KN)
    ratio_BKN = logvar_BK[:, :, None] - logvar_KN
    return torch.expm1(ratio_BKN).sub_(ratio_BKN).add_(apart_BKN).div_(2)


class GaussianFingerprints:
    """Of channels with Gaussian posteriors of independent dimensions.

    Parameters
    ----------
    mean_CN, logvar_CN : one [N, d] pair a channel, with any d of 1 and more; logvar is the log of the variance.
    dtype : float32 knows NMI to about 1e-5.

    Raises
    ------
    IfpError : no channels, different numbers of points, or values that are not finite.
    """

    def __init__(
        self,
        mean_CN: Sequence[np.ndarray],
        logvar_CN: Sequence[np.ndarray],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not len(mean_CN) or len(mean_CN) != len(logvar_CN):
            raise IfpError(f"Each channel needs mean and logvar, got {len(mean_CN)} and {len(logvar_CN)} of them.")
        shapes = {mean.shape[0] for mean in mean_CN} | {logvar.shape[0] for logvar in logvar_CN}
        if len(shapes) > 1 or any(
            m.ndim != 2 or m.shape != v.shape or not m.size for m, v in zip(mean_CN, logvar_CN, strict=True)
        ):
            raise IfpError("The channels' mean and logvar must all be [points, dimensions] of the same points.")
        mean_KN, logvar_KN = (np.concatenate([a.T for a in arrays]) for arrays in (mean_CN, logvar_CN))
        if not (np.isfinite(mean_KN).all() and np.isfinite(logvar_KN).all()):
            raise IfpError("A channel's posteriors hold NaN or infinite values, so that nothing can be compared.")
        # a shift of all means changes no difference, and keeps float32 from losing it beside a large mean
        mean_KN = mean_KN - mean_KN.mean(axis=1, keepdims=True)
        self._mean_KN = torch.from_numpy(mean_KN).to(device, dtype)
        self._logvar_KN = torch.from_numpy(logvar_KN).to(device, dtype)
        sizes = [mean.shape[1] for mean in mean_CN]
        self._single = max(sizes) == 1
        self._owner_K = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(device)
        self.channels, self.points = len(sizes), mean_KN.shape[1]

    def coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.coefficients`."""
        return self._summed(gaussian_exponents, start, stop).neg_().exp_()

    def divergences(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.divergences`."""
        return self._summed(gaussian_divergences, start, stop)

    def _summed(self, measure: Measure, start: int, stop: int) -> Tensor:
        """Of each channel: its dimensions are independent, so that their exponents and KLs add up; [B, C, N]."""
        rows = slice(start, stop)
        each_BKN = measure(self._mean_KN[:, rows].T, self._logvar_KN[:, rows].T, self._mean_KN, self._logvar_KN)
        if self._single:
            return each_BKN
        summed_BCN = each_BKN.new_zeros(len(each_BKN), self.channels, self.points)
        return summed_BCN.index_add_(1, self._owner_K, each_BKN)


class LabelFingerprints:
    """Of factors: 1 between points with the same label, else 0, so that I(X; label) is the labels' entropy.

    Parameters
    ----------
    labels_NF : integer labels, one column a factor.
    """

    def __init__(
        self, labels_NF: np.ndarray, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self._labels_FN = torch.from_numpy(np.ascontiguousarray(labels_NF.T)).to(device)
        self._dtype = dtype
        self.channels, self.points = self._labels_FN.shape

    def coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.coefficients`."""
        return (self._labels_FN[:, start:stop].T[:, :, None] == self._labels_FN).to(self._dtype)

    def divergences(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.divergences`: 0 or inf, so that the upper bound is the entropy too."""
        return (1 / self.coefficients(start, stop)).sub_(1)


class JoinedFingerprints:
    """The channels of several fingerprints on the same points, one after the other."""

    def __init__(self, parts: Sequence[Fingerprints]) -> None:
        if len({part.points for part in parts}) != 1:
            raise IfpError("Only fingerprints on the same points can be joined.")
        self._parts = tuple(parts)
        self.channels, self.points = sum(part.channels for part in parts), parts[0].points

    def coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.coefficients`."""
        return torch.cat([part.coefficients(start, stop) for part in self._parts], dim=1)

    def divergences(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.divergences`."""
        return torch.cat([part.divergences(start, stop) for part in self._parts], dim=1)
