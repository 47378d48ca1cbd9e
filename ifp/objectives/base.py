"""Objective: what is added to the reconstruction, and how it may steer the networks.

loss of a member = mean over the batch of the reconstruction + penalty, nats an image: the reconstruction summed over
pixels and channels, the KL over latents. Members never meet: member m's loss depends on row m of the batch alone.

Shapes: M members, B images of a batch, D latents.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from ifp.losses import gaussian_kl_nats

State = dict[str, Tensor]
"""What an objective remembers between steps, by name, with a leading member axis; part of every checkpoint."""


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch through M networks, with one draw of z an image.

    Attributes
    ----------
    recon_MB : reconstruction, nats an image.
    mean_MBD, logvar_MBD, z_MBD : posteriors and their draws.
    step : optimizer updates done before this one. total_steps : of the whole training.
    num_images : of the data set, N in estimates of the aggregated posterior.
    """

    recon_MB: Tensor
    mean_MBD: Tensor
    logvar_MBD: Tensor
    z_MBD: Tensor
    step: int
    total_steps: int
    num_images: int

    @cached_property
    def kl_MD(self) -> Tensor:
        """KL to N(0, 1) of each latent, averaged over the batch, nats."""
        return gaussian_kl_nats(self.mean_MBD, self.logvar_MBD).mean(1)

    @property
    def kl_M(self) -> Tensor:
        """KL summed over latents, averaged over the batch, nats."""
        return self.kl_MD.sum(-1)


@dataclass(frozen=True)
class Objective(ABC):
    """A training objective; its fields are its hyper-parameters, with the defaults of its paper.

    Subclasses are frozen dataclasses with a class attribute `name` (what `--objective` says). They are told the step
    and hold nothing themselves: what changes lies in the state.
    """

    name: ClassVar[str]

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """What is remembered before the first step; nothing by default."""
        return {}

    @abstractmethod
    def penalty(self, batch: Batch, state: State) -> Tensor:
        """What is added to the mean reconstruction of each member [M], differentiable."""

    @abstractmethod
    def pressure_M(self, step: int, total_steps: int, state: State) -> Tensor | float:
        """The weight of the KL at this step, as far as there is one; recorded as beta. NaN where there is none."""

    def update(self, batch: Batch, state: State) -> None:  # noqa: B027 - most objectives have nothing to change
        """Change the state in place after a step, under `no_grad` and without waiting for the device."""

    def route(self, mean_MBD: Tensor, logvar_MBD: Tensor, step: int, total_steps: int) -> tuple[Tensor, Tensor]:
        """The posteriors as the decoder is to see them; DEFT holds some latents back. Unchanged by default."""
        return mean_MBD, logvar_MBD

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        """Factors on the learning rate by the first letters of parameters' names; 1 for all by default."""
        return {}

    def stage(self, step: int, total_steps: int) -> int:
        """Which piece of a piecewise objective is at work, from 0; always 0 by default."""
        return 0
