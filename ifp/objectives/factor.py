"""FactorVAE (Kim and Mnih 2018): the total correlation, as a discriminator sees it.

The discriminator tells draws of q(z) from draws of the product of its marginals. Its two outputs are logits, of "drawn
from q(z)" and of "drawn from the product", so their difference is the logarithm of the ratio of the two densities,
whose mean under q(z) is the total correlation.

Shapes: M members, B images of a batch, D latents.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.errors import IfpError, bad_value
from ifp.objectives.base import ADVERSARY, AdversarialObjective, Batch, State
from ifp.objectives.law import LawObjective
from ifp.objectives.options import require_not_negative, require_positive, warm_up

LEAK = 0.2
"""Slope of the discriminator's LeakyReLU for negative inputs."""


@dataclass(frozen=True)
class FactorVae(AdversarialObjective, LawObjective):
    """beta (KL + gamma TC), where TC = E_q(z)[log D(z) - log (1 - D(z))].

    Parameters
    ----------
    gamma : weight of the total correlation.
    beta : 1, as in the paper. law, beta_start, beta_end, law_steps : see `LawObjective`; both terms move.
    hidden, layers : units per hidden layer of the discriminator, and the number of such layers.
    discriminator_rate, discriminator_beta1, discriminator_beta2 : learning rate and decay rates of its Adam.
    warmup_steps : steps over which gamma rises from 0.

    References
    ----------
    Kim and Mnih, Disentangling by factorising, ICML 2018: equation 2, algorithm 2, appendix A.
    """

    name: ClassVar[str] = "factor"
    gamma: float = 35.0
    hidden: int = 1000
    layers: int = 6
    discriminator_rate: float = 1e-4
    discriminator_beta1: float = 0.5
    discriminator_beta2: float = 0.9
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "gamma", "warmup_steps")
        require_positive(self, "hidden", "layers", "discriminator_rate")
        for name in ("discriminator_beta1", "discriminator_beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise bad_value(f"factor: {name}", getattr(self, name), "at least 0 and below 1")

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`; the discriminator's parameters get no gradient."""
        total_correlation_M = self.total_correlation_M(batch.z_MBD, state)
        penalty_M = batch.kl_M + self.gamma * warm_up(batch.step, self.warmup_steps) * total_correlation_M
        return self.beta_at(batch.step, batch.total_steps) * penalty_M

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.beta_at(step, total_steps), warm_up(step, self.warmup_steps)

    def total_correlation_M(self, z_MBD: Tensor, state: State) -> Tensor:
        """Mean log ratio of the densities of q(z) and of the product, nats; the discriminator gets no gradient."""
        logits_MB2 = self._logits(z_MBD, {name: value.detach() for name, value in state.items()})
        return (logits_MB2[..., 0] - logits_MB2[..., 1]).mean(1)

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """The weight of the KL, beta."""
        return self.beta_at(step, total_steps)

    @property
    def adversary_rate(self) -> float:
        """See `AdversarialObjective.adversary_rate`."""
        return self.discriminator_rate

    @property
    def adversary_betas(self) -> tuple[float, float]:
        """See `AdversarialObjective.adversary_betas`."""
        return self.discriminator_beta1, self.discriminator_beta2

    def initial_adversary(self, latents: int, generator: torch.Generator) -> State:
        """He initialisation; the last layer small, so that the first total correlations are near 0."""
        sizes = [latents, *[self.hidden] * self.layers, 2]
        parameters: State = {}
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            gain = 0.01 if layer == self.layers else math.sqrt(2 / (1 + LEAK**2))
            parameters[f"{layer}.weight"] = torch.randn(inputs, outputs, generator=generator) * gain / math.sqrt(inputs)
            parameters[f"{layer}.bias"] = torch.zeros(1, outputs)
        return parameters

    def adversary_loss_M(self, z_MBD: Tensor, other_z_MBD: Tensor, state: State) -> Tensor:
        """Cross-entropy of the discriminator, half from either kind of draw; neither z gets a gradient."""
        joint_MB2 = self._logits(z_MBD.detach(), state)
        product_MB2 = self._logits(product_of_marginals(other_z_MBD.detach()), state)
        return -0.5 * (joint_MB2.log_softmax(-1)[..., 0] + product_MB2.log_softmax(-1)[..., 1]).mean(1)

    def _logits(self, z_MBD: Tensor, state: State) -> Tensor:
        h = z_MBD
        for layer in range(self.layers + 1):
            weight, bias = state[f"{ADVERSARY}{layer}.weight"], state[f"{ADVERSARY}{layer}.bias"]
            h = torch.baddbmm(bias, h, weight)
            h = F.leaky_relu(h, LEAK) if layer < self.layers else h
        return h


def product_of_marginals(z_MBD: Tensor) -> Tensor:
    """Draws of the product of q(z)'s marginals: latent j of row b comes from row b + j of the batch.

    The paper permutes each latent at random over the batch. The images of a batch are drawn at random already, so
    moving each latent by another number of rows does the same, without a generator, and never joins two latents of one
    image.

    Raises
    ------
    IfpError : fewer images than latents, where two latents would move alike.

    >>> product_of_marginals(torch.tensor([[[1, 10], [2, 20], [3, 30]]])).tolist()
    [[[1, 20], [2, 30], [3, 10]]]
    """
    batch, latents = z_MBD.shape[1:]
    if batch < latents:
        raise IfpError(f"factor needs batches of at least as many images as latents, {latents}, got {batch}.")
    return torch.stack([z_MBD[..., j].roll(-j, dims=1) for j in range(latents)], dim=-1)
