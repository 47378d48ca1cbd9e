"""Both curves of a batch of traversals: from the onset upward in KL, and down again from the best deep state known.

Shapes: M traversals, N images, D latents, K modes, Q stored states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from ifp.equilibrium import TraversalBatch
from ifp.exact_branches import Curve
from ifp.exact_curve import CurvePoint, Solutions, States, concatenate, follow, penalised_nats, solve, state_along

SCOUT_KL_NATS = 1.0
"""The KL at which other arrangements of the images along z compete with the one that grew from the onset."""
SCOUT_EVALUATIONS, LAST_EVALUATIONS, SCOUT_TOLERANCE = 14, 60, 1e-6
RUNAWAY = 1.5
HOPELESS = 0.03
"""After the first steps an arrangement worse than the known one by this much, in units of beta, is given up."""
BETTER = 1e-5
"""By so much, in units of beta, an arrangement must be better to count as another."""
SAME_BETA, SAME_KL = 1e-5, 0.02
"""Two states found at one target are one when beta and KL differ by less than these shares."""

Found = dict[int, int]
"""The points of one member's curve: number of the KL target -> row in the store."""


class Store:
    """Keeps every solution of a batch, one a row; curves refer to rows."""

    def __init__(self) -> None:
        self._parts: list[Solutions] = []
        self._count = 0

    def add(self, solutions: Solutions) -> list[int]:
        """Keep these, and return their rows."""
        self._parts.append(solutions)
        self._count += len(solutions.beta_M)
        return list(range(self._count - len(solutions.beta_M), self._count))

    def all(self) -> Solutions:
        """Everything kept so far."""
        self._parts = [concatenate(self._parts)]
        return self._parts[0]

    def get(self, rows: Sequence[int]) -> Solutions:
        """The solutions in these rows."""
        kept = self.all()
        return kept.take(torch.tensor(rows, dtype=torch.long, device=kept.beta_M.device))


@dataclass(frozen=True)
class SearchResult:
    """One curve a member that grew from the onset, one from the deep end (None where not asked for), and all states.

    The curves' `state_J` are rows of `solutions`.
    """

    cool: list[Curve]
    heat: list[Curve] | None
    solutions: Solutions


def search_curves(
    batch: TraversalBatch,
    modes_MNK: Tensor,
    beta_closed_form_M: Tensor,
    targets: Sequence[float],
    *,
    latents: int,
    floor_M: Tensor,
    heat: bool,
    tick: Callable[[], None],
) -> SearchResult:
    """Trace the curves of a batch until beta is below `floor_M`.

    The first curve grows out of the collapsed state along the leading mode. For the second, other arrangements of the
    images along z are tried at a KL of `SCOUT_KL_NATS`; the best deep state is followed back down until it meets the
    first curve, provided that the first was followed up to there without a jump. `tick` is called often.
    """
    members = len(beta_closed_form_M)
    modes = latent_modes(modes_MNK, latents)
    store = Store()
    numbered = list(enumerate(targets))

    def deep(index: int, rows: Tensor, found: Solutions) -> Tensor:
        return found.beta_M < floor_M[rows]

    def trace(start: Solutions, rows: Tensor, path: Sequence[tuple[int, float]], ends: Ends) -> list[CurvePoint]:
        return follow(batch, start, rows, path, ends, modes_MNK=modes_MNK, tick=tick)

    cool: list[Found] = [{} for _ in range(members)]
    left = np.zeros((members, len(targets)), dtype=bool)  # where the curve was not followed but jumped
    everyone = torch.arange(members, device=modes.device)
    kl = torch.zeros(members, latents, dtype=torch.float64, device=modes.device)
    kl[:, 0] = targets[0]
    onset = solve(batch, state_along(modes, kl), beta_closed_form_M, kl.sum(1))
    _keep(store, cool, CurvePoint(0, everyone, onset, torch.zeros_like(everyone, dtype=torch.bool)))
    for point in trace(onset, everyone, numbered[1:], deep):
        _keep(store, cool, point)
        left[point.rows.cpu().numpy(), point.index] = point.jumped.cpu().numpy()
    if not heat:
        return SearchResult(_curves(store, cool), None, store.all())

    scout_at = int(np.abs(np.array(targets) - SCOUT_KL_NATS).argmin())
    scouted = [min(max(points), scout_at) for points in cool]
    best, other = _scout(batch, modes_MNK, store.get([cool[m][i] for m, i in enumerate(scouted)]), latents, tick)
    own: list[Found] = [{} for _ in range(members)]
    for index in sorted({scouted[m] for m in other}):
        rows = torch.tensor([m for m in other if scouted[m] == index], device=modes.device)
        start = best.take(rows)
        point = CurvePoint(index, rows, start, torch.zeros_like(rows, dtype=torch.bool))
        _keep(store, own, point)
        on = (~deep(index, rows, start)).nonzero().squeeze(1)
        for point in trace(start.take(on), rows[on], numbered[index + 1 :], deep):
            _keep(store, own, point)

    # down again: whoever found another arrangement, and whoever left a branch on the way up
    again = [m for m in range(members) if own[m] or left[m].any()]
    tops = {m: max(own[m]) if own[m] else max(cool[m]) for m in again}
    for m in again:
        own[m] = {tops[m]: own[m].get(tops[m], cool[m][max(cool[m])])} | own[m]

    def met(index: int, rows: Tensor, found: Solutions) -> Tensor:
        known = store.all()
        same = torch.zeros(len(rows), dtype=torch.bool)
        for at, m in enumerate(rows.tolist()):
            if index in cool[m] and not left[m, : index + 1].any():
                q = cool[m][index]
                beta, kl = known.beta_M[q] / found.beta_M[at], known.total_kl_nats_M[q] / found.total_kl_nats_M[at]
                same[at] = bool((beta - 1).abs() < SAME_BETA) and bool((kl - 1).abs() < SAME_KL)
        return same.to(rows.device)

    for index in sorted(set(tops.values())):
        mine = [m for m in again if tops[m] == index]
        rows = torch.tensor(mine, device=modes.device)
        for point in trace(store.get([own[m][index] for m in mine]), rows, numbered[:index][::-1], met):
            _keep(store, own, point)
    # below where it met the first curve the second one is the first
    for m in range(members):
        lowest = min(own[m], default=len(targets))
        own[m] = {index: q for index, q in cool[m].items() if index < lowest} | own[m]
    return SearchResult(_curves(store, cool), _curves(store, own), store.all())


