"""DEFT: groups of latents that learn one after the other, at falling pressure.

In stage s, group s is trained at the pressure of that stage. The posteriors of later groups are the prior (mean 0, log
variance 0: constants without a gradient, of KL 0, whose z is pure noise), and the gradients into earlier groups are
reduced. Their encoders thus keep what they hold while the current group takes what the lower pressure lets in. The
published code reduced these gradients in three ways:

- `scale` (2021-04 to 2021-07): one encoder; the gradients of the reconstruction and of the KL on the means and log
  variances of earlier groups are multiplied by gamma. They share the trunk with the current group, so the trunk
  moves, and with it what the earlier groups encode, even at gamma 0, where only their last layers are frozen.
- `rate` (what the abstract describes, the default): each group has an encoder of its own, and those of earlier
  groups learn at gamma times the learning rate.
- `freeze` (2022): each group has an encoder of its own; the earlier ones are frozen and followed by a learned
  diagonal projection, mean x exp(W1) and log variance + W2, which is the identity at the start. There is no gamma.

Why `scale` shares its trunk: Adam divides by the size of the gradients that it remembers, so an encoder of its own
does not notice that all of its gradients are multiplied by gamma. After the change it moves more slowly, until the
larger gradients are forgotten, which takes ln(1 / gamma^2) / (1 - beta_2) steps: 4,600 for 0.1.

The decoder is shared by all groups and learns at the full rate in every stage and mode: it has to draw what the
current group adds. A frozen group is therefore kept in the encoder alone.

Shapes: M members, B images, D latents.

References
----------
Wu et al., DEFT: distilling entangled factors by preventing information diffusion, Machine Learning 111 (2022).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.errors import IfpError, bad_value, unknown_name
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, Network
from ifp.networks.grouped import GroupedConv, GroupedMlp
from ifp.networks.shared_trunk import SharedConv, SharedMlp
from ifp.objectives.base import Batch, Objective, State

MODES = ("rate", "scale", "freeze")
STAGES_BY = ("steps", "beta")


@dataclass(frozen=True)
class Deft(Objective):
    """beta(t) x KL of the groups trained so far; see the module for the modes.

    Parameters
    ----------
    betas : the pressures, falling. By steps, that of each stage; by beta, where each stage ends, so that there is one
        stage more.
    gamma : share of the gradients, or of the learning rate, that is left to earlier groups, from 0 to 1; not used by
        `freeze`.
    mode : one of MODES.
    group_size : latents per group; None divides the latents by the number of stages and rounds down, as in all
        published settings. Groups beyond the last stage stay at the prior, as do the last 2 of 10 latents in 4 stages.
    stage_steps : length of a stage; None makes the last stage twice as long as the others. The last one goes on to
        the end of the training.
    stages_by : "steps", or "beta": the pressure falls as max(beta_max exp(-rate t / T), 1) over T steps, and a stage
        ends when it has reached the next of `betas`.
    beta_max, rate : of that law; the defaults are the author's.

    Raises
    ------
    IfpError : a value out of its range, pressures that do not fall.
    """

    betas: tuple[float, ...] = (70.0, 30.0, 12.0, 1.0)
    gamma: float = 0.1
    mode: str = "rate"
    group_size: int | None = None
    stage_steps: int | None = None
    stages_by: str = "steps"
    beta_max: float = 150.0
    rate: float = 20.0
    name: ClassVar[str] = "deft"

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "betas", tuple(float(beta) for beta in self.betas))
        except (TypeError, ValueError) as error:
            raise bad_value("betas", self.betas, "a list of numbers, such as [70, 30, 12, 1]") from error
        if self.mode not in MODES:
            raise unknown_name("mode of DEFT", self.mode, MODES)
        if self.stages_by not in STAGES_BY:
            raise unknown_name("way to change stages", self.stages_by, STAGES_BY)
        positive = bool(self.betas) and all(math.isfinite(beta) and beta > 0 for beta in self.betas)
        if not positive or any(later >= beta for beta, later in zip(self.betas, self.betas[1:], strict=False)):
            shown = [f"{beta:g}" for beta in self.betas]
            raise IfpError(
                "The pressures of DEFT must be positive numbers of which each is below the one before, "
                f"got {', '.join(shown) or 'none'}; order them from high to low and leave out what is there twice."
            )
        if not 0 <= self.gamma <= 1:
            raise bad_value("gamma", self.gamma, "a number from 0 to 1")
        for name in ("group_size", "stage_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise bad_value(name, value, "a whole number of at least 1")
        if self.stages_by == "beta":
            self._check_law()

    def _check_law(self) -> None:
        if self.stage_steps is not None:
            raise IfpError(
                f"stage_steps {self.stage_steps} has no meaning where beta ends the stages; leave one of both out."
            )
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise bad_value("rate", self.rate, "a positive number")
        if not (math.isfinite(self.beta_max) and self.beta_max > self.betas[0]):
            raise bad_value("beta_max", self.beta_max, f"a number above the first pressure, {self.betas[0]:g}")
        if self.betas[-1] < 1:
            raise IfpError(f"beta falls to 1 and no further, so that it never reaches {self.betas[-1]:g}; end with 1.")

    @property
    def num_stages(self) -> int:
        """How many stages there are."""
        return len(self.betas) + (self.stages_by == "beta")

    def groups(self, latents: int) -> int:
        """See `Objective.groups`; raises IfpError where the latents cannot be divided so."""
        stages = self.num_stages
        size = self.group_size or max(latents // stages, 1)
        if latents % size or latents // size < stages:
            fitting = max(math.ceil(latents / size), stages) * size
            raise IfpError(
                f"{latents} latents are not divided into groups of {size}, at least {stages} of them, one for each "
                f"stage of DEFT; use {fitting} latents or another group_size."
            )
        return latents // size

    def check(self, latents: int, total_steps: int) -> None:
        """See `Objective.check`: the latents must make whole groups, and the last stage must begin."""
        self.groups(latents)
        last = self.num_stages - 1
        if self.stage(total_steps - 1, total_steps) == last:
            return
        if self.stages_by == "beta":
            beta = self._law(total_steps - 1, total_steps)
            raise IfpError(
                f"beta falls to {beta:.4g} only and the last stage of DEFT begins at {self.betas[-1]:g}; give a rate "
                f"above {math.log(self.beta_max / self.betas[-1]):.4g}, or train for more steps."
            )
        per_stage = self._stage_steps(total_steps)
        raise IfpError(
            f"The last of {last + 1} stages of {per_stage} steps begins after {last * per_stage} steps, but the "
            f"training has {total_steps}; train longer or give a smaller stage_steps."
        )

    def network(self, plain: Network) -> Network:
        """See `Objective.network`: encoders of the groups' own, or last layers of their own on one trunk."""
        if isinstance(plain, MlpNetwork):
            groups = self.groups(plain.latents)
            if self.mode == "scale":
                return SharedMlp(plain, groups)
            return GroupedMlp(plain.hidden, plain.latents, groups, projected=self.mode == "freeze")
        if isinstance(plain, ConvNetwork):
            groups = self.groups(plain.latents)
            if self.mode == "scale":
                return SharedConv(plain, groups)
            return GroupedConv(plain.image_shape, plain.latents, groups, projected=self.mode == "freeze")
        raise IfpError(f"DEFT divides the mlp and conv networks, got {type(plain).__name__}; use one of those.")

    def _stage_steps(self, total_steps: int) -> int:
        return self.stage_steps or max(total_steps // (self.num_stages + 1), 1)

    def _law(self, step: int, total_steps: int) -> float:
        return max(self.beta_max * math.exp(-self.rate * step / total_steps), 1.0)

    def stage(self, step: int, total_steps: int) -> int:
        """See `Objective.stage`."""
        if self.stages_by == "beta":
            beta = self._law(step, total_steps)
            return sum(beta <= end for end in self.betas)
        return min(step // self._stage_steps(total_steps), self.num_stages - 1)

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """An empty state; raises IfpError where the latents cannot be divided."""
        self.groups(latents)
        return {}

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """See `Objective.step_constants`."""
        return self.stage(step, total_steps), self.pressure_M(step, total_steps, {})

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """See `Objective.pressure_M`."""
        if self.stages_by == "beta":
            return self._law(step, total_steps)
        return self.betas[self.stage(step, total_steps)]

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """beta(t) x KL; later groups, whose posteriors are the prior, have a KL of 0."""
        return self.pressure_M(batch.step, batch.total_steps, state) * batch.kl_M

    def route(self, mean_MBD: Tensor, logvar_MBD: Tensor, step: int, total_steps: int) -> tuple[Tensor, Tensor]:
        """Later groups are set to the prior; `scale` reduces the gradients of earlier ones."""
        latents = mean_MBD.shape[-1]
        size = latents // self.groups(latents)
        stage = self.stage(step, total_steps)
        gamma = self.gamma if self.mode == "scale" else 1.0
        mean, logvar = (
            _routed(value_MBD, before=stage * size, after=(stage + 1) * size, gamma=gamma)
            for value_MBD in (mean_MBD, logvar_MBD)
        )
        return mean, logvar

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        """See `Objective.rates`: earlier groups at the rate of the mode, later ones not at all."""
        stage = self.stage(step, total_steps)
        # at gamma 0 `scale` must hold the last layers too: Adam would go on by its momentum
        earlier = {"rate": self.gamma, "scale": 1.0 if self.gamma else 0.0, "freeze": 0.0}[self.mode]
        rates: dict[str, float] = {}
        for group in range(self.num_stages):
            rates[f"encoder.{group}."] = earlier if group < stage else float(group == stage)
            if self.mode == "freeze":
                rates[f"projection.{group}."] = float(group < stage)
        return rates


def _routed(value_MBD: Tensor, *, before: int, after: int, gamma: float) -> Tensor:
    """The same values up to column `after` and 0 beyond; the gradients of the columns up to `before` times gamma."""
    held_MBD, current_MBD, later_MBD = value_MBD.tensor_split((before, after), dim=-1)
    if gamma != 1 and before:
        # not gamma x value + (1 - gamma) x constant, which would round: this adds gamma x 0
        fixed_MBD = held_MBD.detach()
        held_MBD = fixed_MBD + gamma * (held_MBD - fixed_MBD)
    return torch.cat([held_MBD, current_MBD, torch.zeros_like(later_MBD)], dim=-1)
