"""The way of one traversal's state as beta rises: where it should arrive, and where it did.

Shapes: J points of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

STEP, LEAST_STEP = 0.1, 2e-5
"""Maximum relative step of beta; a branch is left where one as small as the second leads away from it."""
SAME_SHARE, SAME_AT_TURN = 2e-3, 0.05
"""Two states at one beta are the same when their KLs differ by less than this share; near a turning point, where the
KL depends strongly on beta, by less than the second."""
UNTIL_NATS = 0.3
"""A point with less KL ends the way if it is of the curve that grew from the onset: what follows is that curve."""


@dataclass(frozen=True)
class Waypoint:
    """Where a walk should arrive: a point of the curve, its row and numbers, and whether the branch turns there.

    A waypoint without a row is the place just past a turning point, where the branch should be left.
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
class Walk:
    """Member `m` on its way up in beta.

    Attributes
    ----------
    waypoints : where it should arrive, by rising beta; at : the number of the next.
    row, index, beta, kl_nats : where its state is kept, the target of its KL, and its numbers.
    step : the next relative step. steps : the number of them so far, accepted or not.
    met : index and row of every state on the way. between : the number of them since the last waypoint.
    astray : whether a waypoint was not met. done : whether the way has ended; melted : where nothing is held any more.
    limit : no beta above this is of interest. grown : the rows of the curve that grew from the onset.
    """

    m: int
    waypoints: list[Waypoint]
    row: int
    index: float
    beta: float
    kl_nats: float
    limit: float
    grown: frozenset[int]
    met: list[tuple[float, int]]
    at: int = 1
    step: float = STEP
    steps: int = 0
    between: int = 0
    astray: bool = False
    done: bool = False
    melted: bool = False

    @property
    def waypoint(self) -> Waypoint | None:
        """The next waypoint."""
        return self.waypoints[self.at] if self.at < len(self.waypoints) else None

    def aim(self) -> float:
        """The beta of the next step; waypoints that the last one passed are left behind."""
        while self.waypoint is not None and self.waypoint.beta <= self.beta:
            self.astray |= self.waypoint.row is not None
            self.at += 1
        furthest = self.beta * (1 + self.step)
        return furthest if self.waypoint is None else min(self.waypoint.beta, furthest)

    def arrive(self, row: int, index: float, beta: float, kl_nats: float) -> None:
        """Go on from this state."""
        self.row, self.index, self.beta, self.kl_nats = row, index, beta, kl_nats
        self.met.append((index, row))

    def meet(self, waypoint: Waypoint) -> None:
        """The steps have led to a waypoint; states that only bridge the way from the last one are left out."""
        assert waypoint.row is not None
        if self.between and not self.astray:
            del self.met[-self.between :]
        self.between, self.step = 0, STEP
        self.arrive(waypoint.row, waypoint.index, waypoint.beta, waypoint.kl_nats)
        self.at += 1
        self.done = waypoint.kl_nats < UNTIL_NATS and waypoint.row in self.grown

    def fall(self, row: int, index: float, beta: float, kl_nats: float, *, held: bool, expected: bool) -> None:
        """The branch has been left: go on from where it fell to; if that holds nothing, from where the curve falls to.

        `held` : whether the state in `row` holds anything. `expected` : whether the branch was to end here.
        """
        self.step, self.between = STEP, 0
        self.astray |= not expected
        self.at += expected
        if held:
            self.arrive(row, index, beta, kl_nats)
            self.between = 1
            self.astray |= self.waypoint is None
        elif expected and self.waypoint is not None:
            self.meet(self.waypoint)
        else:
            self.done = self.melted = True
