"""The lowest state at every KL, searched for on the way up.

At each target three things compete: the first curve, the continuation of the lowest state before, and what
`ifp.exact.improve.lowest` finds beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.exact.arrangements import FEW_IMAGES
from ifp.exact.follow import Track
from ifp.exact.improve import lowest
from ifp.exact.search_state import SearchState
from ifp.exact.targets import LEAST_KL_NATS

SEARCH_FROM_NATS = 0.3
"""Below this KL the curve that grew from the onset is taken for the lowest; arrangements differ little there."""
SCRATCH_GROWTH = 1.5
"""Ratio of the KLs at which the search for lower states starts from scratch too."""


def rise(state: SearchState) -> list[int]:
    """The lowest state at every KL; returns for each member the row of the deepest.

    Each member starts at its own first target and has its own sequence of searches from scratch, so that what is
    found does not depend on the others. The deepest state, from which heating starts, is searched for more widely.
    """
    targets = state.depth.targets
    state.best = [dict(points) for points in state.cool]
    # a first curve that ends early is searched where it ends
    begin = [min(int(np.searchsorted(targets, SEARCH_FROM_NATS)), int(max(points))) for points in state.cool]
    scratch_from = [0.0] * state.members
    widely = [-1] * state.members  # the last target of the wide search, which the deepest state must have passed
    ended = np.zeros(state.members, dtype=bool)
    few = state.batch.shape[0] <= FEW_IMAGES  # the deepest state of few images may be of another valley altogether
    other: Track | None = None  # members whose lowest state is not on the first curve
    for index in range(min(begin), len(targets)):
        if other is not None:
            other, unresolved = continued(state, other, index)
            for m in unresolved:
                # the lowest of what is left there would be another valley, which only needs a coarser grid
                ended[m] = True
                state.best[m] = {at: row for at, row in state.best[m].items() if at < index}
        active = [m for m in range(state.members) if begin[m] <= index and not ended[m] and index in state.best[m]]
        if not active:
            break
        fresh = [m for m in active if targets[index] >= scratch_from[m]]
        for m in fresh:
            scratch_from[m] = SCRATCH_GROWTH * targets[index]
        for m, is_last in zip(active, _deep_enough(state, active, index), strict=True):
            if is_last or (m in fresh and targets[index] >= LEAST_KL_NATS):
                widely[m] = index
        if few:
            fresh = [m for m in active if m in fresh or widely[m] == index]
        for is_fresh, wide in ((True, True), (True, False), (False, True), (False, False)):
            members = [m for m in active if (m in fresh, widely[m] == index) == (is_fresh, wide)]
            if members:
                other = _searched(state, other, index, members, fresh=is_fresh, wide=wide)
        done = _deep_enough(state, active, index)
        ended[[m for m, is_done in zip(active, done, strict=True) if is_done]] = True
        if other is not None:
            other = state.only(other, [m for m in other.rows.tolist() if not ended[m]])
        state.around.tick()
    deepest = [int(max(points)) for points in state.best]
    for index in sorted(set(deepest)):
        members = [m for m in range(state.members) if deepest[m] == index != widely[m]]
        if members:
            _searched(state, None, index, members, fresh=few, wide=True)
    return [points[index] for points, index in zip(state.best, deepest, strict=True)]


def _deep_enough(state: SearchState, members: Sequence[int], index: int) -> list[bool]:
    """Whether the lowest known state of each of these members at a target ends its curve."""
    known = state.store.get([state.best[m][index] for m in members])
    return state.depth.reached(state.rows(members), known).tolist()


def continued(state: SearchState, other: Track, index: int) -> tuple[Track | None, list[int]]:
    """The lowest states of before, followed to the next target; those that a known state undercuts are left.

    Also returns the members whose posteriors have become too narrow for any grid.
    """
    if not len(other.rows):
        return None, []
    before = other.rows.tolist()
    other, _ = other.step(state.batch, state.around.modes_MNK, state.depth.targets[index])
    lower = []
    rows = state.store.add(other.rows.tolist(), index, other.last)
    for m, row in zip(other.rows.tolist(), rows, strict=True):
        if is_lowest(state, m, row, index):
            state.best[m][index] = row
            lower.append(m)
    return state.only(other, lower), [m for m in before if m not in other.rows.tolist()]


def is_lowest(state: SearchState, m: int, row: int, index: int) -> bool:
    """Whether a stored state is lower at this target than the lowest that is known of its member."""
    return index not in state.best[m] or state.nats_at(row, index) < state.nats_at(state.best[m][index], index)


def _searched(
    state: SearchState, other: Track | None, index: int, members: list[int], *, fresh: bool, wide: bool
) -> Track | None:
    """The track with those of `members` on it, from their new state, for which a lower one is found."""
    known = state.store.get([state.best[m][index] for m in members])
    found, changed = lowest(state.around, members, known, fresh=fresh, wide=wide)
    if not changed:
        return other
    won, lower = [members[i] for i in changed], found.take(state.rows(changed))
    for m, row in zip(won, state.store.add(won, index, lower), strict=True):
        state.best[m][index] = row
    track = Track.begin(state.rows(won), lower)
    if other is None:
        return track
    return state.only(other, [m for m in other.rows.tolist() if m not in won]).join(track)
