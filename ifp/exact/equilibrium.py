"""The equilibrium of each traversal: at each beta the lowest state that is known, until none lower is found.

The states known so far were found at the KLs of the targets. A state that is the lowest at one beta may be so at others
too, where nobody has followed it to: each record's state is therefore minimised at the betas of its neighbours, and in
the gap to the next, and whatever turns out lower becomes a known state.

Shapes: M traversals of a batch, T records, D latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from ifp.exact.arrangements import FEW_IMAGES
from ifp.exact.at_beta import at_beta
from ifp.exact.branches import COLLAPSED, DIFFERENT_KL_NATS, Curve, Path, equilibrium_path
from ifp.exact.candidates import Surroundings
from ifp.exact.follow import JUMP
from ifp.exact.ideal_vae import TraversalBatch
from ifp.exact.improve import lowest
from ifp.exact.prepare import PreparedTraversal
from ifp.exact.records import Extra, Records, above_the_edge, assemble, kept
from ifp.exact.search import SearchResult

MEETING_STEPS = 12
SETTLED = 1e-6
"""Newton's method ends when beta moves by less than this share: the next step would move it by the square."""
MET = 1e-4
"""Objectives meet when they differ by less than this, in units of beta; Newton's last step leaves far less."""
ROUNDS = 8
"""Maximum number of rounds in which states are handed on."""
LOWER = 1e-6
"""Least gain, in units of beta (nats of KL), for which a state handed on is kept."""
GAP = 1.05
"""Neighbours with a target between their KLs, whose betas differ by more, hand on to a beta between them too."""


def equilibrium_records(
    around: Surroundings, searched: SearchResult, traversals: Sequence[PreparedTraversal]
) -> list[Records]:
    """The equilibrium of each member of a batch, by falling beta; states found on the way go into the store.

    A member is read off again only where a lower state of its own was found, so that the others of its batch do not
    decide how often.
    """
    batch = around.batch
    asked: set[tuple[int, float]] = set()
    records = _read_off(batch, searched, traversals, range(len(traversals)))
    if batch.shape[0] <= FEW_IMAGES:
        records |= _read_off(batch, searched, traversals, _rearrange(around, searched, records))
    changed = list(records)
    for _ in range(ROUNDS):
        changed = _hand_on(batch, searched, {m: records[m] for m in changed}, asked)
        if not changed:
            break
        records |= _read_off(batch, searched, traversals, changed)
        around.tick()
    return [records[m] for m in range(len(traversals))]


def _read_off(
    batch: TraversalBatch, searched: SearchResult, traversals: Sequence[PreparedTraversal], members: Sequence[int]
) -> dict[int, Records]:
    """The lowest of the known states of these members at each beta."""
    collapsed = batch.collapsed_nats_M.tolist()
    curves = {m: searched.store.every(m) for m in members}
    paths = {
        m: equilibrium_path(
            curves[m], traversals[m].beta_closed_form, collapsed[m], above_the_edge(searched, m, traversals[m])
        )
        for m in members
    }
    extra = _meetings(batch, searched, curves, paths, collapsed)
    return {m: _rising(assemble(curves[m], paths[m], collapsed[m], extra[m])) for m in members}


def _rising(r: Records) -> Records:
    """Without the records that hold less than one before them, at a larger beta: ties of valleys, equal to rounding."""
    kl_T = r.kl_nats_TD.sum(1)
    keep = kl_T >= np.maximum.accumulate(kl_T)
    return Records(r.beta_T[keep], r.recon_nats_T[keep], r.kl_nats_TD[keep], r.row_T[keep])


