"""Objective: what is added to the reconstruction, and how it may steer the networks.

The loss of a member is the mean reconstruction over the batch plus the penalty, in nats per image: the reconstruction
is summed over pixels and channels, the KL over latents. Members never meet: the loss of member m depends on row m of
the batch alone.

Shapes: M members, B images of a batch, D latents.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from ifp.networks.fully_connected import Network
from ifp.networks.losses import gaussian_kl_nats
from ifp.topology.surgery import Gradients

State = dict[str, Tensor]
"""Tensors that an objective keeps between steps, by name, with a leading member axis; part of every checkpoint."""

ADVERSARY = "adversary."
"""Prefix of the names of a second player's parameters in the state."""


class Decoder(Protocol):
    """What an objective may ask of the decoders in training."""

    def decode(self, z_MBD: Tensor) -> Tensor:
        """Logits or means [M, B, P]."""

    def fitted(self, out_MBP: Tensor) -> Tensor:
        """The images that logits or means stand for."""

    def latent_norms(self) -> Tensor:
        """Euclidean norm of the first layer's weights that read each latent [M, D], without a gradient."""


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch through M networks, with one draw of z per image.

    Attributes
    ----------
    recon_MB : reconstruction, nats per image.
    mean_MBD, logvar_MBD, z_MBD : posteriors and their draws.
    step : optimizer updates done before this one. total_steps : of the whole training.
    num_images : of the data set, N in estimates of the aggregated posterior.
    out_MBP : what the decoder gave for the draws, logits or means.
    decoder : the decoder as it is in this step.
    generators : gives a fresh generator of random numbers for each member (on the CPU), the same whenever this step is
        taken, in a resumed run too.
    pressure_MB : the weight of each image's KL, of an objective that trains at many at once; else empty.
    """

    recon_MB: Tensor
    mean_MBD: Tensor
    logvar_MBD: Tensor
    z_MBD: Tensor
    step: int
    total_steps: int
    num_images: int
    out_MBP: Tensor = field(default_factory=lambda: torch.empty(0))
    decoder: Decoder | None = None
    generators: Callable[[], Sequence[torch.Generator]] = tuple
    pressure_MB: Tensor = field(default_factory=lambda: torch.empty(0))

    def decode(self, z_MBD: Tensor) -> Tensor:
        """The images [M, B, P] that the decoder draws for other codes than the batch's, in [0, 1] under Bernoulli."""
        assert self.decoder is not None
        return self.decoder.fitted(self.decoder.decode(z_MBD))

    @cached_property
    def images_MBP(self) -> Tensor:
        """The images that the decoder drew for the batch's own draws."""
        assert self.decoder is not None
        return self.decoder.fitted(self.out_MBP)

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

    Subclasses are frozen dataclasses with a class attribute `name` (the value of `--objective`). They are given the
    step and have no state of their own: everything that changes is in the `State`.
    """

    name: ClassVar[str]

    def check(self, latents: int, total_steps: int) -> None:  # noqa: B027 - most objectives suit any training
        """Raise IfpError where a training of `total_steps` with so many latents cannot hold this objective."""

    def check_batch(self, batch: int) -> None:  # noqa: B027 - most objectives suit any batch
        """Raise IfpError where so many images per step leave a term of this objective without effect."""

    def network(self, plain: Network) -> Network:
        """The network that is trained instead of `plain`; DEFT divides the encoder. Unchanged by default."""
        return plain

    def groups(self, latents: int) -> int:
        """Into how many equal groups the latents are divided, part of every checkpoint; 1 by default.

        Group s learns in stage s; the posteriors of later groups are the prior.
        """
        return 1

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """The state before the first step; empty by default."""
        return {}

    @abstractmethod
    def penalty(self, batch: Batch, state: State) -> Tensor:
        """The differentiable term that is added to the mean reconstruction of each member [M]."""

    def split_penalty(self, batch: Batch, state: State) -> Tensor | None:
        """A term of the loss [M] that is back-propagated apart from the rest; None, the default, where there is none.

        Its gradient, those of the reconstruction and of the penalty are joined by `join_gradients`.
        """
        return None

    def join_gradients(self, of_recon: Gradients, of_penalty: Gradients, of_split: Gradients) -> Gradients:
        """The gradient that is followed where there is a `split_penalty`; their sum by default."""
        return sum_of_gradients(of_recon, of_penalty, of_split)

    @abstractmethod
    def pressure_M(self, step: int, total_steps: int, state: State) -> Tensor | float:
        """The weight of the KL at this step, recorded as beta; NaN where the KL has no single weight."""

    def update(self, batch: Batch, state: State) -> None:  # noqa: B027 - most objectives have nothing to change
        """Change the state in place after a step, under `no_grad` and without waiting for the device."""

    def route(self, mean_MBD: Tensor, logvar_MBD: Tensor, step: int, total_steps: int) -> tuple[Tensor, Tensor]:
        """The posteriors that the decoder and the KL get; DEFT holds some latents back. Unchanged by default."""
        return mean_MBD, logvar_MBD

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        """Factors of the learning rate by prefixes of parameter names; 1 for all by default.

        A parameter of rate 0 is left out of the step: neither its value nor what the optimizer remembers of it
        changes. (Adam counts steps: zero gradients before a parameter's first real one would make its first updates
        several times too large.)
        """
        return {}

    def step_constants(self, step: int, total_steps: int) -> Hashable:
        """All that a step's formulas take from its number, `rates` aside; None, the default, where that is unknown.

        On a GPU steps with equal constants are replays of one recording.
        """
        return None

    def reseeded_nats(self, step: int, total_steps: int) -> float:
        """KL with which idle latents start anew after a record (`ifp.training.reseed`); 0, by default, for none."""
        return 0.0

    def stage(self, step: int, total_steps: int) -> int:
        """The number of the current stage of a piecewise objective, from 0; always 0 by default."""
        return 0

    @property
    def second_player(self) -> AdversarialObjective | None:
        """What trains a second player beside the VAEs; None, the default, where there is none."""
        return None

    def may_empty_latents(self, step: int, total_steps: int) -> bool:
        """Whether a term of the loss at this step costs nothing where latents hold nothing, so that it is watched."""
        return False

    def stretches(self, total_steps: int) -> Sequence[tuple[int, Objective]]:
        """Steps that cost alike: how many, and an objective of which every step costs as much as one of them."""
        return [(total_steps, self)]


class AdversarialObjective(Objective):
    """An objective with a second player (a discriminator), whose parameters are in the state and have their own loss.

    A step with two players: the penalty, its backward pass and the VAEs' update, as for any objective; then
    `adversary_loss_M` of the same draws, its backward pass and the update of `adversary_parameters` by an Adam of their
    own. The two losses share no graph: the penalty sees the second player's parameters detached, the second player sees
    the draws detached. So neither update can change a tensor that a backward pass still needs.
    """

    @property
    def second_player(self) -> AdversarialObjective:
        """This objective itself."""
        return self

    @property
    @abstractmethod
    def adversary_rate(self) -> float:
        """Learning rate of the second player's Adam."""

    @property
    @abstractmethod
    def adversary_betas(self) -> tuple[float, float]:
        """Decay rates of the second player's Adam."""

    @abstractmethod
    def initial_adversary(self, latents: int, generator: torch.Generator) -> State:
        """Fresh parameters of one member's second player, on the CPU, without the member axis, names unprefixed."""

    @abstractmethod
    def adversary_loss_M(self, z_MBD: Tensor, other_z_MBD: Tensor, state: State) -> Tensor:
        """The loss of the second player [M]; `other_z_MBD` are draws of another batch of the same size."""

    def adversary_parameters(self, state: State) -> list[Tensor]:
        """The second player's parameters as trainable leaves, in the order of the state."""
        return [value.requires_grad_() for name, value in state.items() if name.startswith(ADVERSARY)]


def sum_of_gradients(*gradients: Gradients) -> list[Tensor | None]:
    """The sum, parameter by parameter; None where no term reaches the parameter."""
    found: list[Tensor | None] = []
    for parts in zip(*gradients, strict=True):
        there = [part for part in parts if part is not None]
        found.append(None if not there else sum(there[1:], start=there[0]))
    return found


def fresh_state(
    objective: Objective, latents: int, generators: Sequence[torch.Generator], device: torch.device | str
) -> State:
    """The state before the first step, with a second player's parameters; one generator (on the CPU) per member."""
    state = objective.initial_state(len(generators), latents, torch.device(device))
    if objective.second_player is not None:
        players = [objective.second_player.initial_adversary(latents, generator) for generator in generators]
        state |= {ADVERSARY + name: torch.stack([p[name] for p in players]).to(device) for name in players[0]}
    return state
