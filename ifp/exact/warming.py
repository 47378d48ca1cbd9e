"""Heating as it happens: beta is raised in small steps, and each state is the minimum next to the last one.

The curve is traced by its KL (`ifp.exact.follow`). Near the end of a strong transition's branch another one may be
lower at the same KL, onto which the tracing changes, although raising beta does not lead there; and where a branch
ends, its state may fall onto one that the curve does not hold. The points of heating's path are therefore visited again
at fixed beta, from the deepest on. Where the steps lead past a point, the states that they do lead to take its place.

Shapes: M traversals of a batch, J points of a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ifp.exact.branches import COLLAPSED, Curve, Path, turning_points
from ifp.exact.candidates import Surroundings
from ifp.exact.follow import JUMP
from ifp.exact.search import SearchResult
from ifp.exact.solutions import Solutions, pushed
from ifp.exact.solve import solve

STEP, LEAST_STEP = 0.1, 2e-5
"""Maximum relative step of beta; a branch is left where one as small as the second leads away from it."""
MOST_TARGETS = 1.0
"""A step that passes more than this number of KL targets has left its branch, or is too long for the records."""
STEEPEST = 1.5
"""A KL that changes by more than this many nats times the root of the relative step has left its branch, or is too near
to its end, where the KL falls by about 0.5 to 1 times the root of the distance."""
APART_TARGETS = 0.25
"""States of a walk that are put on a curve are further apart than this number of KL targets."""
NEAR_TURN = 5e-5
"""Turning points are aimed at from this relative distance below; and the branch is left at this one above them."""
SAME_SHARE, SAME_AT_TURN = 2e-3, 0.05
"""Two states at one beta are the same when their KLs differ by less than this share; near a turning point, where the
KL depends strongly on beta, by less than the second."""
UNTIL_NATS = 0.3
"""A point with less KL ends the way if it is of the curve that grew from the onset: what follows is that curve."""
PUSH = 0.05
"""Share of the push of tracing by which a state is moved before each step, off a saddle it may be on."""


@dataclass(frozen=True)
class _Stone:
    """Where a walk should arrive: a point of the curve, its row and numbers, and whether the branch turns there.

    A stone without a row is the place just past a turning point, where the branch should be left.
    """

    row: int | None
    index: float
    beta: float
    kl_nats: float
    turns: bool = False

    def is_met(self, kl_nats: float) -> bool:
        """Whether a state found at its beta is this one."""
        return abs(kl_nats / self.kl_nats - 1) < (SAME_AT_TURN if self.turns else SAME_SHARE)


@dataclass
class _Walk:
    """Member `m` on its way up in beta.

    Attributes
    ----------
    stones : where it should arrive, by rising beta; at : the number of the next.
    row, index, beta, kl_nats : where its state is kept, the target of its KL, and its numbers.
    step : the next relative step.
    met : index and row of every state on the way. between : the number of them since the last stone.
    astray : whether a stone was not met. done : whether the way has ended; melted : where nothing is held any more.
    limit : no beta above this is of interest. grown : the rows of the curve that grew from the onset.
    """

    m: int
    stones: list[_Stone]
    row: int
    index: float
    beta: float
    kl_nats: float
    limit: float
    grown: frozenset[int]
    met: list[tuple[float, int]]
    at: int = 1
    step: float = STEP
    between: int = 0
    astray: bool = False
    done: bool = False
    melted: bool = False

    @property
    def stone(self) -> _Stone | None:
        """The next stone."""
        return self.stones[self.at] if self.at < len(self.stones) else None

    def aim(self) -> float:
        """The beta of the next step; stones that the last one passed are left behind."""
        while self.stone is not None and self.stone.beta <= self.beta:
            self.astray |= self.stone.row is not None
            self.at += 1
        furthest = self.beta * (1 + self.step)
        return furthest if self.stone is None else min(self.stone.beta, furthest)

    def arrive(self, row: int, index: float, beta: float, kl_nats: float) -> None:
        """Go on from this state."""
        self.row, self.index, self.beta, self.kl_nats = row, index, beta, kl_nats
        self.met.append((index, row))


def warmed(
    around: Surroundings,
    searched: SearchResult,
    curves: Sequence[Curve],
    path_of: Callable[[int, Curve], Path],
    limit_M: Sequence[float],
) -> list[Curve]:
    """The curves with the states that a rising beta leads to, in place of the points that it does not lead to.

    `path_of` gives the path of heating of a member along its curve, which is not followed above `limit_M`.
    """
    walks = []
    for m, curve in enumerate(curves):
        stones = _stones(curve, path_of(m, curve))
        if stones and stones[0].kl_nats >= UNTIL_NATS:
            first = stones[0]
            assert first.row is not None
            grown, met = frozenset(searched.cool[m].state_J.tolist()), [(first.index, first.row)]
            walks.append(_Walk(m, stones, first.row, first.index, first.beta, first.kl_nats, limit_M[m], grown, met))
    while under_way := [walk for walk in walks if not walk.done]:
        _step(around, searched, under_way)
        around.tick()
    curves = list(curves)
    for walk in walks:
        if walk.astray:
            curves[walk.m] = _corrected(curves[walk.m], walk, searched)
    return curves


def _stones(curve: Curve, path: Path) -> list[_Stone]:
    """The points of a path by rising beta, and after each turning point the place just past it."""
    turning = turning_points(path)
    stones = []
    for j in path.points:
        if j == COLLAPSED:
            break
        beta, kl_nats = float(curve.beta_J[j]), float(curve.total_kl_nats_J[j])
        turns = j in turning
        stones.append(
            _Stone(int(curve.state_J[j]), float(curve.index_J[j]), beta * (1 - NEAR_TURN * turns), kl_nats, turns)
        )
        if turns:
            stones.append(_Stone(None, float(curve.index_J[j]), beta * (1 + NEAR_TURN), kl_nats))
    return stones


def _step(around: Surroundings, searched: SearchResult, walks: Sequence[_Walk]) -> None:
    """One step of every walk, accepted or shortened."""
    members, aims = [walk.m for walk in walks], [walk.aim() for walk in walks]
    found, moved = _next(around, members, searched.store.get([walk.row for walk in walks]), aims)
    rows = searched.keep(members, found)
    kl_nats = found.total_kl_nats_M.tolist()
    index = searched.target_of(found.total_kl_nats_M.cpu().numpy()).tolist()
    for walk, beta, row, i, nats, far in zip(walks, aims, rows, index, kl_nats, moved, strict=True):
        stone = walk.stone
        arrived = stone is not None and beta == stone.beta
        far |= abs(walk.index - i) > MOST_TARGETS or abs(walk.kl_nats - nats) > STEEPEST * (beta / walk.beta - 1) ** 0.5
        if stone is not None and stone.row is not None and arrived and not far and stone.is_met(nats):
            _meet(walk, stone)
            if stone.turns:
                # the point may be just past the extremum, where it is not stable
                walk.row = row
        elif far:
            walk.step = (beta / walk.beta - 1) / 2
            expected = stone is not None and stone.row is None and arrived
            if expected or walk.step < LEAST_STEP:
                held = nats > searched.targets[0]
                _fall(walk, row, i, beta, nats, held=held, expected=expected)
        else:
            walk.arrive(row, i, beta, nats)
            walk.between += 1
            walk.step = min(2 * walk.step, STEP)
            walk.melted |= nats < searched.targets[0]
            walk.done |= walk.melted or beta > walk.limit
            walk.astray |= arrived or (stone is None and not walk.done)
            walk.at += arrived


def _next(
    around: Surroundings, members: Sequence[int], last: Solutions, betas: Sequence[float]
) -> tuple[Solutions, list[bool]]:
    """The minima next to the last states at these betas, and whether each is too far away to be of the same branch."""
    rows = torch.tensor(members, device=around.modes_MNK.device)
    state = last.states
    beta = last.beta_M.new_tensor(betas)
    start = pushed(state, around.modes_MNK[rows], PUSH)
    found = solve(around.batch.take(rows), start, beta, torch.ones_like(beta), power=0.0)
    moved = (found.states.mean_MND - state.mean_MND).square().mean(1).sum(1)
    return found, (moved > JUMP**2 * state.mean_MND.square().mean(1).sum(1)).tolist()


def _meet(walk: _Walk, stone: _Stone) -> None:
    """The steps have led to a stone; states that only bridge the way from the last one are left out."""
    assert stone.row is not None
    if walk.between and not walk.astray:
        del walk.met[-walk.between :]
    walk.between, walk.step = 0, STEP
    walk.arrive(stone.row, stone.index, stone.beta, stone.kl_nats)
    walk.at += 1
    walk.done = stone.kl_nats < UNTIL_NATS and stone.row in walk.grown


def _fall(walk: _Walk, row: int, index: float, beta: float, kl_nats: float, *, held: bool, expected: bool) -> None:
    """The branch has been left: go on from where it fell to, or from where the curve falls to if that holds nothing."""
    walk.step, walk.between = STEP, 0
    walk.astray |= not expected
    walk.at += expected
    if held:
        walk.arrive(row, index, beta, kl_nats)
        walk.between = 1
        walk.astray |= walk.stone is None
    elif expected and walk.stone is not None:
        _meet(walk, walk.stone)
    else:
        walk.done = True
        walk.melted = True


def _corrected(curve: Curve, walk: _Walk, searched: SearchResult) -> Curve:
    """The curve with the states of a walk between its deeper points and those with less KL than the last it met."""
    met = walk.met
    own = [met[0]]
    for at in range(1, len(met)):
        # the next one would be too far from the last that was put there, as after a fall, if this one were left out
        needed = at + 1 == len(met) or abs(own[-1][0] - met[at + 1][0]) > MOST_TARGETS
        if needed or abs(own[-1][0] - met[at][0]) > APART_TARGETS:
            own.append(met[at])
    old = list(zip(curve.index_J.tolist(), curve.state_J.tolist(), strict=True))
    below = [] if walk.melted else [point for point in old if point[0] < walk.index]
    deeper = [point for point in old if point[0] > met[0][0]]
    return searched.store.curve(sorted([*below, *own, *deeper]))