def _rearrange(around: Surroundings, searched: SearchResult, records: Mapping[int, Records]) -> list[int]:
    """Look for lower states of few images, whose order along z a descent cannot change, at every record's beta.

    Returns the members for which one was found.
    """
    store = searched.store
    where = [(m, row) for m, r in records.items() for row in r.row_T.tolist() if row != COLLAPSED]
    members, rows = [m for m, _ in where], [row for _, row in where]
    known = at_beta(around.batch, members, store.all(), rows, store.get(rows).beta_M.tolist())
    found, better = lowest(around, members, known, power=0.0, fresh=False)
    if better:
        searched.keep([members[i] for i in better], found.take(known.beta_M.new_tensor(better).long()))
    return sorted({members[i] for i in better})


def _hand_on(
    batch: TraversalBatch, searched: SearchResult, records: Mapping[int, Records], asked: set[tuple[int, float]]
) -> list[int]:
    """Minimise each record's state at its neighbours' betas, but for those `asked` before.

    Returns the members of which any ended lower.
    """
    members, rows, betas, limits = [], [], [], []
    for m, r in records.items():
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
        return []
    found = at_beta(batch, members, searched.store.all(), rows, betas)
    nats = (found.recon_nats_M + found.beta_M * found.total_kl_nats_M).tolist()
    lower = [i for i in range(len(nats)) if nats[i] < limits[i] - LOWER * betas[i]]
    if lower:
        searched.keep([members[i] for i in lower], found.take(found.beta_M.new_tensor(lower).long()))
    return sorted({members[i] for i in lower})


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
    curves: Mapping[int, Curve],
    paths: Mapping[int, Path],
    collapsed: Sequence[float],
) -> dict[int, list[Extra]]:
    """The two states either side of each jump, at the beta where their objectives meet.

    Newton's method on the difference of the objectives, whose slope in beta is the difference of the KLs; each jump
    ends by itself. A state that is no minimum there slides down to the other side: then there is nothing to meet.
    """
    extra: dict[int, list[Extra]] = {m: [] for m in paths}
    where = [(m, jump) for m, path in paths.items() for jump in path.jumps]
    beta = [jump.beta for _, jump in where]
    known = searched.store.all()
    running = list(range(len(where)))
    for _ in range(MEETING_STEPS):
        if not running:
            break
        held = [(i, end) for i in running for end in ("low", "high") if getattr(where[i][1], end) != COLLAPSED]
        members = [where[i][0] for i, _ in held]
        start = [int(curves[where[i][0]].state_J[getattr(where[i][1], end)]) for i, end in held]
        found = at_beta(batch, members, known, start, [beta[i] for i, _ in held])
        sides = {key: kept(found, at, where[key[0]][1].after, COLLAPSED) for at, key in enumerate(held)}
        place = {key: at for at, key in enumerate(held)}
        still = []
        for i in running:
            m, jump = where[i]
            high = sides[i, "high"]
            low = sides.get((i, "low")) or Extra(jump.after, beta[i], collapsed[m], 0 * high.kl_nats_D, COLLAPSED)
            more = float(high.kl_nats_D.sum() - low.kl_nats_D.sum())
            if more <= DIFFERENT_KL_NATS:
                continue
            # both states touch the envelope, so that their objectives meet between their own betas
            at_most = np.inf if jump.low == COLLAPSED else float(curves[m].beta_J[jump.low])
            meet = min(max((low.recon_nats - high.recon_nats) / more, float(curves[m].beta_J[jump.high])), at_most)
            if abs(meet / beta[i] - 1) >= SETTLED:
                beta[i] = meet
                still.append(i)
            elif abs(high.recon_nats - low.recon_nats + beta[i] * more) < MET * beta[i]:
                ends = [(end, side) for end, side in (("low", low), ("high", high)) if (i, end) in place]
                picked = found.take(found.beta_M.new_tensor([place[i, end] for end, _ in ends]).long())
                rows = dict(zip((end for end, _ in ends), searched.keep([m] * len(ends), picked), strict=True))
                extra[m] += [replace(low, row=rows.get("low", COLLAPSED)), replace(high, row=rows["high"])]
        running = still
    for items in extra.values():
        items.sort(key=lambda item: item.after)
    return extra
