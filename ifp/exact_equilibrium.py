"""The equilibrium of each traversal: at each beta the lowest state that is known, until none lower is found.

The states known so far were found at the KLs of the targets. A state that is the lowest at one beta may be so at others
too, where nobody has followed it to: each record's state is therefore minimised at the betas of its neighbours, and in
the gap to the next, and whatever turns out lower becomes a known state.

Shapes: M traversals of a batch, T records, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ifp.equilibrium import TraversalBatch
from ifp.exact_arrangements import FEW_IMAGES
from ifp.exact_branches import COLLAPSED, Curve, Path, equilibrium_path
from ifp.exact_curve import JUMP
from ifp.exact_improve import Surroundings, lowest
from ifp.exact_records import Extra, Job, Records, above_the_edge, assemble, at_beta, kept
from ifp.exact_search import SearchResult

MEETING_STEPS = 12
DIFFERENT_KL_NATS = 1e-6
"""States whose KLs differ by less are the same."""
MET = 1e-4
"""Objectives meet when they differ by less than this, in units of beta; Newton's last step leaves far less."""
ROUNDS = 8
"""Times that states are handed on at most."""
LOWER = 1e-6
"""Least gain, in units of beta (nats of KL), for which a state handed on is kept."""
GAP = 1.05
"""Neighbours with a target between their KLs, whose betas differ by more, hand on to a beta between them too."""


def equilibrium_records(around: Surroundings, searched: SearchResult, group: Sequence[Job]) -> list[Records]:
    """The equilibrium of each member of a batch, by falling beta; states found on the way go into the store."""
    batch, tick = around.batch, around.tick
    asked: set[tuple[int, float]] = set()
    for turn in range(ROUNDS):
        records = _read_off(batch, searched, group)
        tick()
        if turn == 0 and batch.x_MNP.shape[1] <= FEW_IMAGES:
            _rearrange(around, searched, records)
            records = _read_off(batch, searched, group)
        if not _hand_on(batch, searched, records, asked):
            return records
        tick()
    return _read_off(batch, searched, group)


def _read_off(batch: TraversalBatch, searched: SearchResult, group: Sequence[Job]) -> list[Records]:
    """The lowest of the known states at each beta."""
    collapsed = batch.collapsed_nats_M.tolist()
    curves = [searched.store.every(m) for m in range(len(group))]
    paths = [
        equilibrium_path(curve, job.beta_closed_form, collapsed[m], above_the_edge(searched, m, job))
        for m, (curve, job) in enumerate(zip(curves, group, strict=True))
    ]
    extra = _meetings(batch, searched, curves, paths, collapsed)
    return [_rising(assemble(*parts)) for parts in zip(curves, paths, collapsed, extra, strict=True)]


def _rising(r: Records) -> Records:
    """Without the records that hold less than one before them, at a larger beta: ties of valleys, equal to rounding."""
    kl_T = r.kl_nats_TD.sum(1)
    keep = kl_T >= np.maximum.accumulate(kl_T)
    return Records(r.beta_T[keep], r.recon_nats_T[keep], r.kl_nats_TD[keep], r.row_T[keep])


def _rearrange(around: Surroundings, searched: SearchResult, records: Sequence[Records]) -> None:
    """Look for lower states of few images, whose order along z a descent cannot change, at every record's beta."""
    store = searched.store
    where = [(m, int(row)) for m, r in enumerate(records) for row in r.row_T if row != COLLAPSED]
    members = [m for m, _ in where]
    at = [float(store.get([row]).beta_M[0]) for _, row in where]
    known = at_beta(around.batch, members, store.all(), [row for _, row in where], at)
    found, changed = lowest(around, members, known, power=0.0, fresh=False)
    if changed:
        searched.keep([members[i] for i in changed], found.take(known.beta_M.new_tensor(changed).long()))


