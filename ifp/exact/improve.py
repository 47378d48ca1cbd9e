"""Better states of the same objective: from scratch, or by dealing a known state's posteriors out in another order.

Many starts are compared after few steps, fewer after more, and only the best are followed to their minimum.

Shapes: M members, C candidates, N images, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.exact.arrangements import FEW_IMAGES
from ifp.exact.candidates import (
    StartingStates,
    Surroundings,
    batch_rows,
    dealt_out,
    first_of_each,
    fresh_starts,
    in_chunks,
)
from ifp.exact.fitted_grid import grid_of
from ifp.exact.solutions import POWER, Solutions, States, concatenate, penalised_nats
from ifp.exact.solve import evaluate, solve

RANKING_TOLERANCE = 1e-7
"""Convergence where candidates are only ranked; differences of interest are above 1e-5 of beta."""
RANKING_SPACING, FITTED_RANKING_SPACING = 1.2, 0.95
"""Spacings of the grids (see `ifp.exact.solve`) on which candidates are compared that may be as far apart as
`UNRELAXED_MARGIN`."""
FINAL_STEPS = 150
"""Evaluations for a finalist on each of its grids; who wins is minimised to the end afterwards."""
BETTER = 1e-6
"""Minimum improvement, in units of beta (nats of KL), for a candidate to replace the known state."""
UNRELAXED_MARGIN, UNRELAXED_KEPT = 0.1, 48
"""How much worse than the known state, in units of beta, a candidate may be before any descent, and how many go on."""


@dataclass(frozen=True)
class Sieve:
    """A few `steps` for every candidate; the best `count` go on, of those at most `margin` behind the known state, in
    units of beta."""

    steps: int
    margin: float
    count: int


@dataclass(frozen=True)
class Contest:
    """How candidates compete: who passes all `sieves` goes on to its minimum; `rounds` times, each from the winners of
    the last."""

    sieves: tuple[Sieve, ...]
    rounds: int = 1


FROM_SCRATCH = Contest((Sieve(14, 0.03, 3), Sieve(6, 2.5e-3, 2)))
"""Starts from scratch need more steps, which separate the few that end elsewhere from those still on their way down."""
DEEP_FROM_SCRATCH = Contest((Sieve(14, 1.0, 24), Sieve(40, 0.05, 6)))
"""Few images deep in many valleys: starts that ended 0.02 lower have been 0.28 behind after fourteen steps."""
FROM_SCRATCH_TWO_LATENTS = Contest((Sieve(14, 0.03, 3),))
"""Two latents converge more slowly, so that nothing more can be told after a few steps."""
ROTATIONS = Contest((Sieve(3, 3e-3, 3),))
"""Posteriors of a minimum fit another cut of a ring so well that three steps rank most cuts."""
WIDE_ROTATIONS = Contest((Sieve(3, 1e-2, 10), Sieve(7, 5e-4, 3)), rounds=4)
"""Deep states need more: the best cut has been seen 4e-3 behind after three steps, and 1e-3 ahead after five."""
FEW_ORDERS = Contest((Sieve(8, 0.05, 8),), rounds=8)
"""For few images, whose moves and exchanges leave more to relax."""
RUNAWAY = 1.5
"""Maximum drop in log std in a rough descent; beyond it the grid was too coarse and the candidate is discarded."""


def lowest(
    around: Surroundings,
    members: Sequence[int],
    known: Solutions,
    *,
    power: float = POWER,
    fresh: bool,
    wide: bool = False,
) -> tuple[Solutions, list[int]]:
    """The best state found for each objective of `known`, and the rows of those that changed.

    `known` holds one state per entry of `members`, each with the objective R + phi(K) that it is a minimum of. With
    `fresh` starts from scratch are tried too; with one latent the posteriors are dealt out in other orders, of
    which more are followed, and for longer, if `wide`.
    """
    changed: set[int] = set()
    best = known
    few = known.states.mean_MND.shape[1] <= FEW_IMAGES
    one_latent = known.states.mean_MND.shape[2] == 1
    if fresh:
        starts = fresh_starts(around, members, known, power)
        scratch = FROM_SCRATCH_TWO_LATENTS if not one_latent else DEEP_FROM_SCRATCH if few and wide else FROM_SCRATCH
        if starts is not None:
            best, won = _compete(around, members, best, starts, power, scratch)
            changed |= set(won)
    if not one_latent:
        return best, sorted(changed)
    active = list(range(len(members)))
    contest = FEW_ORDERS if few else WIDE_ROTATIONS if wide else ROTATIONS
    for _ in range(contest.rounds):
        starts = dealt_out(around, members, best, active)
        if starts is None:
            break
        starts = _near_enough(around, members, best, starts, power)
        best, active = _compete(around, members, best, starts, power, contest)
        changed |= set(active)
        if not active:
            break
    return best, sorted(changed)


def _near_enough(
    around: Surroundings, members: Sequence[int], known: Solutions, starts: StartingStates, power: float
) -> StartingStates:
    """The candidates that are not hopeless before any descent, at most `UNRELAXED_KEPT` for each known state.

    Their posteriors are those of the known state, so KL and grid are too: only the reconstruction is computed.
    """
    behind = []
    single = around.batch.in_single_precision()
    # the grid does not depend on the order of the images
    mean, log_std = known.states.mean_MND, known.states.log_std_MND
    grids = grid_of(mean, log_std, uniform=RANKING_SPACING, fitted=FITTED_RANKING_SPACING)
    for part in in_chunks(around, starts):
        batch = single.take(batch_rows(around, members, part.rival_C))
        recon = evaluate(batch, part.states, grids.take(part.rival_C))[0]
        behind.append((recon - known.recon_nats_M[part.rival_C]) / known.level_M[part.rival_C])
    return starts.take(first_of_each(torch.cat(behind), starts.rival_C, UNRELAXED_KEPT, UNRELAXED_MARGIN))


def _compete(
    around: Surroundings,
    members: Sequence[int],
    known: Solutions,
    starts: StartingStates,
    power: float,
    contest: Contest,
) -> tuple[Solutions, list[int]]:
    """A few steps for all candidates, then to the end for the finalists; who beats the known state replaces it."""
    if not len(starts.rival_C):
        return known, []
    own_nats = penalised_nats(known, power)
    running = starts
    chosen = torch.arange(len(starts.rival_C), device=starts.rival_C.device)
    for sieve in contest.sieves:
        rough, nats = _descend(around, members, known, running, power, max_evaluations=sieve.steps, single=True)
        behind = (nats - own_nats[running.rival_C]) / known.level_M[running.rival_C]
        sound = (rough.states.log_std_MND > starts.states.log_std_MND[chosen] - RUNAWAY).all(2).all(1)
        behind = torch.where(sound, behind, torch.inf)
        passed = first_of_each(behind, running.rival_C, sieve.count, sieve.margin)
        if not len(passed):
            return known, []
        running, chosen = StartingStates(rough.states, running.rival_C).take(passed), chosen[passed]
    # the same steps again in double precision: rounding decides who goes on, but not where anyone goes on from
    last = starts.take(chosen)
    for sieve in contest.sieves:
        rough, _ = _descend(around, members, known, last, power, max_evaluations=sieve.steps)
        last = StartingStates(rough.states, last.rival_C)
    tried, nats = _descend(around, members, known, last, power, max_evaluations=FINAL_STEPS, rough=False)
    ahead = (own_nats[last.rival_C] - nats) / known.level_M[last.rival_C]
    winners = first_of_each(-ahead, last.rival_C, 1, -BETTER)
    won = last.rival_C[winners]
    if not len(won):
        return known, []
    means, log_stds = known.states.mean_MND.clone(), known.states.log_std_MND.clone()
    means[won], log_stds[won] = tried.states.mean_MND[winners], tried.states.log_std_MND[winners]
    again = solve(
        around.batch.take(batch_rows(around, members, won)),
        States(means[won], log_stds[won]),
        known.level_M[won],
        known.at_M[won],
        power=power,
    )
    return _replaced(known, won, again), sorted(won.tolist())


def _descend(
    around: Surroundings,
    members: Sequence[int],
    known: Solutions,
    starts: StartingStates,
    power: float,
    *,
    max_evaluations: int,
    rough: bool = True,
    single: bool = False,
) -> tuple[Solutions, Tensor]:
    """Descend from every candidate; the states and their objectives [C]."""
    parts = []
    for part in in_chunks(around, starts):
        parts.append(
            solve(
                around.batch.take(batch_rows(around, members, part.rival_C)),
                part.states,
                known.level_M[part.rival_C],
                known.at_M[part.rival_C],
                power=power,
                tolerance=RANKING_TOLERANCE,
                max_evaluations=max_evaluations,
                rough=rough,
                single=single,
            )
        )
        around.tick()
    found = concatenate(parts)
    return found, penalised_nats(found, power)


def _replaced(known: Solutions, rows: Tensor, new: Solutions) -> Solutions:
    """`known` with the entries at `rows` exchanged for `new`."""
    kept = torch.arange(len(known.beta_M), device=rows.device)
    kept[rows] = len(kept) + torch.arange(len(rows), device=rows.device)
    return concatenate([known, new]).take(kept)
