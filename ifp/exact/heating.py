"""Heating as it happens: beta is raised in small steps, and each state is the minimum next to the last one.

The curve is traced by its KL (`ifp.exact.follow`). Near the end of a strong transition's branch another one may be
lower at the same KL, onto which the tracing changes, although raising beta does not lead there; and where a branch
ends, its state may fall onto one that the curve does not hold. The points of heating's path are therefore visited again
at fixed beta, from the deepest on. Where the steps lead past a point, the states that they do lead to take its place.

Shapes: M traversals of a batch, J points of a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ifp.exact.at_beta import at_beta
from ifp.exact.branches import COLLAPSED, Curve, Path, turning_points
from ifp.exact.candidates import Surroundings
from ifp.exact.follow import JUMP
from ifp.exact.heating_walk import LEAST_STEP, STEP, UNTIL_NATS, Walk, Waypoint
from ifp.exact.search import SearchResult
from ifp.exact.solutions import Solutions

MOST_TARGETS = 1.0
"""A step that passes more than this number of KL targets has left its branch, or is too long for the records."""
STEEPEST = 1.5
"""A KL that changes by more than this many nats times the root of the relative step has left its branch, or is too near
to its end, where the KL falls by about 0.5 to 1 times the root of the distance."""
APART_TARGETS = 0.25
"""States of a walk that are put on a curve are further apart than this number of KL targets."""
NEAR_TURN = 5e-5
"""Turning points are aimed at from this relative distance below; and the branch is left at this one above them."""
MOST_STEPS = 1000
"""A walk that has not ended after this number of steps is given up, and its curve left as it was traced."""


def heated(
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
        waypoints = _waypoints(curve, path_of(m, curve))
        if waypoints and waypoints[0].kl_nats >= UNTIL_NATS:
            first = waypoints[0]
            assert first.row is not None
            grown, met = frozenset(searched.cool[m].state_J.tolist()), [(first.index, first.row)]
            walks.append(Walk(m, waypoints, first.row, first.index, first.beta, first.kl_nats, limit_M[m], grown, met))
    while under_way := [walk for walk in walks if not walk.done]:
        _step(around, searched, under_way)
        around.tick()
    curves = list(curves)
    for walk in walks:
        if walk.astray:
            curves[walk.m] = _corrected(curves[walk.m], walk, searched)
    return curves


def _waypoints(curve: Curve, path: Path) -> list[Waypoint]:
    """The points of a path by rising beta, and after each turning point the place just past it."""
    turning = turning_points(path)
    waypoints = []
    for j in path.points:
        if j == COLLAPSED:
            break
        beta, kl_nats = float(curve.beta_J[j]), float(curve.total_kl_nats_J[j])
        turns = j in turning
        waypoints.append(
            Waypoint(int(curve.state_J[j]), float(curve.index_J[j]), beta * (1 - NEAR_TURN * turns), kl_nats, turns)
        )
        if turns:
            waypoints.append(Waypoint(None, float(curve.index_J[j]), beta * (1 + NEAR_TURN), kl_nats))
    return waypoints


def _step(around: Surroundings, searched: SearchResult, walks: Sequence[Walk]) -> None:
    """One step of every walk, accepted or shortened."""
    members, aims = [walk.m for walk in walks], [walk.aim() for walk in walks]
    found, moved = _next(around, searched, walks, aims)
    rows = searched.keep(members, found)
    kl_nats = found.total_kl_nats_M.tolist()
    index = searched.target_of(found.total_kl_nats_M.cpu().numpy()).tolist()
    for walk, beta, row, i, nats, far in zip(walks, aims, rows, index, kl_nats, moved, strict=True):
        waypoint = walk.waypoint
        arrived = waypoint is not None and beta == waypoint.beta
        far |= abs(walk.index - i) > MOST_TARGETS or abs(walk.kl_nats - nats) > STEEPEST * (beta / walk.beta - 1) ** 0.5
        if waypoint is not None and waypoint.row is not None and arrived and not far and waypoint.is_met(nats):
            walk.meet(waypoint)
            if waypoint.turns:
                # the point may be just past the extremum, where it is not stable
                walk.row = row
        elif far:
            walk.step = (beta / walk.beta - 1) / 2
            expected = waypoint is not None and waypoint.row is None and arrived
            if expected or walk.step < LEAST_STEP:
                held = nats > searched.targets[0]
                walk.fall(row, i, beta, nats, held=held, expected=expected)
        else:
            walk.arrive(row, i, beta, nats)
            walk.between += 1
            walk.step = min(2 * walk.step, STEP)
            walk.melted |= nats < searched.targets[0]
            walk.done |= walk.melted or beta > walk.limit
            walk.astray |= arrived or (waypoint is None and not walk.done)
            walk.at += arrived
        walk.steps += 1
        if walk.steps == MOST_STEPS and not walk.done:
            walk.done, walk.astray = True, False


def _next(
    around: Surroundings, searched: SearchResult, walks: Sequence[Walk], betas: Sequence[float]
) -> tuple[Solutions, list[bool]]:
    """The minima next to the last states at these betas, and whether each is too far away to be of the same branch."""
    rows, known = [walk.row for walk in walks], searched.store.all()
    found = at_beta(around.batch, [walk.m for walk in walks], known, rows, betas, around.modes_MNK)
    last = known.states.take(found.beta_M.new_tensor(rows).long()).mean_MND
    moved = (found.states.mean_MND - last).square().mean(1).sum(1)
    return found, (moved > JUMP**2 * last.square().mean(1).sum(1)).tolist()


def _corrected(curve: Curve, walk: Walk, searched: SearchResult) -> Curve:
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
