"""Better states of the same objective: from scratch, or by dealing a known state's posteriors out in another order.

Many starts are compared after few steps, fewer after more, and only the best are followed to their minimum.

Shapes: M members, C candidates, N images, D latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.exact.arrangements import FEW_IMAGES, fresh_arrangements, other_orders, short_tour
from ifp.exact.ideal_vae import TraversalBatch, grid_points, make_grid, reconstruction
from ifp.exact.solutions import POWER, Solutions, States, concatenate, penalised_nats, state_along
from ifp.exact.solve import solve

CHUNK_NUMBERS = {"cpu": 2_000_000, "cuda": 40_000_000}
"""Candidates are solved in chunks of about this size, in numbers of one quadrature array."""
RANKING_TOLERANCE = 1e-7
"""Convergence where candidates are only ranked; differences of interest are above 1e-5 of beta."""
FINAL_STEPS = 150
"""Evaluations for a finalist on each of its grids; who wins is minimised to the end afterwards."""
BETTER = 1e-6
"""Minimum improvement, in units of beta (nats of KL), for a candidate to replace the known state."""
UNRELAXED_MARGIN, UNRELAXED_KEPT = 0.1, 48
"""How much worse than the known state, in units of beta, a candidate may be before any descent, and how many go on."""


@dataclass(frozen=True)
class Contest:
    """How candidates compete: `steps` for all, then the best `finalists` that are at most `margin` behind the known
    state, in units of beta, go on to their minima; `rounds` times, each from the winners of the last."""

    steps: int
    margin: float
    finalists: int
    rounds: int = 1


FROM_SCRATCH = Contest(14, 0.03, 3)
ROTATIONS = Contest(3, 3e-3, 3)
"""Posteriors of a minimum fit another cut of a ring so well that three steps rank the cuts."""
FEW_ORDERS = Contest(8, 0.05, 8, rounds=8)
"""For few images, whose moves and exchanges leave more to relax."""
RUNAWAY = 1.5
"""Maximum drop in log std in a rough descent; beyond it the grid was too coarse and the candidate is discarded."""


@dataclass
class Surroundings:
    """What the search needs to know of each member beside its images: modes [N, K] and a tour [N]."""

    batch: TraversalBatch
    modes_MNK: Tensor
    tick: Callable[[], None]

    def __post_init__(self) -> None:
        self._tours: dict[int, np.ndarray] = {}

    def tour(self, member: int) -> np.ndarray:
        """The short closed tour through a member's images, made when first asked for."""
        if member not in self._tours:
            row = torch.tensor([member], device=self.modes_MNK.device)
            self._tours[member] = short_tour(self.batch.take(row), self.modes_MNK[member].cpu().numpy())
        return self._tours[member]


@dataclass(frozen=True)
class _Candidates:
    """Starts of descents, and for each the number of the known state that it competes with."""

    states: States
    rival_C: Tensor

    def take(self, rows: Tensor) -> _Candidates:
        return _Candidates(self.states.take(rows), self.rival_C[rows])


def lowest(
    around: Surroundings, members: Sequence[int], known: Solutions, *, power: float = POWER, fresh: bool
) -> tuple[Solutions, list[int]]:
    """The best state found for each objective of `known`, and the rows of those that changed.

    `known` holds one state per entry of `members`, each with the objective R + phi(K) that it is a minimum of. With
    `fresh` starts from scratch are tried too; with one latent the posteriors are dealt out in other orders.
    """
    changed: set[int] = set()
    best = known
    if fresh:
        starts = _fresh_starts(around, members, known, power)
        if starts is not None:
            best, won = _compete(around, members, best, starts, power, FROM_SCRATCH)
            changed |= set(won)
    if known.states.mean_MND.shape[2] > 1:
        return best, sorted(changed)
    active = list(range(len(members)))
    contest = FEW_ORDERS if known.states.mean_MND.shape[1] <= FEW_IMAGES else ROTATIONS
    for _ in range(contest.rounds):
        starts = _dealt_out(around, members, best, active)
        if starts is None:
            break
        starts = _near_enough(around, members, best, starts, power)
        best, active = _compete(around, members, best, starts, power, contest)
        changed |= set(active)
        if not active:
            break
    return best, sorted(changed)


def _fresh_starts(around: Surroundings, members: Sequence[int], known: Solutions, power: float) -> _Candidates | None:
    latents = known.states.mean_MND.shape[2]
    means, log_stds, rivals = [], [], []
    for row, m in enumerate(members):
        modes_NK = around.modes_MNK[m].cpu().numpy()
        if latents == 1:
            laid = fresh_arrangements(modes_NK, around.tour(m))[:, :, None].to(known.beta_M.device)
        elif modes_NK.shape[1] > 1:
            laid = around.modes_MNK[m][None, :, [min(d, modes_NK.shape[1] - 1) for d in range(latents)]]
        else:
            continue
        # without a penalty (power 0) no KL is aimed at: start from that of the known state
        total = known.at_M[row] if power else known.total_kl_nats_M[row].clamp_min(0.3)
        state = state_along(laid, (total / latents).expand(len(laid), latents))
        means.append(state.mean_MND)
        log_stds.append(state.log_std_MND)
        rivals += [row] * len(laid)
    if not rivals:
        return None
    rival = torch.tensor(rivals, device=known.beta_M.device)
    return _Candidates(States(torch.cat(means), torch.cat(log_stds)), rival)


