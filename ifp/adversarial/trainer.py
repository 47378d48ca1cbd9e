"""GanTrainer: one generator, its discriminator and the head Q in training.

A step: power iteration of the normalised layers; trunk and D learn to tell real images from generated ones, and the
trunk to show the codes to Q; then generator and Q learn to deceive D, to show the codes and to keep them independent.
With a learned ratio of densities, its network learns last, from draws that are detached: its loss reaches neither
generator nor Q, which it would train to be dependent.

Networks train one at a time: the statistics of batch normalisation and the power iteration are one network's own.

Shapes: K steps of a block, B images of a batch, P pixels, D codes, N values of noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.adversarial.losses import (
    code_nll_BD,
    deceiving_loss,
    discriminator_loss,
    draw,
    weighted_total_correlation,
)
from ifp.adversarial.networks import GENERATOR, GanNetworks
from ifp.adversarial.objective import InfoGan
from ifp.adversarial.spectral import iterate
from ifp.networks.adam import Moments, StackedAdam
from ifp.objectives.base import ADVERSARY, State
from ifp.objectives.factor import FactorVae
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.state import MemberState
from ifp.training.trainer import BLOCK, generator

BETA2 = 0.999
"""Decay of Adam's second moment."""


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of one step, on the device.

    Attributes
    ----------
    codes_BD, noise_BN : of the generator. posterior_BD : noise of the draws of Q.
    target_2B : targets of "real" for D and for the generator.
    other_codes_BD, other_noise_BN, other_posterior_BD : of the images for the product of marginals.
    """

    codes_BD: Tensor
    noise_BN: Tensor
    posterior_BD: Tensor
    target_2B: Tensor
    other_codes_BD: Tensor
    other_noise_BN: Tensor
    other_posterior_BD: Tensor


def ratio_of(objective: InfoGan) -> FactorVae:
    """The network of the ratio of densities, FactorVAE's."""
    return FactorVae(
        hidden=objective.ratio_hidden, layers=objective.ratio_layers, discriminator_rate=objective.ratio_rate
    )


def fresh_gan(config: TrainConfig, objective: InfoGan, networks: GanNetworks, seed: int) -> MemberState:
    """GAN number `seed` before its first step."""
    parameters, buffers = networks.initial(generator(config, seed, "weights"))
    state: State = dict(buffers)
    if objective.learns_ratio:
        found = ratio_of(objective).initial_adversary(config.latents, generator(config, seed, "adversary"))
        state |= {ADVERSARY + name: value for name, value in found.items()}
    return MemberState(0, parameters, {}, state, {})


