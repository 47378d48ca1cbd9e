"""Known states followed down to smaller KLs: the deepest, and the lowest of every KL.

The deepest state's curve is that of heating: it is followed until it meets the first curve. A valley that is found at
one KL may be the lowest at smaller ones too, the threshold among them: such states are followed while they are the
lowest. Where the deepest state is the lowest the two are the same curve, which is then solved once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.exact.follow import Track
from ifp.exact.rise import continued, is_lowest
from ifp.exact.search_state import SearchState
from ifp.exact.solutions import Solutions

SAME_BETA, SAME_KL = 1e-5, 0.02
"""Two states found at one target are one when beta and KL differ by less than these shares."""


def fall(state: SearchState, top: Sequence[int]) -> None:
    """Follow the deepest states `top` (a row for each member) down to the first curve, and the lowest ones."""
    targets = state.depth.targets
    start: dict[int, int] = {}
    for m in range(state.members):
        deepest = int(max(state.best[m]))
        if state.best[m][deepest] != state.cool[m].get(deepest) or state.jumped[m].any():
            start[m] = deepest
    deep: Track | None = None
    low: Track | None = None  # lowest states that are not on `deep`
    shared: set[int] = set()  # members whose state on `deep` is the lowest known
    for index in range(len(targets) - 1, -1, -1):
        parted: Track | None = None
        if deep is not None and len(deep.rows):
            deep, parted = _deeper(state, deep, index, shared)
        if low is not None:
            low, _ = continued(state, low, index)
        low = _both(low, parted)
        begin = [m for m, at in start.items() if at == index]
        for m in begin:
            state.deep[m][index] = top[m]
        if begin:
            deep = _both(deep, _from(state, begin, top))
        held = shared | set(low.rows.tolist() if low is not None else ())
        own = [
            m for m in range(state.members)
            if m not in held and index in state.best[m] and state.best[m][index] != state.cool[m].get(index)
        ]  # fmt: skip
        lowest = [points.get(index, -1) for points in state.best]
        both = [m for m in own if m in begin and lowest[m] == top[m]]
        shared |= set(both)
        own = [m for m in own if m not in both]
        if own:
            low = _both(low, _from(state, own, lowest))
        state.around.tick()
    for m in range(state.members):
        lowest_index = min(state.deep[m], default=len(targets))
        state.deep[m] |= {index: row for index, row in state.cool[m].items() if index < lowest_index}


def _deeper(state: SearchState, deep: Track, index: int, shared: set[int]) -> tuple[Track, Track | None]:
    """The deepest states at the next target that have not met the first curve, and those that have but are the lowest.

    `shared` loses the members whose state is not the lowest any more, or not on the track.
    """
    deep, _ = deep.step(state.batch, state.around.modes_MNK, state.depth.targets[index])
    state.keep(state.deep, index, deep.rows, deep.last)
    members = deep.rows.tolist()
    for m in sorted(shared):
        if m in members and is_lowest(state, m, state.deep[m][index], index):
            state.best[m][index] = state.deep[m][index]
        else:
            shared.discard(m)
    apart = [m for i, m in enumerate(members) if not _met(state, m, index, i, deep.last)]
    parted = sorted(shared - set(apart))
    shared.difference_update(parted)
    return state.only(deep, apart), state.only(deep, parted) if parted else None


def _from(state: SearchState, members: Sequence[int], row_M: Sequence[int]) -> Track:
    """A track of these members from their rows of the store."""
    return Track.begin(state.rows(members), state.store.get([row_M[m] for m in members]))


def _both(track: Track | None, other: Track | None) -> Track | None:
    if track is None or other is None:
        return track or other
    return track.join(other)


def _met(state: SearchState, m: int, index: int, at: int, found: Solutions) -> bool:
    """Whether a state on its way down is that of the first curve, which was followed up to there."""
    if index not in state.cool[m] or state.jumped[m, : index + 1].any():
        return False
    there = state.store.get([state.cool[m][index]])
    beta, kl = there.beta_M[0] / found.beta_M[at], there.total_kl_nats_M[0] / found.total_kl_nats_M[at]
    return bool((beta - 1).abs() < SAME_BETA) and bool((kl - 1).abs() < SAME_KL)