def _hand_on(
    batch: TraversalBatch, searched: SearchResult, records: Sequence[Records], asked: set[tuple[int, float]]
) -> bool:
    """Minimise each record's state at its neighbours' betas, but for those `asked` before; whether any ended lower."""
    members, rows, betas, limits = [], [], [], []
    for m, r in enumerate(records):
        nats_T = r.recon_nats_T + r.beta_T * r.kl_nats_TD.sum(1)
        target_T = searched.target_of(r.kl_nats_TD.sum(1))
        wanted: list[tuple[int, float, float]] = []
        for t in np.flatnonzero(_changes(searched, r.row_T)):
            wanted += [(r.row_T[t], r.beta_T[t + 1], nats_T[t + 1]), (r.row_T[t + 1], r.beta_T[t], nats_T[t])]
            if target_T[t + 1] > target_T[t] + 1.5 and r.beta_T[t] > GAP * r.beta_T[t + 1]:
                middle = (r.beta_T[t] * r.beta_T[t + 1]) ** 0.5
                wanted += [(r.row_T[t], middle, np.inf), (r.row_T[t + 1], middle, np.inf)]
        for row, beta, limit in wanted:
            if row != COLLAPSED and (row, beta) not in asked:
                asked.add((row, beta))
                members.append(m)
                rows.append(int(row))
                betas.append(float(beta))
                limits.append(float(limit))
    if not members:
        return False
    found = at_beta(batch, members, searched.store.all(), rows, betas)
    nats = (found.recon_nats_M + found.beta_M * found.total_kl_nats_M).tolist()
    lower = [i for i in range(len(nats)) if nats[i] < limits[i] - LOWER * betas[i]]
    if lower:
        searched.keep([members[i] for i in lower], found.take(found.beta_M.new_tensor(lower).long()))
    return bool(lower)


def _changes(searched: SearchResult, row_T: np.ndarray) -> np.ndarray:
    """Whether each record and the next [T - 1] hold states of different valleys; z may be mirrored."""
    held_T = row_T != COLLAPSED
    mean_TND = searched.store.get(np.where(held_T, row_T, 0).tolist()).states.mean_MND
    before, after = mean_TND[:-1], mean_TND[1:]
    after = after * torch.where((before * after).sum(1, keepdim=True) < 0, -1.0, 1.0)
    apart = (after - before).square().mean(1).sum(1) > JUMP**2 * after.square().mean(1).sum(1)
    return apart.cpu().numpy() & held_T[1:]


def _meetings(
    batch: TraversalBatch,
    searched: SearchResult,
    curves: Sequence[Curve],
    paths: Sequence[Path],
    collapsed: Sequence[float],
) -> list[list[Extra]]:
    """The two states either side of each jump, at the beta where their objectives meet.

    Newton's method on the difference of the objectives, whose slope in beta is the difference of the KLs.
    """
    extra: list[list[Extra]] = [[] for _ in paths]
    where = [(m, jump) for m, path in enumerate(paths) for jump in path.jumps]
    if not where:
        return extra
    known = searched.store.all()
    members = [m for m, _ in where]
    beta = [jump.beta for _, jump in where]
    ends = [(jump.low, jump.high) for _, jump in where]
    held = [(i, side) for i, pair in enumerate(ends) for side in (0, 1) if pair[side] != COLLAPSED]
    start = [int(curves[members[i]].state_J[ends[i][side]]) for i, side in held]
    # both states touch the envelope, so that their objectives meet between their own betas
    between = [
        (float(curves[m].beta_J[high]), np.inf if low == COLLAPSED else float(curves[m].beta_J[low]))
        for m, (low, high) in zip(members, ends, strict=True)
    ]
    for _ in range(MEETING_STEPS):
        found = at_beta(batch, [members[i] for i, _ in held], known, start, [beta[i] for i, _ in held])
        nats = [[collapsed[m], collapsed[m]] for m in members]
        kl = [[0.0, 0.0] for _ in members]
        for (i, side), recon, total in zip(
            held, found.recon_nats_M.tolist(), found.total_kl_nats_M.tolist(), strict=True
        ):
            nats[i][side], kl[i][side] = recon, total
        # a state that is no minimum at this beta slides down to the other side: then there is nothing to meet
        meet = [
            min(max((recon[0] - recon[1]) / (k[1] - k[0]), low), high) if k[1] - k[0] > DIFFERENT_KL_NATS else b
            for recon, k, b, (low, high) in zip(nats, kl, beta, between, strict=True)
        ]
        settled = max(abs(new / old - 1) for new, old in zip(meet, beta, strict=True)) < 1e-4
        if settled:
            break
        beta = meet
    sides: dict[tuple[int, int], Extra] = {}
    rows = searched.keep([members[i] for i, _ in held], found)
    for at, ((i, side), row) in enumerate(zip(held, rows, strict=True)):
        sides[i, side] = kept(found, at, where[i][1].after, row)
    for i, (m, jump) in enumerate(where):
        apart = nats[i][1] - nats[i][0] + beta[i] * (kl[i][1] - kl[i][0])
        if kl[i][1] - kl[i][0] > DIFFERENT_KL_NATS and abs(apart) < MET * beta[i]:
            nothing = Extra(jump.after, sides[i, 1].beta, collapsed[m], 0 * sides[i, 1].kl_nats_D, COLLAPSED)
            extra[m] += [sides.get((i, 0), nothing), sides[i, 1]]
    return extra