class GanTrainer:
    """One GAN in training.

    Parameters
    ----------
    images : real ones, on the device on which it trains.
    seed : the network's number. state : where it is.

    Attributes
    ----------
    step : steps done. finite : whether all losses so far were finite numbers, a tensor on the device.
    """

    def __init__(
        self,
        config: TrainConfig,
        objective: InfoGan,
        networks: GanNetworks,
        images: TrainingImages,
        seed: int,
        state: MemberState,
    ) -> None:
        self.config, self.objective, self.networks, self.images = config, objective, networks, images
        self.seed, self.step, device = seed, state.step, images.device
        self._leaves = {name: _leaf(value, device) for name, value in state.parameters.items()}
        self.buffers: State = {
            name: value.to(device, copy=True)
            for name, value in state.objective.items()
            if not name.startswith(ADVERSARY)
        }
        self._ratio_state: State = {
            name: _leaf(value, device) for name, value in state.objective.items() if name.startswith(ADVERSARY)
        }
        betas = (objective.beta1, BETA2)
        of_generator = {name: leaf for name, leaf in self._leaves.items() if name.startswith(GENERATOR)}
        of_discriminator = {name: leaf for name, leaf in self._leaves.items() if not name.startswith(GENERATOR)}
        self._generator = _adam(of_generator, config.learning_rate, betas, state.moments)
        self._discriminator = _adam(of_discriminator, objective.discriminator_rate, betas, state.moments)
        self.ratio = ratio_of(objective)
        self._ratio_adam = (
            _adam(self._ratio_state, objective.ratio_rate, betas, state.adversary) if self._ratio_state else None
        )
        self.finite = torch.ones((), dtype=torch.bool, device=device)

    @property
    def arrays(self) -> dict[str, Tensor]:
        """Parameters, without the member axis, and buffers, by name."""
        return {name: leaf.squeeze(0) for name, leaf in self._leaves.items()} | self.buffers

    @property
    def weight(self) -> float:
        """The weight of information in the last step."""
        return self.objective.weight_at(max(self.step - 1, 0), self.config.steps)

    def state_of(self) -> MemberState:
        """Where the GAN is, as copies."""
        moments = self._generator.moments_of(0) | self._discriminator.moments_of(0)
        kept = {name: leaf.detach()[0].clone() for name, leaf in self._leaves.items()}
        remembered = {name: value.clone() for name, value in self.buffers.items()}
        remembered |= {name: leaf.detach()[0].clone() for name, leaf in self._ratio_state.items()}
        adversary = self._ratio_adam.moments_of(0) if self._ratio_adam is not None else {}
        return MemberState(self.step, kept, moments, remembered, adversary)

    def run(self, steps: int) -> None:
        """Train `steps` more steps; blocks of random numbers begin here and every BLOCK steps on."""
        for start in range(0, steps, BLOCK):
            count = min(BLOCK, steps - start)
            chosen = generator(self.config, self.seed, "images", self.step)
            index_KB = self.images.draw(chosen, count, self.config.batch)
            for index_B, draws in zip(index_KB, self._block(count), strict=True):
                self._step(index_B, draws)

    def _block(self, count: int) -> list[Draws]:
        """The random numbers of so many steps; those of the product of marginals where they are used."""
        device, batch = self.images.device, self.config.batch
        drawn = generator(self.config, self.seed, "noise", self.step, str(device))
        sets = 2 if self.objective.learns_ratio else 1
        codes, noise = self.networks.codes, self.networks.noise
        code_KSBD = torch.rand((count, sets, batch, codes), generator=drawn, device=device) * 2 - 1
        noise_KSBN = torch.randn((count, sets, batch, noise), generator=drawn, device=device)
        posterior_KSBD = torch.randn((count, sets, batch, codes), generator=drawn, device=device)
        lowest = self.objective.smoothing
        target_K2B = lowest + (1 - lowest) * torch.rand((count, 2, batch), generator=drawn, device=device)
        return [
            Draws(
                code_KSBD[k, 0], noise_KSBN[k, 0], posterior_KSBD[k, 0], target_K2B[k],
                code_KSBD[k, -1], noise_KSBN[k, -1], posterior_KSBD[k, -1],
            )
            for k in range(count)
        ]  # fmt: skip

    def _step(self, index_B: Tensor, draws: Draws) -> None:
        weight, networks = self.objective.weight_at(self.step, self.config.steps), self.networks
        real_BP = self.images.at(index_B[None])[0]
        arrays = self.arrays
        iterate(arrays, self.buffers)
        fake_BP = networks.generate(arrays, draws.noise_BN, draws.codes_BD, training=True)
        loss = self._discriminator_loss(arrays, real_BP, fake_BP.detach(), draws, weight)
        self._discriminator.descend([loss])
        arrays = self.arrays  # trunk and D have moved, the generator has not
        generator_loss, draw_BD = self.generator_loss(arrays, fake_BP, draws, weight)
        self._generator.descend([generator_loss])
        if self._ratio_adam is not None:
            other_BD = self._other_draw(self.arrays, draws)
            self._ratio_adam.descend([self.ratio_loss(draw_BD, other_BD)])
        self.finite &= (loss + generator_loss).detach().isfinite()
        self.step += 1

    def _discriminator_loss(
        self, arrays: dict[str, Tensor], real_BP: Tensor, fake_BP: Tensor, draws: Draws, weight: float
    ) -> Tensor:
        """What trunk and D descend."""
        networks, batch = self.networks, len(real_BP)
        features = networks.features(arrays, torch.cat([real_BP, fake_BP]))
        logit = networks.real_logit(arrays, features)
        loss = discriminator_loss(logit[:batch], logit[batch:], draws.target_2B[0])
        if self.objective.trunk == "both" and weight > 0:
            mean, logvar = networks.posterior(arrays, features[batch:])
            loss = loss + weight * code_nll_BD(draws.codes_BD, mean, logvar).sum(1).mean()
        return loss

    def generator_loss(
        self, arrays: dict[str, Tensor], fake_BP: Tensor, draws: Draws, weight: float
    ) -> tuple[Tensor, Tensor]:
        """What generator, h and Q descend; and a draw of Q for each image [B, D], of which TC is taken."""
        networks = self.networks
        features = networks.features(arrays, fake_BP)
        mean, logvar = networks.posterior(arrays, features)
        nll = code_nll_BD(draws.codes_BD, mean, logvar).sum(1).mean()
        loss = deceiving_loss(networks.real_logit(arrays, features), draws.target_2B[1]) + weight * nll
        draw_BD = draw(mean, logvar, draws.posterior_BD)
        if self.objective.tc_weight > 0:
            loss = loss + self.objective.tc_weight * self.total_correlation(mean, logvar, draw_BD)
        return loss, draw_BD

    def total_correlation(
        self, mean_BD: Tensor, logvar_BD: Tensor, draw_BD: Tensor, num_images: int | None = None
    ) -> Tensor:
        """Total correlation of the draws by the objective's estimator, nats; the ratio's network gets no gradient.

        num_images : N in the weights 1 / (B N) of "mws"; None for that of the data set, 1 for an estimate of the batch.
        """
        if self.objective.learns_ratio:
            return self.ratio.total_correlation_M(draw_BD[None], self._ratio_state)[0]
        return weighted_total_correlation(mean_BD, logvar_BD, draw_BD, num_images or len(self.images))

    def ratio_loss(self, draw_BD: Tensor, other_BD: Tensor) -> Tensor:
        """What the ratio's network descends; the draws are detached."""
        return self.ratio.adversary_loss_M(draw_BD[None], other_BD[None], self._ratio_state)[0]

    @torch.no_grad()
    def _other_draw(self, arrays: dict[str, Tensor], draws: Draws) -> Tensor:
        """Draws of Q for fresh generated images, [B, D]."""
        fake_BP = self.networks.generate(arrays, draws.other_noise_BN, draws.other_codes_BD, training=True)
        mean, logvar = self.networks.posterior(arrays, self.networks.features(arrays, fake_BP))
        return draw(mean, logvar, draws.other_posterior_BD)


def _leaf(value: Tensor, device: torch.device) -> Tensor:
    """A trainable copy with a member axis, as `StackedAdam` takes it."""
    return value.detach().to(device, copy=True)[None].requires_grad_()


def _adam(leaves: dict[str, Tensor], rate: float, betas: tuple[float, float], moments: Moments) -> StackedAdam:
    kept = {name: moment for name, moment in moments.items() if name in leaves}
    return StackedAdam(leaves, rate, betas, [kept] if kept else ())
