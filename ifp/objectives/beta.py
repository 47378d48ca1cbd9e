"""beta-VAE (Higgins et al. 2017): the KL at a weight of its own.

Shapes: M members.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ifp.objectives.base import Batch, State
from ifp.objectives.law import LawObjective


@dataclass(frozen=True)
class BetaVae(LawObjective):
    """beta KL(q(z|x) || p(z)); beta 1 is the VAE, and a falling law is the annealing test of a whole data set.

    Parameters
    ----------
    beta : 4, the value for dSprites. law, beta_start, beta_end, law_steps : see `LawObjective`.

    References
    ----------
    Higgins et al., beta-VAE, ICLR 2017, equation 4.
    """

    name: ClassVar[str] = "beta"
    beta: float = 4.0

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`."""
        return self.beta_at(batch.step, batch.total_steps) * batch.kl_M

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.beta_at(step, total_steps)

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """Beta."""
        return self.beta_at(step, total_steps)
