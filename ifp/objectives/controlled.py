"""ControlVAE and DynamicVAE (Shao et al.): beta is set by a controller that leads the KL to a set point.

The error is e = set point - KL of the batch, nats. A KL above the set point makes it negative, and beta rises. Each
step's KL sets the beta of the next step.

The integral must not grow on while beta stands at a limit ("wind-up"). The papers' code stops it whenever the last
beta was beyond a limit; after a large error it is then stranded there, since nothing is left that could bring it back.
Here it is cut where beta reaches the limit, so that the next error the other way takes effect at once.

Shapes: M members, T remembered steps.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.errors import bad_value
from ifp.objectives.base import Batch, Objective, State
from ifp.objectives.options import require_not_negative, require_positive


@dataclass(frozen=True)
class ControlledObjective(Objective):
    """beta_t KL, with beta_t by a controller.

    Parameters
    ----------
    set_point : the KL in the end, nats. set_point_start : at the start.
    set_point_rise, set_point_every, set_point_ramp : every so many steps the set point rises by so many nats, evenly
        over the first `set_point_ramp` steps of the period.
    kp, ki : gains of the proportional and the integral part, both positive.
    beta_min, beta_max : the limits of beta; no upper limit where None.
    """

    set_point: float = 18.0
    set_point_start: float = 0.5
    set_point_rise: float = 0.15
    set_point_every: int = 5000
    set_point_ramp: int = 1
    kp: float = 0.01
    ki: float = 0.001
    beta_min: float = 1.0
    beta_max: float | None = None

    def __post_init__(self) -> None:
        require_not_negative(self, "set_point", "set_point_start", "set_point_rise", "kp", "beta_min")
        require_positive(self, "ki", "set_point_every", "set_point_ramp")
        if self.set_point_ramp > self.set_point_every:
            raise bad_value(
                f"{self.name}: set_point_ramp", self.set_point_ramp, f"at most set_point_every, {self.set_point_every}"
            )
        if self.beta_max is not None and not self.beta_min < self.beta_max < math.inf:
            raise bad_value(f"{self.name}: beta_max", self.beta_max, f"above beta_min, {self.beta_min:g}")

    def set_point_at(self, step: int) -> float:
        """The KL that is aimed at after `step` updates, nats."""
        periods, within = divmod(step, self.set_point_every)
        rises = max(periods - 1, 0) + (min((within + 1) / self.set_point_ramp, 1.0) if periods else 0.0)
        return min(self.set_point, self.set_point_start + self.set_point_rise * rises)

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`."""
        return state["beta_M"] * batch.kl_M

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.set_point_at(step)

    def pressure_M(self, step: int, total_steps: int, state: State) -> Tensor:
        """Beta, of each member."""
        return state["beta_M"]


@dataclass(frozen=True)
class ControlVae(ControlledObjective):
    """beta_t = kp / (1 + exp(e_t)) - ki sum_s e_s + beta_min, within the limits: a PI controller in position form.

    References
    ----------
    Shao et al., ControlVAE: controllable variational autoencoder, ICML 2020, algorithm 1; the numbers are
    those of its dSprites run ControlVAE-18.
    """

    name: ClassVar[str] = "control"

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """beta_min and an empty integral [M]."""
        return {
            "beta_M": torch.full((members,), self.beta_min, dtype=torch.float32, device=device),
            "integral_M": torch.zeros(members, device=device),
        }

    def update(self, batch: Batch, state: State) -> None:
        """Beta of the next step."""
        error_M = self.set_point_at(batch.step) - batch.kl_M
        proportional_M = self.kp * torch.sigmoid(-error_M)
        integral_M = state["integral_M"] - self.ki * error_M
        unlimited_M = proportional_M + integral_M + self.beta_min
        beta_M = unlimited_M.clamp(self.beta_min, self.beta_max)
        state["beta_M"].copy_(beta_M)
        state["integral_M"].copy_(integral_M + (beta_M - unlimited_M))


@dataclass(frozen=True)
class DynamicVae(ControlledObjective):
    """beta_t = beta_(t-1) + kp (1 / (1 + exp(e_t)) - 1 / (1 + exp(e_(t-1)))) - ki e_t: a PI controller in steps.

    It starts at a high beta, so that little freezes before the set point lets it, and the error is that of the mean KL
    of the last few steps. Beta is its own integral: held within the limits, it does not wind up.

    Parameters
    ----------
    beta_start : the first beta. window : steps of the mean KL, whose places count as 0 until they are filled.

    References
    ----------
    Shao et al., DynamicVAE: decoupling reconstruction error and disentangled representation learning, 2020
    (arXiv:2009.06795); the numbers are those of its dSprites run.
    """

    name: ClassVar[str] = "dynamic"
    set_point: float = 20.0
    set_point_every: int = 6000
    set_point_ramp: int = 1000
    ki: float = 0.005
    beta_min: float = 0.1
    beta_start: float = 50.0
    window: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "window")
        if not self.beta_min <= self.beta_start <= (self.beta_max or math.inf):
            raise bad_value("dynamic: beta_start", self.beta_start, "between beta_min and beta_max")

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """The first beta and error [M], and the remembered KL [M, T]."""
        return {
            "beta_M": torch.full((members,), self.beta_start, dtype=torch.float32, device=device),
            "error_M": torch.zeros(members, device=device),
            "recent_MT": torch.zeros(members, self.window, device=device),
        }

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.set_point_at(step), step % self.window

    def update(self, batch: Batch, state: State) -> None:
        """Beta of the next step."""
        state["recent_MT"][:, batch.step % self.window] = batch.kl_M
        error_M = self.set_point_at(batch.step) - state["recent_MT"].mean(1)
        proportional_M = self.kp * (torch.sigmoid(-error_M) - torch.sigmoid(-state["error_M"]))
        beta_M = state["beta_M"] + proportional_M - self.ki * error_M
        state["beta_M"].copy_(beta_M.clamp(self.beta_min, self.beta_max))
        state["error_M"].copy_(error_M)
