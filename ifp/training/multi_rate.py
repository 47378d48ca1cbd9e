"""The trainer of multi-rate VAEs, and the check of their settings.

Shapes: M members, R rows, K steps of a block, B images, P pixels, D latents.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifp.datasets.base import FactorDataset
from ifp.networks.gated import GatedNetwork
from ifp.objectives.base import Batch
from ifp.objectives.build import build
from ifp.objectives.multi_rate import MultiRate
from ifp.system.cpus import granted_cpus
from ifp.system.devices import check_device
from ifp.system.precision import check_precision
from ifp.training.config import TrainConfig
from ifp.training.setup import Setup, draw_probability
from ifp.training.trainer import BLOCK, Trainer, generator, make_network


class MultiRateTrainer(Trainer):
    """Members in training at all betas of a range; see `Trainer`.

    The betas of a batch are one in each of B equal parts of the range, on the logarithmic scale, in any order of the
    images: each is uniform, and none of the range is left out of a step.
    """

    def run(self, steps: int) -> None:
        """Train `steps` more steps; blocks of random numbers begin here and every BLOCK steps on."""
        for start in range(0, steps, BLOCK):
            count = min(BLOCK, steps - start)
            self._first, self._unit_KRB = self.step, self._draw_units(count)
            super().run(count)

    def _draw_units(self, count: int) -> Tensor:
        """Places in the range, [K, R, B], of the next `count` steps."""
        batch = self.config.batch
        drawn = []
        for seed in self.seeds:
            of_seed = generator(self.config, seed, "betas", self.step)
            drawn.append((torch.arange(batch) + torch.rand(count, batch, generator=of_seed)) / batch)
        return torch.stack([drawn[member] for member in self.vaes.row_members], 1).to(self.images.device)

    def _update(self, index_RB: Tensor, noise_RBD: Tensor) -> Tensor:
        objective, network = self.objective, self.vaes.network
        assert isinstance(objective, MultiRate)
        assert isinstance(network, GatedNetwork)
        unit_RB = self._unit_KRB[self.step - self._first]
        eta_RB = objective.range.eta_at(unit_RB)
        x_RBP = self.images.at(index_RB)
        mean, logvar = network.encode_at(self.vaes.parameters, x_RBP, eta_RB)
        z = mean + (0.5 * logvar).exp() * noise_RBD
        out = network.decode_at(self.vaes.parameters, z, eta_RB)
        recon_RB = self.likelihood.summed_cost(out, x_RBP)
        batch = Batch(
            recon_RB, mean, logvar, z, self.step, self.config.steps, len(self.images),
            pressure_MB=objective.range.beta_at(unit_RB),
        )  # fmt: skip
        loss_R = recon_RB.mean(1) + objective.penalty(batch, self.state)
        self.finite_R &= loss_R.detach().isfinite()
        self.vaes.adam.descend([loss_R.sum()])
        return self.finite_R


def set_up_multi_rate(
    dataset: FactorDataset, config: TrainConfig, *, device: str = "auto", threads: int | None = None
) -> Setup:
    """Check everything that can be checked before the images are read; see `ifp.training.setup.set_up`.

    Raises
    ------
    IfpError : a network without gates, a device, or options that do not suit.
    """
    where = torch.device(check_device(device))
    check_precision(config.precision, str(where))
    objective = build(MultiRate, config.options)
    network = make_network(config, objective, dataset.image_shape)
    return Setup(
        dataset,
        config,
        objective,
        network,
        where,
        threads or min(torch.get_num_threads(), granted_cpus()),
        draw_probability(dataset, config),
        trainer=MultiRateTrainer,
    )