def _dealt_out(
    around: Surroundings, members: Sequence[int], known: Solutions, active: Sequence[int]
) -> _Candidates | None:
    means: list[Tensor] = []
    log_stds: list[Tensor] = []
    rivals: list[int] = []
    for row in active:
        mean_N, log_std_N = known.states.mean_MND[row, :, 0], known.states.log_std_MND[row, :, 0]
        by_mean = torch.argsort(mean_N, stable=True)
        orders = torch.from_numpy(other_orders(by_mean.cpu().numpy(), around.tour(members[row])))
        if not len(orders):
            continue
        orders = orders.to(mean_N.device)
        for kept, values in ((means, mean_N), (log_stds, log_std_N)):
            kept.append(torch.empty(orders.shape, dtype=values.dtype, device=values.device))
            kept[-1].scatter_(1, orders, values[by_mean].expand(orders.shape))
        rivals += [row] * len(orders)
    if not rivals:
        return None
    states = States(torch.cat(means)[:, :, None], torch.cat(log_stds)[:, :, None])
    return _Candidates(states, torch.tensor(rivals, device=known.beta_M.device))


def _near_enough(
    around: Surroundings, members: Sequence[int], known: Solutions, starts: _Candidates, power: float
) -> _Candidates:
    """The candidates that are not hopeless before any descent, at most `UNRELAXED_KEPT` for each known state.

    Their posteriors are those of the known state, so KL and grid are too: only the reconstruction is computed.
    """
    behind = []
    for part in _chunks(around, starts):
        mean, log_std = part.states.mean_MND, part.states.log_std_MND
        batch = around.batch.take(_batch_rows(around, members, part.rival_C))
        recon = reconstruction(batch, mean, log_std, make_grid(mean, log_std))[0]
        behind.append((recon - known.recon_nats_M[part.rival_C]) / known.level_M[part.rival_C])
    return starts.take(_first_of_each(torch.cat(behind), starts.rival_C, UNRELAXED_KEPT, UNRELAXED_MARGIN))


def _compete(
    around: Surroundings,
    members: Sequence[int],
    known: Solutions,
    starts: _Candidates,
    power: float,
    contest: Contest,
) -> tuple[Solutions, list[int]]:
    """A few steps for all candidates, then to the end for the finalists; who beats the known state replaces it."""
    if not len(starts.rival_C):
        return known, []
    own_nats = penalised_nats(known, power)
    rough, nats = _descend(around, members, known, starts, power, max_evaluations=contest.steps, refine=False)
    behind = (nats - own_nats[starts.rival_C]) / known.level_M[starts.rival_C]
    sound = (rough.states.log_std_MND > starts.states.log_std_MND - RUNAWAY).all(2).all(1)
    behind = torch.where(sound, behind, torch.inf)
    finalists = _first_of_each(behind, starts.rival_C, contest.finalists, contest.margin)
    if not len(finalists):
        return known, []
    last = _Candidates(rough.states.take(finalists), starts.rival_C[finalists])
    tried, nats = _descend(around, members, known, last, power, max_evaluations=FINAL_STEPS, refine=True)
    ahead = (own_nats[last.rival_C] - nats) / known.level_M[last.rival_C]
    winners = _first_of_each(-ahead, last.rival_C, 1, -BETTER)
    won = last.rival_C[winners]
    if not len(won):
        return known, []
    means, log_stds = known.states.mean_MND.clone(), known.states.log_std_MND.clone()
    means[won], log_stds[won] = tried.states.mean_MND[winners], tried.states.log_std_MND[winners]
    again = solve(
        around.batch.take(_batch_rows(around, members, won)),
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
    starts: _Candidates,
    power: float,
    *,
    max_evaluations: int,
    refine: bool,
) -> tuple[Solutions, Tensor]:
    """Descend from every candidate; the states and their objectives [C]."""
    parts = []
    for part in _chunks(around, starts):
        parts.append(
            solve(
                around.batch.take(_batch_rows(around, members, part.rival_C)),
                part.states,
                known.level_M[part.rival_C],
                known.at_M[part.rival_C],
                power=power,
                tolerance=RANKING_TOLERANCE,
                max_evaluations=max_evaluations,
                refine=refine,
            )
        )
        around.tick()
    found = concatenate(parts)
    return found, penalised_nats(found, power)


def _chunks(around: Surroundings, starts: _Candidates) -> Iterator[_Candidates]:
    """The candidates in chunks of about `CHUNK_NUMBERS`."""
    points = grid_points(starts.states.mean_MND, starts.states.log_std_MND) ** starts.states.mean_MND.shape[2]
    images, pixels = around.batch.x_MNP.shape[1:]
    numbers = CHUNK_NUMBERS["cpu" if points.device.type == "cpu" else "cuda"]
    size = max(1, int(numbers / (float(points.median()) * (pixels + 4 * images))))
    for at in range(0, len(points), size):
        yield starts.take(torch.arange(at, min(at + size, len(points)), device=points.device))


def _batch_rows(around: Surroundings, members: Sequence[int], rival_C: Tensor) -> Tensor:
    return torch.tensor(list(members), device=around.modes_MNK.device)[rival_C]


def _first_of_each(value_C: Tensor, group_C: Tensor, count: int, limit: float) -> Tensor:
    """Candidates with value below `limit`, of each group the `count` lowest, by group and value."""
    kept = []
    values, groups = value_C.cpu().numpy(), group_C.cpu().numpy()
    for group in np.unique(groups):
        rows = np.flatnonzero((groups == group) & (values < limit))
        kept.append(rows[np.argsort(values[rows], kind="stable")][:count])
    return torch.from_numpy(np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)).to(value_C.device)


def _replaced(known: Solutions, rows: Tensor, new: Solutions) -> Solutions:
    """`known` with the entries at `rows` exchanged for `new`."""
    kept = torch.arange(len(known.beta_M), device=rows.device)
    kept[rows] = len(kept) + torch.arange(len(rows), device=rows.device)
    return concatenate([known, new]).take(kept)
