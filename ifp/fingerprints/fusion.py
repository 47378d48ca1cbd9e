"""Fusion: one space of Gaussian posteriors that is on average as similar as can be to the channels of many models.

Each of E fingerprints (Bhattacharyya matrices of the same N points) is a constant; what is learnt are the mean and
log-variance of N posteriors, whose own fingerprint is compared with each of them. A map of the points that no single
model holds, such as a closed ring out of curves that are each cut somewhere, can come out of many that do not agree
where they are wrong (Murphy, Dillavou and Bassett, arXiv:2405.21042, "model fusion").

With I(.) = -1/N sum_i ln(1/N sum_j .), U the fused space and V one of the E, the objectives are

    info    I(BC_U) + I(BC_V) - I(BC_U BC_V)                     information that both hold
    vi      exp(-VI) with VI = 2 I(BC_U BC_V) - I(BC_U^2) - I(BC_V^2)   in nats
    nmi     info / sqrt(H_U H_V) with H = 2 I(BC) - I(BC^2)

The 1/N within the logarithm cancels in the first two and must not be left out of the third. With bounds in place of
informations `nmi` can pass 1, most of all for a space that holds little: its entropy is of second order in what it
holds. `info` never asks a space to hold less: what it has beyond a fingerprint costs nothing.

Shapes: E fingerprints, N points, K dimensions of the fused space, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.errors import IfpError, bad_value, unknown_name
from ifp.fingerprints.fingerprints import gaussian_exponents

INITIAL_STD = 0.05
"""Standard deviation of the initial means: small, so that no ordering of the points is imposed."""
TYPICAL_QUANTILE = 0.9
"""Quantile of the steps between neighbours that `continuity` takes as an ordinarily large step."""


@dataclass(frozen=True, eq=False)
class FusedSpace:
    """Posteriors of N points in K dimensions.

    Attributes
    ----------
    mean_NK, logvar_NK : of the points; logvar is the log of the variance.
    objective_trace : its mean over the fingerprints before each step and after the last, T + 1 values: bits for
        "info", without unit for "vi" and "nmi".
    """

    mean_NK: np.ndarray
    logvar_NK: np.ndarray
    objective_trace: np.ndarray


@dataclass(frozen=True, eq=False)
class _Terms:
    """I in nats: of U and of V alone, of two looks through each, and of both."""

    fused: Tensor
    fused_twice: Tensor
    model_E: Tensor
    model_twice_E: Tensor
    joint_E: Tensor

    @property
    def shared_E(self) -> Tensor:
        return self.fused + self.model_E - self.joint_E


def _info(t: _Terms) -> Tensor:
    return t.shared_E / math.log(2)


def _vi(t: _Terms) -> Tensor:
    return (t.fused_twice + t.model_twice_E - 2 * t.joint_E).exp()


def _nmi(t: _Terms) -> Tensor:
    # a fused space of a single point has no entropy, and no shared information either
    fused = (2 * t.fused - t.fused_twice).clamp(min=torch.finfo(t.fused.dtype).tiny)
    return t.shared_E / (fused * (2 * t.model_E - t.model_twice_E)).sqrt()


OBJECTIVES: dict[str, Callable[[_Terms], Tensor]] = {"info": _info, "vi": _vi, "nmi": _nmi}


class Target:
    """E fingerprints that a fused space is compared with, and what of the comparison does not depend on it.

    Parameters
    ----------
    fingerprints : [E, N, N] Bhattacharyya coefficients; constants, whatever they were computed from.
    objective : "info" (bits), "vi" or "nmi"; see the module.

    Raises
    ------
    IfpError : an unknown objective, no fingerprints of at least 2 points, values that are no Bhattacharyya
        coefficients, or for "nmi" a fingerprint without information, for which it is 0 / 0.
    """

    def __init__(self, fingerprints: Tensor, objective: str) -> None:
        if objective not in OBJECTIVES:
            raise unknown_name("objective", objective, OBJECTIVES)
        shape = tuple(fingerprints.shape)
        if len(shape) != 3 or shape[0] < 1 or shape[1] < 2 or shape[1] != shape[2]:
            raise IfpError(f"Fingerprints to fuse must be [models, points, points] of 2 points or more, got {shape}.")
        known = fingerprints.detach()
        own_EN = known.diagonal(dim1=1, dim2=2)
        # NaN fails every comparison
        if not ((known >= 0).all() and (known <= 1 + 1e-5).all() and (own_EN >= 1 - 1e-5).all()):
            raise IfpError(
                "Fingerprints to fuse must be Bhattacharyya coefficients: from 0 to 1, and 1 of a point with itself."
            )
        self._compare = OBJECTIVES[objective]
        # points first: one product of [E, N] with [N] a point gives the joint sums, without an [E, N, N] in between
        self._models_NEN = known.transpose(0, 1).contiguous()
        self._alone_E = _information(self._models_NEN.mean(2))
        self._twice_E = _information(self._models_NEN.square().mean(2))
        self.points = shape[1]
        dead = torch.nonzero(2 * self._alone_E - self._twice_E < 1e-6)
        if objective == "nmi" and len(dead):
            raise IfpError(
                f"Fingerprint {int(dead[0])} holds no information, so that its NMI is 0 / 0; leave it out of fusion."
            )

    def similarity(self, fused_NN: Tensor) -> Tensor:
        """The objective between the space that has the fingerprint `fused_NN` and each of the E, [E]."""
        # this way round the gradient needs no transposed copy of the models
        joint_NE = torch.bmm(fused_NN[:, None], self._models_NEN.transpose(1, 2))[:, 0] / self.points
        return self._compare(
            _Terms(
                _information(fused_NN.mean(1)),
                _information(fused_NN.square().mean(1)),
                self._alone_E,
                self._twice_E,
                _information(joint_NE),
            )
        )

    def loss_gradients(self, mean_NK: Tensor, logvar_NK: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mean similarity of a space to the fingerprints, and the gradients of minus it for mean and logvar."""
        fused = _FusedFingerprint(mean_NK, logvar_NK)
        coefficients_NN = fused.coefficients_NN.detach().requires_grad_()
        value = self.similarity(coefficients_NN).mean()
        (slope_NN,) = torch.autograd.grad(-value, coefficients_NN)
        return value.detach(), *fused.pull_back(slope_NN)


