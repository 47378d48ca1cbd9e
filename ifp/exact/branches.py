"""From the traced curve of one traversal to what annealing sees: cooling, heating and the equilibrium.

The curve beta(K) holds the stationary states; those with falling beta(K) are stable. Cooling follows it until its beta
would have to rise, and jumps to the next point at that beta; heating the same from the other end; the equilibrium is
the state of least R + beta K at each beta. Without folds the three are one.

Shapes: J points of the curve, in the order of the KL they were traced at; D latents.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

COLLAPSED = -1
"""Index of the state that holds nothing, which is stable above the lower edge."""
DIFFERENT_KL_NATS = 1e-6
"""States whose KLs differ by less are the same."""
SAME_TARGET = 1e-3
"""A state found at a beta counts as found at the target that its KL is this near to, in numbers of targets."""
SAME = 1e-7
"""Two objectives are equal if they differ by less than this, in units of the lower edge."""
RECORD_OFFSET = 2e-3
"""Relative distance in beta between a jump and the first record after it."""
FOLD_OFFSET = 1e-4
"""The same where a branch of heating ends, which is solved for."""


@dataclass(frozen=True)
class Curve:
    """Stationary states of one traversal.

    Attributes
    ----------
    index_J : number of the KL target at which each point was found (a fraction between two targets); neighbours on the
        curve differ by at most 1.
    beta_J, recon_nats_J, kl_nats_JD : the states' numbers.
    state_J : where their posteriors are kept (any reference that the caller understands).
    """

    index_J: np.ndarray
    beta_J: np.ndarray
    recon_nats_J: np.ndarray
    kl_nats_JD: np.ndarray
    state_J: np.ndarray

    @property
    def total_kl_nats_J(self) -> np.ndarray:
        """KL summed over latents."""
        return self.kl_nats_JD.sum(axis=1)


@dataclass(frozen=True)
class Jump:
    """A gap in a path: between its records `after` - 1 and `after` the state changes abruptly.

    `low` and `high` are points of the curve, or COLLAPSED: the states with less and more information. `beta` is where
    the arriving state is wanted, or for an equilibrium the first estimate of where the objectives meet.
    """

    after: int
    low: int
    high: int
    beta: float


@dataclass
class Path:
    """What one direction visits, in order: points of a curve or COLLAPSED, the beta of each, and the jumps between."""

    points: list[int] = field(default_factory=list)
    beta: list[float] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)


@dataclass(frozen=True)
class Landing:
    """The state that cooling falls onto just below the lower edge, where the collapsed one has lost its stability."""

    beta: float
    kl_nats_D: np.ndarray


def collapsed_betas(beta_closed_form: float, beta_top: float, count: int) -> np.ndarray:
    """Rising betas at which the collapsed state is recorded, from just above the lower edge on."""
    return np.geomspace(beta_closed_form * (1 + RECORD_OFFSET / 4), beta_top, count)


def cooling_path(curve: Curve, landing: Landing, above: np.ndarray) -> Path:
    """Collapsed at the betas `above`, then, from the landing on, the points that a falling beta reaches.

    Points with less information than the landing belong to arrangements that the fall has passed by.
    """
    path = Path([COLLAPSED] * len(above), sorted(map(float, above), reverse=True))
    reached, last = landing.beta, None
    for j, (index, beta, kl) in enumerate(zip(curve.index_J, curve.beta_J, curve.total_kl_nats_J, strict=True)):
        if beta >= reached or kl <= landing.kl_nats_D.sum():
            continue
        if last is not None and (j > last + 1 or index > curve.index_J[last] + 1):
            path.jumps.append(Jump(len(path.points), last, j, reached * (1 - RECORD_OFFSET)))
        path.points.append(j)
        path.beta.append(float(beta))
        reached, last = float(beta), j
    return path


def heating_path(curve: Curve, beta_closed_form: float, beta_limit: float, above: np.ndarray) -> Path:
    """The points that a rising beta reaches, then collapsed at the betas `above` past the last stable state.

    Points above `beta_limit` are not followed; a branch that is still there has not melted.
    """
    path = Path()
    reached, last = 0.0, COLLAPSED
    for j in range(len(curve.beta_J) - 1, -1, -1):
        beta = float(curve.beta_J[j])
        if beta <= reached:
            continue
        if beta > beta_limit:
            return path
        if last != COLLAPSED and (j < last - 1 or curve.index_J[j] < curve.index_J[last] - 1):
            path.jumps.append(Jump(len(path.points), j, last, reached * (1 + FOLD_OFFSET)))
        path.points.append(j)
        path.beta.append(beta)
        reached, last = beta, j
    melted = max(reached * (1 + FOLD_OFFSET), beta_closed_form * (1 + RECORD_OFFSET / 4))
    rest = [melted, *above[above > melted * (1 + RECORD_OFFSET)]]
    path.points += [COLLAPSED] * len(rest)
    path.beta += map(float, rest)
    return path


def turning_points(path: Path) -> list[int]:
    """The points of a cooling or heating path at which it leaves a branch: those before its jumps, and before it melts.

    At each of them beta(K) has an extremum between two points of the curve.
    """
    before = [jump.after - 1 for jump in path.jumps]
    held = [at for at, point in enumerate(path.points) if point != COLLAPSED]
    if held and held[-1] + 1 < len(path.points):
        before.append(held[-1])
    return [path.points[at] for at in before]


def equilibrium_path(curve: Curve, beta_closed_form: float, collapsed_nats: float, above: np.ndarray) -> Path:
    """The states of least R + beta K, by falling beta.

    A stationary state touches the lower envelope of all states' R + beta K exactly where no other lies below it.
    """
    kl_J, recon_J = curve.total_kl_nats_J, curve.recon_nats_J
    rival_J = (recon_J[None, :] + curve.beta_J[:, None] * kl_J[None, :]).min(axis=1, initial=collapsed_nats)
    best_J = np.flatnonzero(recon_J + curve.beta_J * kl_J <= rival_J + SAME * beta_closed_form)
    order = best_J[np.lexsort((kl_J[best_J], -curve.beta_J[best_J]))]
    path = Path()
    last = COLLAPSED
    for j in order:
        before = COLLAPSED if last == COLLAPSED else float(curve.index_J[last])
        low_kl, low_recon = (0.0, collapsed_nats) if last == COLLAPSED else (kl_J[last], recon_J[last])
        if kl_J[j] <= low_kl + DIFFERENT_KL_NATS:
            continue  # a second copy of the same state, from another branch or found again
        if curve.index_J[j] > before + 1 + SAME_TARGET:
            path.jumps.append(
                Jump(len(path.points), last, int(j), float((low_recon - recon_J[j]) / (kl_J[j] - low_kl)))
            )
        path.points.append(int(j))
        path.beta.append(float(curve.beta_J[j]))
        last = int(j)
    first = path.jumps[0].beta if path.jumps and path.jumps[0].low == COLLAPSED else beta_closed_form
    held = sorted((float(b) for b in above if b > first * (1 + RECORD_OFFSET / 4)), reverse=True)
    path.jumps = [replace(jump, after=jump.after + len(held)) for jump in path.jumps]
    path.points = [COLLAPSED] * len(held) + path.points
    path.beta = held + path.beta
    return path