Ends = Callable[[int, Tensor, Solutions], Tensor]


def _keep(store: Store, found: list[Found], point: CurvePoint) -> None:
    for m, q in zip(point.rows.tolist(), store.add(point.solutions), strict=True):
        found[m][point.index] = q


def _curves(store: Store, found: Sequence[Found]) -> list[Curve]:
    known = store.all()
    beta, recon, kl = (t.cpu().numpy() for t in (known.beta_M, known.recon_nats_M, known.kl_nats_MD))
    curves = []
    for points in found:
        index = np.array(sorted(points))
        at = np.array([points[i] for i in index.tolist()])
        curves.append(Curve(index, beta[at], recon[at], kl[at], at))
    return curves


def _scout(
    batch: TraversalBatch, modes_MNK: Tensor, own: Solutions, latents: int, tick: Callable[[], None]
) -> tuple[Solutions, list[int]]:
    """The best state of each member under the objective of `own`, and the members whose best is another than `own`."""
    laid = _arrangements(modes_MNK, latents)
    if not laid:
        return own, []
    members = len(own.beta_M)
    every = torch.arange(members, device=own.beta_M.device).repeat(len(laid))
    kl = own.at_M[:, None].expand(-1, latents) / latents
    start = state_along(torch.cat(laid), kl.repeat(len(laid), 1))
    own_nats = penalised_nats(own)
    # a few steps for all, then to the end for those that could still win
    rough = solve(batch.take(every), start, own.level_M[every], own.at_M[every], max_evaluations=SCOUT_EVALUATIONS)
    tick()
    close = penalised_nats(rough) < (own_nats + HOPELESS * own.level_M)[every]
    # one that has run away to posteriors far narrower than it began with was misled by its grid
    close &= (rough.states.log_std_MND > start.log_std_MND - RUNAWAY).all(2).all(1)
    close = close.nonzero().squeeze(1)
    every = every[close]
    if not len(every):
        return own, []
    at = own.level_M[every], own.at_M[every]
    tried = solve(
        batch.take(every), rough.states.take(close), *at, tolerance=SCOUT_TOLERANCE, max_evaluations=LAST_EVALUATIONS
    )
    tick()
    gain = own_nats[every] - BETTER * own.level_M[every] - penalised_nats(tried)
    best = [(float(gain[i]), m, i) for i, m in enumerate(every.tolist()) if gain[i] > 0]
    if not best:
        return own, []
    winner = {m: i for _, m, i in sorted(best)}
    other = sorted(winner)
    means, log_stds = own.states.mean_MND.clone(), own.states.log_std_MND.clone()
    for m in other:
        means[m], log_stds[m] = tried.states.mean_MND[winner[m]], tried.states.log_std_MND[winner[m]]
    # members that keep their own state are solved again too, which costs nothing: they are at their minimum
    return solve(batch, States(means, log_stds), own.level_M, own.at_M), other


def latent_modes(modes_MNK: Tensor, latents: int) -> Tensor:
    """One mode a latent [M, N, D], of mean square 1; the last one repeated where there are fewer."""
    return modes_MNK[:, :, [min(d, modes_MNK.shape[2] - 1) for d in range(latents)]]


def _arrangements(modes_MNK: Tensor, latents: int) -> list[Tensor]:
    """Other ways to lay the images out along z [M, N, D]: weaker modes, mixtures, and the order of the images.

    A ring (a full turn) has to be cut somewhere: hence the order of the images with two cuts.
    """
    members, n, modes = modes_MNK.shape
    if modes < 2:
        return []
    if latents > 1:
        return [latent_modes(modes_MNK, latents)]
    first, second = modes_MNK[:, :, 0], modes_MNK[:, :, 1]
    laid = [second, (first + second) / 2**0.5, (first - second) / 2**0.5]
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    quantiles /= np.sqrt((quantiles**2).mean())
    for cut in (0, n // 2) if n > 3 else ():
        laid.append(torch.from_numpy(np.roll(quantiles, cut)).to(first.device).expand(members, n))
    return [a[:, :, None].clone() for a in laid]