def _information(mean_N: Tensor) -> Tensor:
    """-1/N sum_i ln of means over the other points, which lie along the first axis; nats."""
    return -mean_N.log().mean(0)


class _FusedFingerprint:
    """Bhattacharyya coefficients [N, N] of all pairs of points, and how a change of them is one of mean and logvar.

    A form of its own beside `gaussian_exponents`, which is made for many channels, is in place and has no gradient:
    BC = exp(-sum_k (mean_i - mean_j)^2 / 4 (v_i + v_j)) sqrt(prod_k 2 sqrt(v_i v_j) / (v_i + v_j)).
    """

    def __init__(self, mean_NK: Tensor, logvar_NK: Tensor) -> None:
        mean_KN, logvar_KN = mean_NK.T, logvar_NK.T
        self._variance_KN = logvar_KN.exp().clamp(min=torch.finfo(mean_NK.dtype).tiny)
        self._inverse_KNN = (self._variance_KN[:, :, None] + self._variance_KN[:, None]).reciprocal_()
        self._apart_KNN = mean_KN[:, :, None] - mean_KN[:, None]
        deviation_KN = self._variance_KN.sqrt()
        overlap_NN = (2 * deviation_KN[:, :, None] * deviation_KN[:, None] * self._inverse_KNN).prod(0)
        self._distance_KNN = self._apart_KNN.square().mul_(self._inverse_KNN)
        self.coefficients_NN = overlap_NN.sqrt_() * self._distance_KNN.sum(0).div_(-4).exp_()

    def pull_back(self, slope_NN: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients for mean and logvar, [N, K] each, of what has the gradient `slope_NN` for the coefficients.

        d(-ln BC)_ij / dmean_i = (mean_i - mean_j) / 2 (v_i + v_j), and d(-ln BC)_ij / dlogvar_i =
        (v_i - v_j - v_i (mean_i - mean_j)^2 / (v_i + v_j)) / 4 (v_i + v_j).
        """
        weight_NN = slope_NN * self.coefficients_NN
        weight_KNN = -(weight_NN + weight_NN.T) * self._inverse_KNN
        v_KN = self._variance_KN
        wider_KNN = v_KN[:, :, None] - v_KN[:, None] - v_KN[:, :, None] * self._distance_KNN
        return (weight_KNN * self._apart_KNN).sum(2).T / 2, (weight_KNN * wider_KNN).sum(2).T / 4


def fuse(
    fingerprints: Tensor,
    *,
    dimensions: int = 2,
    objective: str = "info",
    steps: int = 1000,
    learning_rate: float = 0.05,
    generator: np.random.Generator,
) -> FusedSpace:
    """A space of `dimensions` latents that is as similar as can be to the fingerprints, on average.

    Adam from points near 0 with unit variances, on the fingerprints' device and in their precision; the learning rate
    falls linearly to 0, because a space that holds little is small beside a full step. Where it ends depends on the
    start (rings can come out folded): fuse several times and keep the space whose trace ends highest.

    Parameters
    ----------
    fingerprints : [E, N, N] Bhattacharyya coefficients of E channels, constants. `GaussianFingerprints.coefficients`
        gives them as [N, E, N].
    objective : "info", "vi" or "nmi"; see the module.
    generator : draws the first means.

    Raises
    ------
    IfpError : see `Target`; fewer than one dimension or step, a learning rate that is not positive, or an objective
        that is no longer finite.
    """
    for name, count in (("dimensions", dimensions), ("steps", steps)):
        if count < 1:
            raise bad_value(name, count, "a whole number of at least 1")
    if not 0 < learning_rate < math.inf:
        raise bad_value("learning_rate", learning_rate, "a positive number")
    target = Target(fingerprints, objective)
    drawn_NK = generator.normal(0, INITIAL_STD, (target.points, dimensions))
    mean_NK = torch.from_numpy(drawn_NK).to(fingerprints.device, fingerprints.dtype)
    logvar_NK = torch.zeros_like(mean_NK)
    optimizer = torch.optim.Adam([mean_NK, logvar_NK], lr=learning_rate)
    trace = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / steps)
        value, mean_NK.grad, logvar_NK.grad = target.loss_gradients(mean_NK, logvar_NK)
        trace.append(value)
        optimizer.step()
    trace.append(target.loss_gradients(mean_NK, logvar_NK)[0])
    trace_T = torch.stack(trace).cpu().numpy()
    if not np.isfinite(trace_T).all():
        first = int(np.flatnonzero(~np.isfinite(trace_T))[0])
        raise IfpError(f"The fusion's objective is not finite after step {first}; lower the learning rate.")
    return FusedSpace(mean_NK.cpu().numpy(), logvar_NK.cpu().numpy(), trace_T)


def continuity(mean_NK: np.ndarray, logvar_NK: np.ndarray, *, closed: bool = True) -> float:
    """How evenly points in a row are laid out: the largest step over an ordinary large one; 1 at best.

    A step is the Bhattacharyya distance -ln BC between a point and the next one, and in a `closed` row, a ring, also
    that between the last and the first; an ordinary large one is the 90th percentile of the steps. Infinite where more
    than nine in ten steps are none.

    Raises
    ------
    IfpError : other shapes, fewer than 3 points, or values that are not finite.

    References
    ----------
    The score of arXiv:2405.21042 for fused spaces, which leaves the closing step out.
    """
    if mean_NK.ndim != 2 or mean_NK.shape != logvar_NK.shape or len(mean_NK) < 3:
        raise IfpError("Continuity needs mean and logvar, [points, dimensions] each, of 3 points or more.")
    if not (np.isfinite(mean_NK).all() and np.isfinite(logvar_NK).all()):
        raise IfpError("Continuity needs finite means and logvars; some of these are NaN or infinite.")
    mean, logvar = torch.from_numpy(mean_NK).double(), torch.from_numpy(logvar_NK).double()
    distance_NN = gaussian_exponents(mean, logvar, mean.T, logvar.T).sum(1)
    steps = distance_NN.roll(-1, dims=1).diagonal().numpy()[: None if closed else -1]
    largest, ordinary = float(steps.max()), float(np.quantile(steps, TYPICAL_QUANTILE))
    return largest / ordinary if ordinary else math.inf if largest else 1.0
