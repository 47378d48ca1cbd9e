"""Fingerprints: Bhattacharyya coefficients between the posteriors of N points, channel by channel.

    BC_ij = integral sqrt(p(u|x_i) p(u|x_j)) du,    -ln BC_ij = sum over dimensions of the channel of
            (mean_i - mean_j)^2 / 4 (v_i + v_j)  +  ln cosh((ln v_i - ln v_j) / 2) / 2

(Bhattacharyya 1943; Murphy et al., arXiv:2405.21042). An N x N matrix a channel does not fit memory for many channels,
so that a fingerprint is kept as what makes it and gives its matrix by blocks of rows. exp(-KL) is given alike: in the
place of BC it makes an upper bound of the information (Kolchinsky and Tracey 2017).

Shapes: C channels, K dimensions of all of them, N points, B points of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ifp.errors import IfpError

LARGEST_EXPONENT = 40.0
"""Exponents are clipped to at most this value: exp(-40) is negligible beside the 1 of a point with itself, and smaller
numbers become denormal when squared, which is slow."""
LARGEST_LOGVAR = 80.0
"""Log variances are clipped to this distance from the typical one of their dimension, so that float32 holds every
variance, its inverse and their products."""
LARGEST_LOG_MEAN = 30.0
"""Means are clipped to exp of this, in units of their dimension's typical sigma, so that their squares are finite."""


class Fingerprints(Protocol):
    """Of C channels on the same N points."""

    @property
    def channels(self) -> int:
        """C."""

    @property
    def points(self) -> int:
        """N."""

    @property
    def row_bytes(self) -> int:
        """Memory that making one point's row of all channels takes, [C, N] and what goes before it."""

    @property
    def device(self) -> torch.device:
        """Where the blocks are made."""

    def coefficients(self, start: int, stop: int) -> Tensor:
        """BC of points start ... stop - 1 with all points, [B, C, N] in [0, 1]."""

    def kl_coefficients(self, start: int, stop: int) -> Tensor:
        """exp(-KL(p(u|x_i) || p(u|x_j))) of points i = start ... stop - 1 and all points j, [B, C, N] in [0, 1]."""


def gaussian_exponents(mean_BK: Tensor, logvar_BK: Tensor, mean_KN: Tensor, logvar_KN: Tensor) -> Tensor:
    """-ln BC of each dimension, [B, K, N], between Gaussians N(mean, exp(logvar)); 0 between equal ones, exactly.

    Of posteriors that change from call to call; `GaussianFingerprints` prepares its own once, and is several times as
    fast.
    """
    variance_BKN = logvar_BK.exp()[:, :, None] + logvar_KN.exp()
    # posteriors so narrow that the variance underflows are points, and a point is at no distance from itself
    variance_BKN.clamp_(min=torch.finfo(variance_BKN.dtype).tiny)
    apart_BKN = (mean_BK[:, :, None] - mean_KN).square_().div_(variance_BKN).div_(4)
    half_BKN = (logvar_BK[:, :, None] - logvar_KN).abs_().div_(2)
    # ln cosh h = h + ln(1 + exp(-2h)) - ln 2, which does not overflow
    log_cosh_BKN = half_BKN + (torch.expm1(-2 * half_BKN).div_(2)).log1p_()
    return apart_BKN.add_(log_cosh_BKN.div_(2))


