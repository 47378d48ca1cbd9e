"""TopDis (Balabin et al. 2024): a VAE's objective, and the topological price of shifting one latent.

One latent is shifted by an eighth of its distribution, up or down. In a disentangled model that is a symmetry of the
data, so that the images before and after have the same shape at every scale; MinMax measures by how much they have
not (`ifp.topology`). Independence of the latents is asked for nowhere: that is the base objective's part.

A latent that the decoder ignores costs nothing under this term, so that it rewards empty latents. Hence it starts
late, latents are drawn by how strongly the decoder reads them, and the run says when one empties.

Shapes: M members, B images, P pixels, D latents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from ifp.errors import IfpError, bad_value, unknown_name
from ifp.objectives.base import AdversarialObjective, Batch, Objective, State, sum_of_gradients
from ifp.objectives.beta import BetaVae
from ifp.objectives.beta_tc import BetaTcVae
from ifp.objectives.build import build
from ifp.objectives.controlled import ControlVae
from ifp.objectives.factor import FactorVae
from ifp.objectives.options import require_not_negative, require_positive
from ifp.topology.barcodes import require_ripser
from ifp.topology.minmax import TOPOLOGIES, minmax_of_members
from ifp.topology.shift import SHIFT, shifted
from ifp.topology.surgery import Gradients, without_conflict

BASES: Mapping[str, type[Objective]] = {one.name: one for one in (BetaVae, FactorVae, BetaTcVae, ControlVae)}
CHOICES = ("weights", "uniform")
FEWEST_ROWS = 3
"""A shift that keeps fewer images of a batch is left out: two points have no topology but their distance."""


@dataclass(frozen=True)
class TopDis(Objective):
    """The base objective + gamma MinMax(images, images with one latent shifted), from a share of the training on.

    Parameters
    ----------
    base : one of BASES. base_options : its hyper-parameters, its own defaults where none are given.
    gamma : weight of the topological term; the paper's are 5 (beta-tc, control) and 6 (factor), on its own data sets.
    delay : share of the training without the term.
    shift : share of a latent's distribution by which it is shifted, up or down with equal chance.
    every : steps from one with the term to the next, there at `every` times its weight.
    topology : "full" (loops, needs ripser) or "lite" (minimum spanning trees, a lower bound).
    longest : how many of each barcode's bars count, the longest; 0 for all. The paper's code takes 50.
    choice : of the latent: "weights" (by the norm of the decoder's weights that read it) or "uniform".
    surgery : whether the term's gradient gives up what works against the reconstruction's.

    Raises
    ------
    IfpError : an unknown base, an option that the base does not have, or a value out of its range.

    References
    ----------
    Balabin et al., Disentanglement learning via topology, ICML 2024; formulas and settings are those of its public code
    (nikitabalabin/TopDis@2ca9d2e), which differs in two things: with the base "factor" it compares images of a second
    batch, here they are the batch's own; and its loss is no sum of bars (see `ifp.topology.minmax`).
    """

    name: ClassVar[str] = "topdis"
    base: str = "beta"
    base_options: dict[str, Any] = field(default_factory=dict)
    gamma: float = 5.0
    delay: float = 0.1
    shift: float = SHIFT
    every: int = 1
    topology: str = "full"
    longest: int = 50
    choice: str = "weights"
    surgery: bool = False

    def __post_init__(self) -> None:
        for name, known in (("base", BASES), ("topology", TOPOLOGIES), ("choice", CHOICES)):
            if getattr(self, name) not in known:
                raise unknown_name(f"{name} of topdis", getattr(self, name), known)
        if not isinstance(self.base_options, Mapping):
            raise bad_value("topdis: base_options", self.base_options, "a table of the base's options by name")
        require_not_negative(self, "gamma", "longest")
        require_positive(self, "every")
        if not 0 <= self.delay <= 1:
            raise bad_value("topdis: delay", self.delay, "a share of the training, from 0 to 1")
        if not 0 < self.shift < 1:
            raise bad_value("topdis: shift", self.shift, "a share of a latent's distribution, above 0 and below 1")
        _ = self.of_base

    @cached_property
    def of_base(self) -> Objective:
        """The base objective."""
        return build(BASES[self.base], self.base_options)

    def check(self, latents: int, total_steps: int) -> None:
        """See `Objective.check`; also whether the topology can be computed here, and whether it ever is."""
        self.of_base.check(latents, total_steps)
        if self.gamma and self.first_step(total_steps) >= total_steps:
            raise IfpError(
                f"topdis with delay {self.delay:g} has no step with its term in {total_steps:,} steps; take a smaller "
                "delay, more `steps`, or the base as the objective."
            )
        if self.topology == "full":
            require_ripser()

    def check_batch(self, batch: int) -> None:
        """See `Objective.check_batch`: whether a shift can keep enough images of a batch."""
        self.of_base.check_batch(batch)
        if not self.gamma:
            return
        if batch < FEWEST_ROWS:
            raise bad_value("batch", batch, f"at least {FEWEST_ROWS} for topdis, whose term compares shapes of a batch")
        if self.shift >= (most := _largest_shift(batch)):
            raise bad_value(
                "topdis: shift", self.shift, f"below {most:.3g} with a batch of {batch}",
                f"a larger one leaves fewer than {FEWEST_ROWS} images to compare",
            )  # fmt: skip

    def initial_state(self, members: int, latents: int, device: torch.device) -> State:
        """The base's."""
        return self.of_base.initial_state(members, latents, device)

    @property
    def second_player(self) -> AdversarialObjective | None:
        """The base's."""
        return self.of_base.second_player

    def first_step(self, total_steps: int) -> int:
        """The first step with the topological term."""
        return round(self.delay * total_steps)

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """The base's penalty, and the topological term unless its gradient is changed (`split_penalty`)."""
        penalty_M = self.of_base.penalty(batch, state)
        term_M = None if self.surgery else self._term_M(batch)
        return penalty_M if term_M is None else penalty_M + term_M

    def split_penalty(self, batch: Batch, state: State) -> Tensor | None:
        """The topological term where its gradient is changed."""
        return self._term_M(batch) if self.surgery else None

    def join_gradients(self, of_recon: Gradients, of_penalty: Gradients, of_split: Gradients) -> Gradients:
        """Their sum, the topological term's without what works against the reconstruction."""
        return sum_of_gradients(of_recon, of_penalty, without_conflict(of_split, of_recon))

    def _term_M(self, batch: Batch) -> Tensor | None:
        """gamma MinMax [M] of this step; None where the step is without it."""
        since = batch.step - self.first_step(batch.total_steps)
        if since < 0 or since % self.every or not self.gamma:
            return None
        latents, shares = self._draws(batch)
        columns, kept = [], []
        for z_BD, latent, share in zip(batch.z_MBD, latents, shares, strict=True):
            column_B, kept_B = shifted(z_BD[:, latent], share)
            columns.append(column_B)
            # too few rows are none, and MinMax of none is 0
            kept.append(kept_B if int(kept_B.sum()) >= FEWEST_ROWS else torch.zeros_like(kept_B))
        # members of a batch are decoded together, all rows of them, so that none depends on the others
        chosen_M1D = torch.zeros_like(batch.z_MBD[:, :1])
        chosen_M1D[range(len(latents)), 0, latents] = 1
        moved_MBD = torch.where(chosen_M1D.bool(), torch.stack(columns)[..., None], batch.z_MBD)
        moved_MBP = batch.decode(moved_MBD)
        difference_M = minmax_of_members(
            [images_BP[rows_B] for images_BP, rows_B in zip(batch.images_MBP, kept, strict=True)],
            [images_BP[rows_B] for images_BP, rows_B in zip(moved_MBP, kept, strict=True)],
            topology=self.topology,
            longest=self.longest,
        )
        if not difference_M.requires_grad:
            return None
        return self.gamma * self.every * difference_M.to(batch.recon_MB.dtype)

    def _draws(self, batch: Batch) -> tuple[list[int], list[float]]:
        """The latent of each member that is shifted, and by how much."""
        assert batch.decoder is not None
        if self.choice == "weights":
            weight_MD = batch.decoder.latent_norms().double().cpu()
        else:
            weight_MD = torch.ones(batch.z_MBD.shape[0], batch.z_MBD.shape[2], dtype=torch.float64)
        latents, shares = [], []
        for weight_D, generator in zip(weight_MD, batch.generators(), strict=True):
            chance = torch.rand(2, generator=generator, dtype=torch.float64)
            reached_D = weight_D.cumsum(0)
            latent = int(torch.searchsorted(reached_D, chance[:1] * reached_D[-1], right=True))
            latents.append(min(latent, len(weight_D) - 1))
            shares.append(self.shift if chance[1] < 0.5 else -self.shift)
        return latents, shares

    def pressure_M(self, step: int, total_steps: int, state: State) -> Tensor | float:
        """The base's."""
        return self.of_base.pressure_M(step, total_steps, state)

    def update(self, batch: Batch, state: State) -> None:
        """The base's."""
        self.of_base.update(batch, state)

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        """The base's."""
        return self.of_base.rates(step, total_steps)

    def reseeded_nats(self, step: int, total_steps: int) -> float:
        """The base's."""
        return self.of_base.reseeded_nats(step, total_steps)

    def may_empty_latents(self, step: int, total_steps: int) -> bool:
        """From the first step with the topological term on."""
        return self.gamma > 0 and step >= self.first_step(total_steps)

    def stretches(self, total_steps: int) -> Sequence[tuple[int, Objective]]:
        """The steps without the topological term, and those with it."""
        with_term = len(range(self.first_step(total_steps), total_steps, self.every)) if self.gamma else 0
        parts = [(total_steps - with_term, replace(self, gamma=0.0)), (with_term, replace(self, delay=0.0, every=1))]
        return [(steps, objective) for steps, objective in parts if steps]


def _largest_shift(batch: int) -> float:
    """The share below which a shift keeps `FEWEST_ROWS` images of some batch.

    No more than k of n standardised values lie x = sqrt((n - 1) (n - k) / (n k)) below the mean; of three values the
    largest lies at least 1 / sqrt(3) above it.

    >>> round(_largest_shift(3), 3), round(_largest_shift(64), 3)
    (0.282, 1.0)
    """
    kept = FEWEST_ROWS
    x = math.sqrt((batch - 1) * (batch - kept) / (batch * kept)) if batch > kept else -1 / math.sqrt(kept)
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
