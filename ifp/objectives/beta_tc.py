"""beta-TCVAE (Chen et al. 2018): the KL in three parts, of which the total correlation has a weight of its own.

q(z) is estimated from the batch, whose images stand for all. The estimates are biased, mostly by a constant without a
gradient, and can be negative: they serve for training, not for reporting.

Shapes: M members, B images of a batch, D latents; of two B, the first is the draws, the second the posteriors.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ifp.errors import IfpError
from ifp.objectives.base import Batch, State
from ifp.objectives.law import LawObjective
from ifp.objectives.options import require_not_negative, warm_up

_LOG_2PI = math.log(2 * math.pi)


class KlParts(NamedTuple):
    """KL = index-code MI + total correlation + dimension-wise KL, nats, averaged over the batch."""

    index_code_mi_M: Tensor
    total_correlation_M: Tensor
    dimwise_kl_M: Tensor


@dataclass(frozen=True)
class BetaTcVae(LawObjective):
    """alpha I(x; z) + beta TC(z) + gamma sum_j KL(q(z_j) || p(z_j)); with all weights 1, the KL of the VAE.

    Parameters
    ----------
    beta : 6, the value for dSprites. law, beta_start, beta_end, law_steps : see `LawObjective`.
    alpha, gamma : the weights of the other two parts.
    relative : whether alpha and gamma are shares of beta, so that a law moves all three weights alike.
    stratified : whether q(z) is estimated by minibatch stratified sampling instead of weighted sampling.
    gamma_warmup_steps : steps over which gamma rises from 0.

    References
    ----------
    Chen et al., Isolating sources of disentanglement in VAEs, NeurIPS 2018: sections 3.1 (weighted sampling) and 3.2
    (the objective), appendix C (stratified sampling).
    """

    name: ClassVar[str] = "beta-tc"
    beta: float = 6.0
    alpha: float = 1.0
    gamma: float = 1.0
    relative: bool = False
    stratified: bool = False
    gamma_warmup_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "alpha", "gamma", "gamma_warmup_steps")

    def _weights(self, step: int, total_steps: int) -> tuple[float, float, float]:
        beta = self.beta_at(step, total_steps)
        unit = beta if self.relative else 1.0
        return unit * self.alpha, beta, unit * self.gamma * warm_up(step, self.gamma_warmup_steps)

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`."""
        alpha, beta, gamma = self._weights(batch.step, batch.total_steps)
        part = kl_parts(
            batch.mean_MBD, batch.logvar_MBD, batch.z_MBD, num_images=batch.num_images, stratified=self.stratified
        )
        return alpha * part.index_code_mi_M + beta * part.total_correlation_M + gamma * part.dimwise_kl_M

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self._weights(step, total_steps)

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """The smallest of the three weights: that of the KL as a whole, beside which some parts weigh more."""
        return min(self._weights(step, total_steps))


def kl_parts(
    mean_MBD: Tensor, logvar_MBD: Tensor, z_MBD: Tensor, *, num_images: int, stratified: bool = False
) -> KlParts:
    """The parts of the KL as a batch of draws estimates them; see `BetaTcVae`.

    Raises
    ------
    IfpError : `stratified` with a batch of one image, or of more than the data set holds.
    """
    z_MDB, mean_MDB, logvar_MDB = z_MBD.mT, mean_MBD.mT, logvar_MBD.mT
    # log q(z_b|x_c) of every draw b under every posterior c of its member
    standardised_MDBB = (z_MDB[..., :, None] - mean_MDB[..., None, :]) * (-0.5 * logvar_MDB).exp()[..., None, :]
    log_density_MDBB = -0.5 * (logvar_MDB + _LOG_2PI)[..., None, :] - 0.5 * standardised_MDBB**2
    log_joint_MBB = log_density_MDBB.sum(1)
    log_weight_BB = _log_weights(z_MBD.shape[1], num_images, stratified, z_MBD.device)

    log_q_z_MB = (log_joint_MBB + log_weight_BB).logsumexp(2)
    log_q_factors_MB = (log_density_MDBB + log_weight_BB).logsumexp(3).sum(1)
    log_q_z_given_x_MB = log_joint_MBB.diagonal(dim1=1, dim2=2)
    log_p_z_MB = -0.5 * (z_MBD**2 + _LOG_2PI).sum(-1)
    return KlParts(
        (log_q_z_given_x_MB - log_q_z_MB).mean(1),
        (log_q_z_MB - log_q_factors_MB).mean(1),
        (log_q_factors_MB - log_p_z_MB).mean(1),
    )


def _log_weights(batch: int, num_images: int, stratified: bool, device: torch.device) -> Tensor:
    """Log weight of posterior c in the estimate of q(z_b), [B, B].

    Weighted: 1 / (N B). Stratified: the draw's own posterior stands for itself alone, 1 / N, and the others for all the
    rest, 1 / (B - 1) each but for one, here the next in the batch, with (N - B + 1) / (N (B - 1)): each row sums to 1.
    """
    if not stratified:
        return torch.full((batch, batch), -math.log(num_images * batch), device=device)
    if not 2 <= batch <= num_images:
        raise IfpError(
            f"beta-tc: stratified sampling needs batches of at least 2 images and at most the data set's {num_images}, "
            f"got {batch}; change the batch or leave stratified out."
        )
    others = batch - 1
    own = torch.eye(batch, dtype=torch.bool, device=device)
    log_weight_BB = torch.where(own, -math.log(num_images), -math.log(others))
    last = math.log((num_images - others) / (num_images * others))
    return torch.where(own.roll(1, dims=1), last, log_weight_BB)
