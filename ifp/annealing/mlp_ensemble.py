"""MlpEnsemble: an `Ensemble` of `MlpNetwork` on a CPU that trains faster, because its gradients are by hand.

Shapes: those of `ifp.annealing.ensemble`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.annealing.ensemble import Ensemble, as_float
from ifp.likelihood import Likelihood
from ifp.networks.flat_adam import FlatParameters
from ifp.networks.fully_connected import FROZEN_PARAMETERS, MlpNetwork, Network, Parameters
from ifp.networks.losses import gaussian_kl_nats
from ifp.networks.mlp_step import MlpStep, PixelTarget


class MlpEnsemble:
    """See `Ensemble`, whose parameters and methods these are."""

    def __init__(
        self,
        network: MlpNetwork,
        members: Sequence[Parameters],
        images_MNP: Tensor,
        weight_MP: Tensor,
        *,
        likelihood: Likelihood,
        learning_rate: float,
    ) -> None:
        self.network, self.likelihood = network, likelihood
        self._trained = FlatParameters(
            [{n: v for n, v in member.items() if n not in FROZEN_PARAMETERS} for member in members], learning_rate
        )
        self._frozen = {name: torch.stack([member[name] for member in members]) for name in FROZEN_PARAMETERS}
        self.images_RNP, self.weight_RP = images_MNP, weight_MP
        self._step: MlpStep | None = None
        self._record: MlpStep | None = None

    def __len__(self) -> int:
        return len(self.images_RNP)

    @property
    def parameters(self) -> Parameters:
        """All of the networks' parameters, [R, ...] each, to be read and written in place."""
        return {**self._frozen, **self._trained.values}

    @torch.no_grad()
    def train(self, noise_KMSND: Tensor, beta_KM: Tensor, index_KMN: Tensor | None = None) -> None:
        """See `Ensemble.train`."""
        draws, images = noise_KMSND.shape[2:4]
        step = self._step = self._step or MlpStep(self._trained, draws, images)
        pressure_KM11 = (beta_KM / images)[:, :, None, None]
        target = self._show(step, self.images_RNP, draws) if index_KMN is None else None
        for k in range(len(beta_KM)):
            if index_KMN is not None:
                index_RNP = index_KMN[k, :, :, None].expand(-1, -1, self.images_RNP.shape[2])
                target = self._show(step, self.images_RNP.gather(1, index_RNP), draws)
            assert target is not None
            step.take(noise_KMSND[k], target, pressure_KM11[k])

    def _show(self, step: MlpStep, images_RNP: Tensor, draws: int) -> PixelTarget:
        """Give `step` these images, and return what its decoder is to give."""
        x, p = as_float(images_RNP), self._frozen
        torch.mul(x - p["mean_P"], p["input_scale_P"], out=step.x_RNP)
        return PixelTarget(x, self.weight_RP, p["output_scale"], self.likelihood, draws)

    @torch.no_grad()
    def evaluate(self, noise_MSND: Tensor) -> tuple[Tensor, Tensor]:
        """See `Ensemble.evaluate`."""
        x, (draws, images) = as_float(self.images_RNP), noise_MSND.shape[1:3]
        step = self._record = self._record or MlpStep(self._trained, draws, images)
        self._show(step, x, draws)
        step.forward(noise_MSND)
        scale_M11, recon_M = self._frozen["output_scale"], x.new_empty(len(x))
        if bool((scale_M11 != 1).any()):
            step.out_RSNP.mul_(scale_M11[..., None])
        # one row at a time, so that what is computed on the way stays in the caches
        cost_SNP = torch.empty_like(step.out_RSNP[0])
        for row, out_SNP in enumerate(step.out_RSNP):
            self.likelihood.cost_into(cost_SNP, out_SNP, x[row])
            recon_M[row] = cost_SNP.mean((0, 1)).mul_(self.weight_RP[row]).sum()
        return recon_M, gaussian_kl_nats(step.mean_RND, step.logvar_RND).mean(1)

    def keep(self, members: Sequence[int]) -> None:
        """See `Ensemble.keep`."""
        rows = list(members)
        self._step, self._record = None, None
        self._trained.keep(rows)
        self._frozen = {name: value[rows] for name, value in self._frozen.items()}
        self.images_RNP, self.weight_RP = self.images_RNP[rows], self.weight_RP[rows]


def make_ensemble(
    network: Network,
    members: Sequence[Parameters],
    images_MNP: Tensor,
    weight_MP: Tensor,
    *,
    likelihood: Likelihood,
    learning_rate: float,
    precision: str = "float32",
) -> Ensemble | MlpEnsemble:
    """The members in training, by hand where that is written; see `Ensemble`."""
    if isinstance(network, MlpNetwork) and images_MNP.device.type == "cpu" and precision == "float32":
        return MlpEnsemble(network, members, images_MNP, weight_MP, likelihood=likelihood, learning_rate=learning_rate)
    return Ensemble(
        network, members, images_MNP, weight_MP,
        likelihood=likelihood, learning_rate=learning_rate, precision=precision,
    )  # fmt: skip
