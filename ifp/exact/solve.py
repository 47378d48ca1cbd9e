"""One point of an equilibrium curve: the minimum of R + phi(K) near a given state, on a grid that resolves it.

A minimum of  R + phi(K)  with  phi(K) = level * at / (power + 1) * (K / at)^(power + 1)  is a stationary point of
R + beta K at  beta = phi'(K) = level * (K / at)^power. A steep phi' holds K near `at`, whatever beta belongs to it;
power = 0 is R + beta K itself (docs/theory.md, "How the curve is traced").

Shapes: M traversals, N images, D latents, K modes, V = 2 N D variables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.exact.arrangements import FEW_IMAGES
from ifp.exact.curvature import MOST_VARIABLES, inverse_curvature
from ifp.exact.fitted_grid import grid_of
from ifp.exact.ideal_vae import (
    SPACING,
    Grid,
    TraversalBatch,
    grid_points,
    kl_gradient,
    kl_nats,
    reconstruction,
)
from ifp.exact.inverse_hessians import FullInverse, InverseHessian, LimitedMemory
from ifp.exact.minimiser import minimise
from ifp.exact.solutions import POWER, Solutions, States

TOLERANCE = 1e-10
"""Convergence threshold: gradient . inverse Hessian . gradient divided by beta, in nats; then one more step."""
FIXED_DECODER_TOLERANCE = 1e-14
"""The same where only the inverse Hessian of a fixed decoder is known, which is too short along soft directions."""
GRID_TRIES, MAX_EVALUATIONS = 4, 500
ROUNDS, REFRESH = 30, 8
"""The curvature is computed anew after so many evaluations, at most so often."""
ROUGH_SPACING, FEW_IMAGES_SPACING = 1.0, 0.5
"""Spacing of the grids of rough descents and of few images, in standard deviations of the narrowest posterior. Few
images lie many of their standard deviations apart, and then the integrand has branch points near the real line."""
FITTED_SPACING, FITTED_ROUGH_SPACING = 0.55, 0.75
"""Spacing where grids are fitted to the widths of the posteriors: errors are those of `SPACING` and `ROUGH_SPACING`."""
SHRINKAGE = 1.2
"""A solution whose narrowest posterior shrank by more than this factor is solved again on a finer grid."""
COVERAGE = 4.8
"""A solution whose posterior reaches closer than this many standard deviations to the grid's end is solved again
on a wider grid."""
UNRESOLVED = 1.6
"""On a given grid, posteriors narrower by more than this factor than the narrowest it was made for are rejected."""
MOST_POINTS = 500
"""Curves end where a posterior has become so narrow that an axis of the grid would need more points than this."""


def solve(
    batch: TraversalBatch,
    start: States,
    level_M: Tensor,
    at_M: Tensor,
    *,
    power: float = POWER,
    tolerance: float | None = None,
    max_evaluations: int = MAX_EVALUATIONS,
    rough: bool = False,
    single: bool = False,
) -> Solutions:
    """Minimise R + phi(K) from `start`, without the memory of a neighbouring solution; see `solve_from`."""
    return solve_from(
        batch, start, level_M, at_M, None,
        power=power, tolerance=tolerance, max_evaluations=max_evaluations, rough=rough, single=single,
    )[0]  # fmt: skip


def solve_from(
    batch: TraversalBatch,
    start: States,
    level_M: Tensor,
    at_M: Tensor,
    memory: LimitedMemory | None,
    *,
    power: float = POWER,
    tolerance: float | None = None,
    max_evaluations: int = MAX_EVALUATIONS,
    rough: bool = False,
    single: bool = False,
) -> tuple[Solutions, LimitedMemory | None]:
    """Minimise R + phi(K) from `start`; refine the grid of those that outgrew it, and minimise these again.

    With at most `MOST_VARIABLES` variables the metric is the curvature at the guess (`ifp.exact.curvature`), computed
    anew every few evaluations: Newton's method, with what the steps teach about the rest. With more it is that of a
    fixed decoder, and `memory`, of the last solution on the same curve, helps; the new one is returned.
    `rough` descents, which are cut short by `max_evaluations`, stay on the first grid, which is coarse, since states on
    their way may be far narrower than where they end; `single` precision is enough where they only rank their starts.
    """
    latents = start.mean_MND.shape[2]
    vector = start.to_vector().clone()
    rows = torch.arange(len(vector), device=vector.device)
    tries_M = torch.zeros_like(rows)
    exact = not rough and vector.shape[1] <= MOST_VARIABLES
    if tolerance is None:
        tolerance = TOLERANCE if exact else FIXED_DECODER_TOLERANCE
    few = start.mean_MND.shape[1] <= FEW_IMAGES
    uniform, fitted = ROUGH_SPACING if rough else FEW_IMAGES_SPACING if few else SPACING, FITTED_SPACING
    if rough:
        fitted = FITTED_ROUGH_SPACING
    evaluated = batch.in_single_precision() if single else batch
    learned = memory
    for attempt in range(1 if rough else ROUNDS if exact else GRID_TRIES):
        before = States.from_vector(vector[rows], latents)
        grid = grid_of(before.mean_MND, before.log_std_MND, uniform=uniform, fitted=fitted)
        scale, longest_step = _scale_and_longest_step(before, level_M[rows])
        metric: FullInverse | LimitedMemory
        if exact:
            metric = FullInverse(inverse_curvature(batch.take(rows), before, level_M[rows], at_M[rows], power))
        else:
            metric = LimitedMemory.begin(scale) if learned is None else learned.take(rows).rescaled(scale)
        minimum = minimise(
            _Objective(evaluated.take(rows), grid, level_M[rows], at_M[rows], power, latents),
            vector[rows],
            metric,
            tolerance * level_M[rows],
            max_step_MV=longest_step,
            max_evaluations=min(max_evaluations, REFRESH) if exact else max_evaluations,
        )
        if attempt == 0 and not exact and not rough:
            learned = _in_order(minimum.metrics)
        vector[rows] = minimum.x_MV
        after = States.from_vector(minimum.x_MV, latents)
        again = _outgrown(grid, after) & (grid_points(after.mean_MND, after.log_std_MND) <= MOST_POINTS)
        if exact:
            short = minimum.decrement_M > tolerance * level_M[rows]
            tries_M[rows] += ~short
            again = short | (again & (tries_M[rows] < GRID_TRIES))
        rows = rows[again]
        if not len(rows):
            break
    states = States.from_vector(vector, latents)
    kl = kl_nats(states.mean_MND, states.log_std_MND)
    beta = level_M * (kl.sum(1) / at_M) ** power
    if rough and grid.fitted:
        # no posterior is much narrower than the grid resolves where it is, so that its values rank the candidates
        recon = minimum.value_M - beta * kl.sum(1) / (power + 1)
    else:
        grid = grid_of(states.mean_MND, states.log_std_MND, uniform=uniform, fitted=fitted)
        recon = evaluate(evaluated, states, grid)[0]
    return Solutions(states, beta, recon, kl, level_M, at_M), learned


def _in_order(parts: Sequence[tuple[Tensor, InverseHessian]]) -> LimitedMemory:
    """The memory of all problems from that of those that ended together."""
    rows, first = parts[0]
    assert isinstance(first, LimitedMemory)
    for more, metric in parts[1:]:
        assert isinstance(metric, LimitedMemory)
        rows, first = torch.cat([rows, more]), first.join(metric)
    return first.take(rows.argsort())


def _scale_and_longest_step(states: States, level_M: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse Hessian's diagonal at a minimum with a fixed decoder, and how far a variable may move at once [M, V].

    That Hessian is beta / std^2 in a mean and 2 beta in a log std, over N.
    """
    std = states.log_std_MND.exp().flatten(1)
    half = torch.full_like(std, 0.5)
    inverse = torch.cat([std**2, half], 1) * (states.mean_MND.shape[1] / level_M[:, None])
    return inverse, torch.cat([std, half], 1)


