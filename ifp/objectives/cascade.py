"""CascadeVAE-C (Jeong and Song 2019): latents are freed one after the other.

Shapes: M members, D latents.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.errors import bad_value
from ifp.objectives.base import Batch, Objective, State
from ifp.objectives.options import require_not_negative, require_positive


@dataclass(frozen=True)
class CascadeVae(Objective):
    """sum_j beta_j KL_j: beta_j is beta_min for the latents that are free and beta_max for those that are held.

    The first latent is free from the start, one more every `stage_steps`.

    Parameters
    ----------
    beta_min, beta_max : the two weights. stage_steps : steps between two latents.

    References
    ----------
    Jeong and Song, Learning discrete and continuous factors of data via alternating disentanglement, ICML 2019
    (information cascading, its continuous part); the numbers are those of its dSprites code.
    """

    name: ClassVar[str] = "cascade"
    beta_min: float = 0.1
    beta_max: float = 10.0
    stage_steps: int = 20_000

    def __post_init__(self) -> None:
        require_not_negative(self, "beta_min")
        require_positive(self, "beta_max", "stage_steps")
        if self.beta_min > self.beta_max:
            raise bad_value("cascade: beta_min", self.beta_min, f"at most beta_max, {self.beta_max:g}")

    def beta_D(self, step: int, latents: int, device: torch.device | str = "cpu") -> Tensor:
        """The weight of each latent's KL after `step` updates."""
        held_D = torch.arange(latents, device=device) > self.stage(step, 0)
        return torch.where(held_D, self.beta_max, self.beta_min)

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """The weights of the latents at the start [M, D]."""
        return {"beta_MD": self.beta_D(0, latents, device).repeat(members, 1)}

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`."""
        return (state["beta_MD"] * batch.kl_MD).sum(-1)

    def update(self, batch: Batch, state: State) -> None:
        """The weights of the next step, where they change."""
        if self.stage(batch.step + 1, 0) == self.stage(batch.step, 0):
            return
        beta_MD = state["beta_MD"]
        beta_MD.copy_(self.beta_D(batch.step + 1, beta_MD.shape[1], beta_MD.device).expand_as(beta_MD))

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.stage(step, 0), self.stage(step + 1, 0)

    def pressure_M(self, step: int, total_steps: int, state: State) -> Tensor:
        """NaN while latents differ in their weights, which are in the state; beta_min once all are free."""
        beta_MD = state["beta_MD"]
        alike_M = (beta_MD == beta_MD[:, :1]).all(-1)
        return torch.where(alike_M, beta_MD[:, 0], torch.nan)

    def stage(self, step: int, total_steps: int) -> int:
        """How many latents have been freed after the first; it counts on when all are free."""
        return step // self.stage_steps
