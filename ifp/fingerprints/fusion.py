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
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.errors import IfpError, bad_value
from ifp.fingerprints.fingerprints import gaussian_exponents
from ifp.fingerprints.fusion_target import Target

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
