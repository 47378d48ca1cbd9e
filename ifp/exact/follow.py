"""The equilibrium curve of a traversal, traced by its KL instead of by beta, so that folds and onsets are no obstacle.

A minimum of  R + phi(K)  with  phi(K) = level * at / (power + 1) * (K / at)^(power + 1)  is a stationary point of
R + beta K at  beta = phi'(K) = level * (K / at)^power. A steep phi' holds K near `at`, whatever beta belongs to it: the
curve passes the collapsed state's loss of stability without slowing down, and passes the folds of a first-order
transition, where no minimum of R + beta K is left to follow. power = 0 is R + beta K itself (docs/theory.md, "How the
curve is traced").

Shapes: M traversals, N images, D latents, K modes, V = 2 N D variables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.exact.ideal_vae import Grid, TraversalBatch, grid_points, kl_gradient, kl_nats, make_grid, reconstruction
from ifp.exact.minimiser import HISTORY, Memory, minimise

POWER = 3.0
TOLERANCE = 1e-19
"""Gradient . inverse Hessian . gradient at which a solution counts as found, in units of beta (so: nats of KL)."""
GRID_TRIES, MAX_EVALUATIONS = 4, 500
SHRINKAGE = 1.2
"""A solution whose narrowest posterior shrank by more than this is solved again on a finer grid."""
FASTEST_SHRINKAGE = 1.4
"""No posterior is guessed to be narrower by more than this than at the last point."""
UNRESOLVED = 1.6
"""A posterior narrower by this than the narrowest that a grid was made for may not be judged on it."""
MOST_POINTS = 500
"""Curves end where a posterior has become so narrow that an axis of the grid would need more points than this."""
COVERAGE = 4.8
"""The same for a solution with less than this many standard deviations to an end of its grid."""
JUMP = 0.3
"""A step of the curve whose means miss the extrapolation by more than this share of their size has left its branch."""
PUSH, EMPTY = 0.02, 0.03
"""Before each solution the means are pushed off possible saddles; a latent whose means are smaller holds nothing."""


@dataclass(frozen=True)
class States:
    """Posteriors of M traversals: mean_MND and log_std_MND."""

    mean_MND: Tensor
    log_std_MND: Tensor

    def take(self, rows: Tensor) -> States:
        """The posteriors of these members."""
        return States(self.mean_MND[rows], self.log_std_MND[rows])

    def to_vector(self) -> Tensor:
        """All numbers of a member in a row [M, V]."""
        return torch.cat([self.mean_MND.flatten(1), self.log_std_MND.flatten(1)], 1)

    @classmethod
    def from_vector(cls, vector_MV: Tensor, latents: int) -> States:
        """The inverse of `to_vector`."""
        mean, log_std = vector_MV.reshape(len(vector_MV), 2, -1, latents).unbind(1)
        return cls(mean, log_std)


@dataclass(frozen=True)
class Solutions:
    """Stationary points of R + beta K: posteriors, beta_M, recon_nats_M, kl_nats_MD, and the phi that led there."""

    states: States
    beta_M: Tensor
    recon_nats_M: Tensor
    kl_nats_MD: Tensor
    level_M: Tensor
    at_M: Tensor

    @property
    def total_kl_nats_M(self) -> Tensor:
        """KL summed over latents."""
        return self.kl_nats_MD.sum(1)

    def numbers(self) -> tuple[Tensor, ...]:
        """Everything but the posteriors."""
        return self.beta_M, self.recon_nats_M, self.kl_nats_MD, self.level_M, self.at_M

    def take(self, rows: Tensor) -> Solutions:
        """The solutions of these members."""
        return Solutions(self.states.take(rows), *(t[rows] for t in self.numbers()))


def concatenate(parts: Sequence[Solutions]) -> Solutions:
    """All members of several."""
    means, log_stds = zip(*((p.states.mean_MND, p.states.log_std_MND) for p in parts), strict=True)
    numbers = zip(*(p.numbers() for p in parts), strict=True)
    return Solutions(States(torch.cat(means), torch.cat(log_stds)), *(torch.cat(same) for same in numbers))


def penalised_nats(solutions: Solutions, power: float = POWER) -> Tensor:
    """R + phi(K) [M]: what `solve` minimised. phi(K) = K phi'(K) / (power + 1), and phi'(K) is beta."""
    return solutions.recon_nats_M + solutions.beta_M * solutions.total_kl_nats_M / (power + 1)


def state_along(modes_MND: Tensor, kl_nats_MD: Tensor) -> States:
    """Posteriors whose means follow `modes` (of mean square 1) with these KLs: exact for one linear Gaussian factor."""
    variance = torch.exp(-2 * kl_nats_MD)[:, None]
    return States((1 - variance).sqrt() * modes_MND, 0.5 * variance.log().expand_as(modes_MND).clone())


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


def solve(
    batch: TraversalBatch,
    start: States,
    level_M: Tensor,
    at_M: Tensor,
    *,
    power: float = POWER,
    tolerance: float = TOLERANCE,
    max_evaluations: int = MAX_EVALUATIONS,
    refine: bool = True,
) -> Solutions:
    """Minimise R + phi(K) from `start`, without the memory of a neighbouring solution; see `solve_from`."""
    return solve_from(batch, start, level_M, at_M, None, power, tolerance, max_evaluations, refine)[0]


def solve_from(
    batch: TraversalBatch,
    start: States,
    level_M: Tensor,
    at_M: Tensor,
    memory: Memory | None,
    power: float = POWER,
    tolerance: float = TOLERANCE,
    max_evaluations: int = MAX_EVALUATIONS,
    refine: bool = True,
) -> tuple[Solutions, Memory]:
    """Minimise R + phi(K) from `start`; refine the grid of those that outgrew it, and minimise these again.

    `memory` is that of the last solution on the same curve; the new one is returned. Descents that are cut short by
    `max_evaluations` should not `refine` their grids: states on their way may be far narrower than where they end.
    """
    latents = start.mean_MND.shape[2]
    vector = start.to_vector().clone()
    rows = torch.arange(len(vector), device=vector.device)
    for attempt in range(GRID_TRIES if refine else 1):
        before = States.from_vector(vector[rows], latents)
        grid = make_grid(before.mean_MND, before.log_std_MND)
        objective = _Objective(batch.take(rows), grid, level_M[rows], at_M[rows], power, latents)
        # at a fixed decoder the Hessian at a minimum is beta / std^2 in a mean and 2 beta in a log std, over N
        std = before.log_std_MND.exp().flatten(1)
        half = torch.full_like(std, 0.5)
        found = minimise(
            objective,
            vector[rows],
            torch.cat([std**2, half], 1) * (start.mean_MND.shape[1] / level_M[rows, None]),
            tolerance * level_M[rows],
            max_step_MV=torch.cat([std, half], 1),
            memory=memory if memory is None else memory.take(rows),
            max_evaluations=max_evaluations,
        )
        if attempt == 0:
            memory = found.memory
        vector[rows] = found.x_MV
        after = States.from_vector(found.x_MV, latents)
        again = _outgrown(grid, before, after) & (grid_points(after.mean_MND, after.log_std_MND) <= MOST_POINTS)
        rows = rows[again]
        if not len(rows):
            break
    assert memory is not None
    states = States.from_vector(vector, latents)
    grid = make_grid(states.mean_MND, states.log_std_MND)
    recon = reconstruction(batch, states.mean_MND, states.log_std_MND, grid)[0]
    kl = kl_nats(states.mean_MND, states.log_std_MND)
    return Solutions(states, level_M * (kl.sum(1) / at_M) ** power, recon, kl, level_M, at_M), memory


def _outgrown(grid: Grid, before: States, after: States) -> Tensor:
    """Whether the posteriors [M] became too narrow for their grid, or came near its end."""
    narrow = before.log_std_MND.amin(1) - after.log_std_MND.amin(1) > math.log(SHRINKAGE)
    reach = COVERAGE * after.log_std_MND.exp()
    used = grid.weight_MG[:, :, None] > 0
    low = grid.z_MGD.masked_fill(~used, math.inf).amin(1)
    high = grid.z_MGD.masked_fill(~used, -math.inf).amax(1)
    outside = ((after.mean_MND - reach).amin(1) < low) | ((after.mean_MND + reach).amax(1) > high)
    return (narrow | outside).any(1)


class _Objective:
    """R + phi(K), R by quadrature on `grid`, and its gradient, for the members still asked for."""

    def __init__(
        self, batch: TraversalBatch, grid: Grid, level_M: Tensor, at_M: Tensor, power: float, latents: int
    ) -> None:
        self._all = self._now = batch, grid, level_M, at_M
        self._power, self._latents = power, latents

    def __call__(self, x_AV: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        # the minimiser only ever drops members, so an equal number means the same ones
        if len(rows) != len(self._now[2]):
            batch, grid, level, at = self._all
            self._now = batch.take(rows), grid.take(rows), level[rows], at[rows]
        batch, grid, level, at = self._now
        s = States.from_vector(x_AV, self._latents)
        recon, r_mean, r_log_std = reconstruction(batch, s.mean_MND, s.log_std_MND, grid)
        k_mean, k_log_std = kl_gradient(s.mean_MND, s.log_std_MND)
        kl = kl_nats(s.mean_MND, s.log_std_MND).sum(1)
        beta = level * (kl / at) ** self._power
        by = beta[:, None, None]
        gradient = torch.cat([(r_mean + by * k_mean).flatten(1), (r_log_std + by * k_log_std).flatten(1)], 1)
        # between the points of a grid too coarse for it a posterior pays nothing; such states are out of bounds
        unresolved = (s.log_std_MND.amin(1) < grid.log_narrowest_MD - math.log(UNRESOLVED)).any(1)
        value = recon + beta * kl / (self._power + 1)
        return torch.where(unresolved, math.inf, value), gradient


@dataclass(frozen=True)
class Track:
    """The curves of members `rows` on their way from KL to KL.

    Attributes
    ----------
    last, before : the last two solutions. straight_M : whether `before` is on the same branch as `last`.
    memory : of the last minimisation.
    """

    rows: Tensor
    last: Solutions
    before: Solutions
    straight_M: Tensor
    memory: Memory

    @classmethod
    def begin(cls, rows: Tensor, first: Solutions) -> Track:
        """A track that starts at `first`."""
        variables = 2 * first.states.mean_MND[0].numel()
        nothing = first.beta_M.new_zeros(len(rows), HISTORY, variables)
        return cls(rows, first, first, torch.zeros_like(rows, dtype=torch.bool), Memory(nothing, nothing.clone()))

    def take(self, keep: Tensor) -> Track:
        """The track of these of its members."""
        parts = (self.rows, self.straight_M)
        rows, straight = (part[keep] for part in parts)
        return Track(rows, self.last.take(keep), self.before.take(keep), straight, self.memory.take(keep))

    def join(self, other: Track) -> Track:
        """The members of both."""
        return Track(
            torch.cat([self.rows, other.rows]),
            concatenate([self.last, other.last]),
            concatenate([self.before, other.before]),
            torch.cat([self.straight_M, other.straight_M]),
            self.memory.join(other.memory),
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


def pushed(state: States, modes_MNK: Tensor) -> States:
    """The same state moved off whatever saddle it may be on.

    A latent that holds nothing is pushed along its mode; the others along the mode after theirs, by which arrangements
    with a symmetry (which a descent would keep exactly) lose it.
    """
    latents, modes = state.mean_MND.shape[2], modes_MNK.shape[2]
    size = state.mean_MND.square().mean(1, keepdim=True).sqrt()
    own, after = (modes_MNK[:, :, [min(d + ahead, modes - 1) for d in range(latents)]] for ahead in (0, 1))
    push = torch.where(size < EMPTY, PUSH * own, PUSH * size * after)
    return States(state.mean_MND + push, state.log_std_MND)
