"""Where curves turn: the beta at which a branch loses its stability, to far less than the distance of its points.

Heating leaves a branch at a maximum of beta(K), cooling at a minimum. Targets lie up to 0.3 nat apart, and the largest
of their betas was 1.6 % below the maximum for five images that share no pixel. Successive parabolas through the best
point and its neighbours find the extremum; each point is solved as the others are, so all are states of the branch.

Shapes: M traversals of a batch, J points of a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.exact.branches import DIFFERENT_KL_NATS, Curve, Path, turning_points
from ifp.exact.follow import Track
from ifp.exact.ideal_vae import TraversalBatch
from ifp.exact.states import Store

ROUNDS = 8
"""Maximum number of points that are solved for one turning point."""
SETTLED = 1e-5
"""A turning point is known when the parabola promises less than this share of its beta."""
LEAST_MOVE = 0.02
"""No point is solved nearer to the best than this share of the interval in K that holds the extremum."""


@dataclass(frozen=True)
class _Point:
    """A point of a curve: number of the KL target, row of the store (None where no state of the branch was found)."""

    index: float
    row: int | None
    kl_nats: float
    beta: float


@dataclass
class _Turn:
    """The best point of member `m` so far and the nearest either side of it, in the order of the KL."""

    m: int
    low: _Point
    best: _Point
    high: _Point
    solved: int = 0

    def next_kl_nats(self) -> float | None:
        """The KL at which to solve next, or None when the turning point is known."""
        a, b, c = self.low, self.best, self.high
        if self.solved >= ROUNDS:
            return None
        if a.row is None or c.row is None:
            wall = a if a.row is None else c
            return (b.kl_nats + wall.kl_nats) / 2
        left, right = (b.beta - a.beta) / (b.kl_nats - a.kl_nats), (c.beta - b.beta) / (c.kl_nats - b.kl_nats)
        bend = (right - left) / (c.kl_nats - a.kl_nats)
        if bend == 0:
            return None
        slope = left + bend * (b.kl_nats - a.kl_nats)  # of the parabola at the best point
        move = -slope / (2 * bend)
        if abs(slope * move / 2) < SETTLED * b.beta:
            return None
        least = LEAST_MOVE * (c.kl_nats - a.kl_nats)
        return b.kl_nats + float(np.sign(move)) * max(abs(move), least)

    def between(self, kl_nats: float) -> tuple[_Point, float]:
        """The neighbour of the best point on the side of this KL, and the index there."""
        side = self.low if kl_nats < self.best.kl_nats else self.high
        share = (kl_nats - self.best.kl_nats) / (side.kl_nats - self.best.kl_nats)
        return side, self.best.index + share * (side.index - self.best.index)

    def add(self, new: _Point, sign: float) -> None:
        """Narrow the interval: `sign` is 1 where the largest beta is looked for, -1 where the least."""
        self.solved += 1
        below = new.kl_nats < self.best.kl_nats
        if new.row is not None and sign * new.beta > sign * self.best.beta:
            self.low, self.high = (self.low, self.best) if below else (self.best, self.high)
            self.best = new
        elif below:
            self.low = new
        else:
            self.high = new


def sharpened(
    batch: TraversalBatch,
    modes_MNK: Tensor,
    store: Store,
    curves: Sequence[Curve],
    path_of: Callable[[int, Curve], Path],
    *,
    rising: bool,
) -> list[Curve]:
    """The curves with the points added that make the betas exact at which their paths leave a branch.

    `path_of` gives the path of a member along its curve, by rising beta (heating) or falling beta (cooling).
    """
    curves = list(curves)
    sign = 1.0 if rising else -1.0
    done: set[tuple[int, int]] = set()
    while True:
        turn_of: dict[int, _Turn] = {}
        for m, curve in enumerate(curves):
            for j in turning_points(path_of(m, curve)):
                # the curve's ends have one neighbour: there it ends, or begins where nothing is held
                if m not in turn_of and (m, int(curve.state_J[j])) not in done and 0 < j < len(curve.beta_J) - 1:
                    turn_of[m] = _Turn(m, _point(curve, j - 1), _point(curve, j), _point(curve, j + 1))
        if not turn_of:
            return curves
        done |= {(m, _row(turn.best)) for m, turn in turn_of.items()}
        _solve_all(batch, modes_MNK, store, curves, list(turn_of.values()), sign)
        done |= {(m, _row(turn.best)) for m, turn in turn_of.items()}


def _point(curve: Curve, j: int) -> _Point:
    return _Point(
        float(curve.index_J[j]), int(curve.state_J[j]), float(curve.total_kl_nats_J[j]), float(curve.beta_J[j])
    )


def _solve_all(
    batch: TraversalBatch, modes_MNK: Tensor, store: Store, curves: list[Curve], turns: list[_Turn], sign: float
) -> None:
    """Solve points until every turning point is known; the points go into the store and into `curves`."""
    new: dict[int, list[tuple[float, int]]] = {turn.m: [] for turn in turns}
    while True:
        wanted = [(turn, kl) for turn in turns if (kl := turn.next_kl_nats()) is not None]
        if not wanted:
            break
        sides = [turn.between(kl) for turn, kl in wanted]
        rows = torch.tensor([turn.m for turn, _ in wanted], device=modes_MNK.device)
        last = store.get([_row(turn.best) for turn, _ in wanted])
        beside = [turn.best if side.row is None else side for (turn, _), (side, _) in zip(wanted, sides, strict=True)]
        before = store.get(list(map(_row, beside)))
        straight = torch.tensor([side.row is not None for side, _ in sides], device=rows.device)
        at = last.beta_M.new_tensor([kl for _, kl in wanted])
        track, jumped = Track(rows, last, before, straight, None).step(batch, modes_MNK, at)
        found = {m: i for i, m in enumerate(track.rows.tolist()) if not jumped[i]}
        indices = {turn.m: index for (turn, _), (_, index) in zip(wanted, sides, strict=True)}
        stored = store.add(track.rows.tolist(), [indices[m] for m in track.rows.tolist()], track.last)
        kl_nats, beta = track.last.total_kl_nats_M.tolist(), track.last.beta_M.tolist()
        for turn, kl in wanted:
            i = found.get(turn.m)
            if i is not None and abs(kl_nats[i] - turn.best.kl_nats) < DIFFERENT_KL_NATS:
                turn.solved = ROUNDS
            elif i is not None and turn.low.kl_nats < kl_nats[i] < turn.high.kl_nats:
                new[turn.m].append((indices[turn.m], stored[i]))
                turn.add(_Point(indices[turn.m], stored[i], kl_nats[i], beta[i]), sign)
            else:
                turn.add(_Point(indices[turn.m], None, kl, np.nan), sign)
    for m, points in new.items():
        old = zip(curves[m].index_J.tolist(), curves[m].state_J.tolist(), strict=True)
        curves[m] = store.curve(sorted([*old, *points]))


def _row(point: _Point) -> int:
    """The row of a point that is a state, as the best ones are."""
    assert point.row is not None
    return point.row