class GaussianFingerprints:
    """Of channels with Gaussian posteriors of independent dimensions.

    Parameters
    ----------
    mean_CN, logvar_CN : one [N, d] pair a channel, with any d of 1 and more; logvar is the log of the variance.
    dtype : float32 knows information to 1e-6 bits, and NMI to 1e-5 where both channels hold more than 0.01 bits.

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
        mean_KN, logvar_KN = _in_own_units(mean_KN.astype(np.float64), logvar_KN.astype(np.float64))
        self.device = torch.device(device)
        mean, logvar = (torch.from_numpy(a).to(self.device, dtype) for a in (mean_KN, logvar_KN))
        self._half_mean_KN, self._variance_KN = mean / 2, logvar.exp()
        self._root_KN = (logvar / 2).exp() * 2**0.5
        self._weight_KN, self._offset_KN = (-logvar).exp() * -2, (1 - logvar) / 2
        sizes = [mean.shape[1] for mean in mean_CN]
        self._owner_K = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(self.device)
        self.channels, self.points = len(sizes), mean_KN.shape[1]
        self.row_bytes = mean.element_size() * self.points * (3 * len(mean_KN) + self.channels)

    def coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.coefficients`."""
        mean_BK1, variance_BK1, root_BK1 = self._rows(start, stop, self._half_mean_KN, self._variance_KN, self._root_KN)
        # few passes over [B, K, N]: the minus sign and the factors 4 and 2 are put where there is one number per row
        minus_inverse_BKN = (-variance_BK1 - self._variance_KN).reciprocal_()
        exponent_BKN = (mean_BK1 - self._half_mean_KN).square_().mul_(minus_inverse_BKN)
        # 2 sigma_i sigma_j / (v_i + v_j) = 1 / cosh((ln v_i - ln v_j) / 2)
        ratio_BKN = minus_inverse_BKN.mul_(-root_BK1).mul_(self._root_KN)
        return self._exponential(exponent_BKN.add_(ratio_BKN.log_(), alpha=0.5))

    def kl_coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.kl_coefficients`."""
        mean_BK1, variance_BK1, offset_BK1 = self._rows(
            start, stop, self._half_mean_KN, self._variance_KN, self._offset_KN
        )
        # -KL = -(v_i + (mean_i - mean_j)^2) / 2 v_j + 1 / 2 + (ln v_i - ln v_j) / 2
        exponent_BKN = (mean_BK1 - self._half_mean_KN).square_().add_(variance_BK1 / 4).mul_(self._weight_KN)
        return self._exponential(exponent_BKN.add_(self._offset_KN).add_(0.5 - offset_BK1))

    def _rows(self, start: int, stop: int, *arrays_KN: Tensor) -> list[Tensor]:
        """Of the block's points, to go with all points, [B, K, 1]."""
        return [array_KN[:, start:stop].T.contiguous()[:, :, None] for array_KN in arrays_KN]

    def _exponential(self, exponent_BKN: Tensor) -> Tensor:
        """exp of each channel's exponent, to which its independent dimensions add up, [B, C, N]."""
        if len(self._owner_K) > self.channels:
            summed_BCN = exponent_BKN.new_zeros(len(exponent_BKN), self.channels, self.points)
            exponent_BKN = summed_BCN.index_add_(1, self._owner_K, exponent_BKN)
        return exponent_BKN.clamp_(-LARGEST_EXPONENT, 0.0).exp_()


def _in_own_units(mean_KN: np.ndarray, logvar_KN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each dimension about its mean and in units of its typical sigma, which changes neither BC nor KL.

    float32 then loses nothing beside a large mean, and no variance over- or underflows.
    """
    mean_KN = mean_KN - mean_KN.mean(axis=1, keepdims=True)
    largest_K1 = np.abs(mean_KN).max(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        at_least_K1 = 2 * (np.log(largest_K1) - LARGEST_LOG_MEAN)
    typical_K1 = np.maximum(logvar_KN.mean(axis=1, keepdims=True), at_least_K1)
    logvar_KN = np.clip(logvar_KN - typical_K1, -LARGEST_LOGVAR, LARGEST_LOGVAR)
    # dimensions whose means are all alike may be as narrow as they like: their 0 stays 0
    return mean_KN * np.exp(np.minimum(-typical_K1 / 2, 700)), logvar_KN


class LabelFingerprints:
    """Of factors: 1 between points with the same label, else 0, so that I(X; label) is the labels' entropy.

    Parameters
    ----------
    labels_NF : integer labels, one column per factor.
    """

    def __init__(
        self, labels_NF: np.ndarray, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self.device = torch.device(device)
        self._labels_FN = torch.from_numpy(np.ascontiguousarray(labels_NF.T)).to(self.device)
        self._dtype = dtype
        self.channels, self.points = self._labels_FN.shape
        self.row_bytes = (dtype.itemsize + 1) * self.points * self.channels

    def coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.coefficients`."""
        return (self._labels_FN[:, start:stop].T[:, :, None] == self._labels_FN).to(self._dtype)

    def kl_coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.kl_coefficients`: KL is 0 or infinite, so that both bounds are the entropy."""
        return self.coefficients(start, stop)


class JoinedFingerprints:
    """The channels of several fingerprints on the same points, one after the other."""

    def __init__(self, parts: Sequence[Fingerprints]) -> None:
        if len({part.points for part in parts}) != 1:
            raise IfpError("Only fingerprints on the same points can be joined.")
        self._parts = tuple(parts)
        self.channels, self.points = sum(part.channels for part in parts), parts[0].points
        self.device = parts[0].device
        self.row_bytes = 2 * sum(part.row_bytes for part in parts)

    def coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.coefficients`."""
        return torch.cat([part.coefficients(start, stop) for part in self._parts], dim=1)

    def kl_coefficients(self, start: int, stop: int) -> Tensor:
        """See `Fingerprints.kl_coefficients`."""
        return torch.cat([part.kl_coefficients(start, stop) for part in self._parts], dim=1)
