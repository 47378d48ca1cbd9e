"""DIP-VAE I and II (Kumar et al. 2018): the covariance of the codes is pulled to the identity.

The covariance is that of the batch, divided by B.

Shapes: M members, B images of a batch, D latents.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.objectives.base import Batch, Objective, State
from ifp.objectives.options import require_not_negative


@dataclass(frozen=True)
class DipVae1(Objective):
    """KL + lambda_od sum_(i != j) Cov[mean]_ij^2 + lambda_d sum_i (Cov[mean]_ii - 1)^2.

    Parameters
    ----------
    lambda_od, lambda_d : the weights off and on the diagonal.

    References
    ----------
    Kumar et al., Variational inference of disentangled latent concepts from unlabeled observations, ICLR 2018, equation
    6; lambda_d = 10 lambda_od for this form and lambda_d = lambda_od for the second, as in Locatello et al. 2019.
    """

    name: ClassVar[str] = "dip-i"
    lambda_od: float = 10.0
    lambda_d: float = 100.0

    def __post_init__(self) -> None:
        require_not_negative(self, "lambda_od", "lambda_d")

    def covariance_MDD(self, batch: Batch) -> Tensor:
        """What is pulled to the identity: Cov[mean]."""
        centred_MBD = batch.mean_MBD - batch.mean_MBD.mean(1, keepdim=True)
        return centred_MBD.mT @ centred_MBD / centred_MBD.shape[1]

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`."""
        covariance_MDD = self.covariance_MDD(batch)
        diagonal_MD = covariance_MDD.diagonal(dim1=1, dim2=2)
        off_MDD = covariance_MDD - torch.diag_embed(diagonal_MD)
        off_diagonal_M = (off_MDD**2).sum((1, 2))
        on_diagonal_M = ((diagonal_MD - 1) ** 2).sum(1)
        return batch.kl_M + self.lambda_od * off_diagonal_M + self.lambda_d * on_diagonal_M

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return "none"

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """The weight of the KL, 1."""
        return 1.0


@dataclass(frozen=True)
class DipVae2(DipVae1):
    """As `DipVae1` with the covariance of z itself, Cov[mean] + E[diag(exp(logvar))].

    References
    ----------
    Kumar et al. 2018, equation 7.
    """

    name: ClassVar[str] = "dip-ii"
    lambda_d: float = 10.0

    def covariance_MDD(self, batch: Batch) -> Tensor:
        """What is pulled to the identity: Cov[z], by the law of total covariance."""
        return super().covariance_MDD(batch) + torch.diag_embed(batch.logvar_MBD.exp().mean(1))