def _outgrown(grid: Grid, after: States) -> Tensor:
    """Whether the posteriors [M] became too narrow for their grid, or came near its end."""
    narrow = (grid.log_narrowest_at(after.mean_MND) - after.log_std_MND).amax(1) > math.log(SHRINKAGE)
    reach = COVERAGE * after.log_std_MND.exp()
    used = grid.weight_MG[:, :, None] > 0
    low = grid.z_MGD.masked_fill(~used, math.inf).amin(1)
    high = grid.z_MGD.masked_fill(~used, -math.inf).amax(1)
    outside = ((after.mean_MND - reach).amin(1) < low) | ((after.mean_MND + reach).amax(1) > high)
    return (narrow | outside).any(1)


def evaluate(batch: TraversalBatch, states: States, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """`reconstruction` of float64 states in the precision of the batch, as float64."""
    like = batch.dtype
    recon, by_mean, by_log_std = reconstruction(
        batch, states.mean_MND.to(like), states.log_std_MND.to(like), grid.to(like)
    )
    return recon.double(), by_mean.double(), by_log_std.double()


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
        recon, r_mean, r_log_std = evaluate(batch, s, grid)
        k_mean, k_log_std = kl_gradient(s.mean_MND, s.log_std_MND)
        kl = kl_nats(s.mean_MND, s.log_std_MND).sum(1)
        beta = level * (kl / at) ** self._power
        by = beta[:, None, None]
        gradient = torch.cat([(r_mean + by * k_mean).flatten(1), (r_log_std + by * k_log_std).flatten(1)], 1)
        # between the points of a grid too coarse for it a posterior pays nothing; such states are out of bounds
        unresolved = (grid.log_narrowest_at(s.mean_MND) - s.log_std_MND > math.log(UNRESOLVED)).flatten(1).any(1)
        value = recon + beta * kl / (self._power + 1)
        return torch.where(unresolved, math.inf, value), gradient
