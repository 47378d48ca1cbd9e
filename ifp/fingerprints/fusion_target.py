"""What a fused space is compared with: the objectives of fusion and their gradients by hand.

The objectives stand in `ifp.fingerprints.fusion`. Shapes: E fingerprints, N points, K dimensions of the fused space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.errors import IfpError, unknown_name


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
