"""The lowest state at every KL, searched for on the way up.

At each target three things compete: the first curve, the continuation of the lowest state before, and what
`ifp.exact.improve.lowest` finds beside them.
"""

from __future__ import annotations

import numpy as np

from ifp.exact.follow import Track
from ifp.exact.improve import lowest
from ifp.exact.search_state import SearchState

SEARCH_FROM_NATS = 0.3
"""Below this KL the curve that grew from the onset is taken for the lowest; arrangements differ little there."""
SCRATCH_GROWTH = 1.5
"""Ratio of the KLs at which the search for lower states starts from scratch too."""


def rise(state: SearchState) -> list[int]:
    """The lowest state at every KL; returns for each member the row of the deepest.

    Each member starts at its own first target and has its own sequence of searches from scratch, so that what is
    found does not depend on the others.
    """
    targets = state.depth.targets
    state.best = [dict(points) for points in state.cool]
    # a first curve that ends early is searched where it ends
    begin = [min(int(np.searchsorted(targets, SEARCH_FROM_NATS)), int(max(points))) for points in state.cool]
    scratch_from = [0.0] * state.members
    ended = np.zeros(state.members, dtype=bool)
    other: Track | None = None  # members whose lowest state is not on the first curve
    for index in range(min(begin), len(targets)):
        if other is not None:
            other = continued(state, other, index)
        active = [m for m in range(state.members) if begin[m] <= index and not ended[m] and index in state.best[m]]
        if not active:
            break
        fresh = [m for m in active if targets[index] >= scratch_from[m]]
        for m in fresh:
            scratch_from[m] = SCRATCH_GROWTH * targets[index]
        for members in (fresh, [m for m in active if m not in fresh]):
            if members:
                other = _searched(state, other, index, members, fresh=members is fresh)
        lowest_now = state.store.get([state.best[m][index] for m in active])
        done = state.depth.reached(state.rows(active), lowest_now).tolist()
        ended[[m for m, is_done in zip(active, done, strict=True) if is_done]] = True
        if other is not None:
            other = state.only(other, [m for m in other.rows.tolist() if not ended[m]])
        state.around.tick()
    return [points[max(points)] for points in state.best]


def continued(state: SearchState, other: Track, index: int) -> Track | None:
    """The lowest states of before, followed to the next target; those that a known state undercuts are left."""
    if not len(other.rows):
        return None
    other, _ = other.step(state.batch, state.around.modes_MNK, state.depth.targets[index])
    lower = []
    rows = state.store.add(other.rows.tolist(), index, other.last)
    for m, row in zip(other.rows.tolist(), rows, strict=True):
        if is_lowest(state, m, row, index):
            state.best[m][index] = row
            lower.append(m)
    return state.only(other, lower)


def is_lowest(state: SearchState, m: int, row: int, index: int) -> bool:
    """Whether a stored state is lower at this target than the lowest that is known of its member."""
    return index not in state.best[m] or state.nats_at(row, index) < state.nats_at(state.best[m][index], index)


def _searched(state: SearchState, other: Track | None, index: int, members: list[int], *, fresh: bool) -> Track | None:
    """The track with those of `members` on it, from their new state, for which a lower one is found."""
    known = state.store.get([state.best[m][index] for m in members])
    found, changed = lowest(state.around, members, known, fresh=fresh)
    if not changed:
        return other
    won, lower = [members[i] for i in changed], found.take(state.rows(changed))
    for m, row in zip(won, state.store.add(won, index, lower), strict=True):
        state.best[m][index] = row
    track = Track.begin(state.rows(won), lower)
    if other is None:
        return track
    return state.only(other, [m for m in other.rows.tolist() if m not in won]).join(track)
