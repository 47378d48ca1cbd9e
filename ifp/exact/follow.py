"""The equilibrium curve of a traversal, traced by its KL instead of by beta, so that folds and onsets are no obstacle.

Each point is solved (`ifp.exact.solve`) with a penalty that holds K near a target, whatever beta belongs to it: the
curve passes the collapsed state's loss of stability without slowing down, and passes the folds of a first-order
transition, where no minimum of R + beta K is left to follow.

Shapes: M traversals, N images, D latents, K modes, V = 2 N D variables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.exact.ideal_vae import TraversalBatch, grid_points
from ifp.exact.inverse_hessians import LimitedMemory
from ifp.exact.solutions import Solutions, States, concatenate, pushed
from ifp.exact.solve import MOST_POINTS, solve_from

FASTEST_SHRINKAGE = 1.4
"""No posterior is guessed to be narrower by more than this factor than at the last point."""
JUMP = 0.3
"""A step of the curve whose means miss the extrapolation by more than this share of their size has left its branch."""


def extrapolate(last: Solutions, before: Solutions, straight_M: Tensor, at_M: Tensor) -> States:
    """Where the curve through `before` and `last` arrives at a KL of `at_M`, extrapolating what is linear.

    Along a curve the means grow as sqrt(1 - exp(-2 K)) and log std as K, exactly so for one linear Gaussian factor.
    Members that are not `straight` have no point before the last: theirs is scaled.
    """

    def size(kl: Tensor) -> Tensor:
        return (-torch.expm1(-2 * kl)).sqrt()

    k0, k1, k2 = before.total_kl_nats_M, last.total_kl_nats_M, at_M
    mean_by = (size(k2) - size(k1)) / (size(k1) - size(k0))
    log_by = (k2 - k1) / (k1 - k0)
    # two points that nearly coincide say nothing about the direction
    mean_by, log_by = (torch.where(torch.isfinite(by) & (by.abs() < 10), by, 0.0) for by in (mean_by, log_by))
    old, new = before.states, last.states
    straight = straight_M[:, None, None]
    mean = torch.where(
        straight,
        new.mean_MND + (new.mean_MND - old.mean_MND) * mean_by[:, None, None],
        new.mean_MND * (size(k2) / size(k1))[:, None, None],
    )
    log_std = torch.where(
        straight,
        new.log_std_MND + (new.log_std_MND - old.log_std_MND) * log_by[:, None, None],
        new.log_std_MND * (k2 / k1)[:, None, None],
    )
    # a grid is made for the guess: one that shrinks too fast would cost thousands of points for nothing
    return States(mean, log_std.maximum(new.log_std_MND - math.log(FASTEST_SHRINKAGE)))


@dataclass(frozen=True)
class Track:
    """The curves of members `rows` on their way from KL to KL.

    Attributes
    ----------
    last, before : the last two solutions. straight_M : whether `before` is on the same branch as `last`.
    memory : of the last minimisation, where there are too many variables for the curvature.
    """

    rows: Tensor
    last: Solutions
    before: Solutions
    straight_M: Tensor
    memory: LimitedMemory | None

    @classmethod
    def begin(cls, rows: Tensor, first: Solutions) -> Track:
        """A track that starts at `first`."""
        return cls(rows, first, first, torch.zeros_like(rows, dtype=torch.bool), None)

    def take(self, keep: Tensor) -> Track:
        """The track of these of its members."""
        parts = (self.rows, self.straight_M)
        rows, straight = (part[keep] for part in parts)
        memory = None if self.memory is None else self.memory.take(keep)
        return Track(rows, self.last.take(keep), self.before.take(keep), straight, memory)

    def join(self, other: Track) -> Track:
        """The members of both."""
        return Track(
            torch.cat([self.rows, other.rows]),
            concatenate([self.last, other.last]),
            concatenate([self.before, other.before]),
            torch.cat([self.straight_M, other.straight_M]),
            _joined(self, other),
        )

    def step(self, batch: TraversalBatch, modes_MNK: Tensor, kl: float | Tensor) -> tuple[Track, Tensor]:
        """The track at the next KL (one for all or one each), and whether each member left its branch on the way there.

        Members whose posteriors have become too narrow for any grid are left behind.
        """
        last, before = self.last, self.before
        at = torch.as_tensor(kl, dtype=last.beta_M.dtype, device=last.beta_M.device).expand_as(last.beta_M)
        guess = extrapolate(last, before, self.straight_M, at)
        slope = (last.beta_M / before.beta_M).log() / (last.total_kl_nats_M - before.total_kl_nats_M)
        change = (slope * (at - last.total_kl_nats_M)).nan_to_num(0.0).clamp(-1.0, 0.2)
        level = last.beta_M * torch.where(self.straight_M, change.exp(), 1.0)
        start = pushed(guess, modes_MNK[self.rows])
        found, memory = solve_from(batch.take(self.rows), start, level, at, self.memory)
        missed = (found.states.mean_MND - guess.mean_MND).square().mean(1).sum(1)
        jumped = missed > JUMP**2 * guess.mean_MND.square().mean(1).sum(1)
        # from a state on another branch no direction can be taken
        track = Track(self.rows, found, last, ~jumped, memory)
        resolved = (grid_points(found.states.mean_MND, found.states.log_std_MND) <= MOST_POINTS).nonzero().squeeze(1)
        return track.take(resolved), jumped[resolved]


def _joined(mine: Track, others: Track) -> LimitedMemory | None:
    """The memory of both tracks; one that has just begun has none yet."""
    if mine.memory is None and others.memory is None:
        return None
    memories = (
        LimitedMemory.begin(torch.ones_like(t.last.states.to_vector())) if t.memory is None else t.memory
        for t in (mine, others)
    )
    first, second = memories
    return first.join(second)
