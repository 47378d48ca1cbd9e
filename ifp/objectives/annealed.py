"""AnnealedVAE (Burgess et al. 2018): the KL is held at a capacity that rises as training goes.

Shapes: M members.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ifp.objectives.base import Batch, Objective, State
from ifp.objectives.options import require_positive


@dataclass(frozen=True)
class AnnealedVae(Objective):
    """gamma |KL(q(z|x) || p(z)) - C|, with the capacity C rising linearly from 0 to c_max.

    Parameters
    ----------
    gamma : cost per nat of distance from the capacity.
    c_max : the final capacity, nats. threshold_steps : steps until it is reached.

    References
    ----------
    Burgess et al., Understanding disentangling in beta-VAE, 2018, equation 8; dSprites: gamma 1000, 25 nats at 100,000.

    Notes
    -----
    From 2021-05 to 2021-09 the DEFT author's code took the larger of c_max and the rising value, which is the full
    capacity from the first step. This is the smaller, as in the paper.
    """

    name: ClassVar[str] = "annealed"
    gamma: float = 1000.0
    c_max: float = 25.0
    threshold_steps: int = 100_000

    def __post_init__(self) -> None:
        require_positive(self, "gamma", "c_max", "threshold_steps")

    def capacity(self, step: int) -> float:
        """C after `step` updates, nats."""
        return min(self.c_max, self.c_max * step / self.threshold_steps)

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`."""
        return self.gamma * (batch.kl_M - self.capacity(batch.step)).abs()

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.capacity(step)

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """NaN: gamma pulls the KL down above the capacity and up below it, so it is no weight of the KL."""
        return math.nan
