"""Minima of a few smooth functions of few variables at once: one evaluation serves all that are still at work, so that
a dozen starts cost little more than one. SciPy minimises one function at a time: with its L-BFGS-B the upper edges of
60 traversals of sprites took 3.1 s of CPU, with this 1.3 (benchmarks/RESULTS.md).

Shapes: S starts, A those at work, V variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""x [A, V] -> values [A], of about 1, and gradients [A, V]."""

SUFFICIENT_DECREASE = 1e-4
MOST_EVALUATIONS, MOST_SHORTENINGS = 400, 20
LEAST_DECREASE, LEAST_GRADIENT = 1e-13, 1e-9
"""A start has come to its minimum when two steps in a row gain less than the first, or no part of the gradient is
larger than the second."""
SLOPE_CHANGE = 1e-10
"""Only steps along which the slope grows by more than this share of what it could are learned from."""


@dataclass
class _AtWork:
    """The starts that have not ended, one row each; `inverse` [A, V, V] is what is known of the inverse Hessians."""

    rows: np.ndarray
    x: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    direction: np.ndarray
    length: np.ndarray
    shortened: np.ndarray
    small: np.ndarray
    inverse: np.ndarray
    unscaled: np.ndarray

    def take(self, on: np.ndarray) -> _AtWork:
        return _AtWork(*(part[on] for part in vars(self).values()))


def least_values(objective: Objective, x_SV: np.ndarray) -> np.ndarray:
    """The values [S] of the minima that the method of Broyden, Fletcher, Goldfarb and Shanno finds from these starts.

    References
    ----------
    Nocedal and Wright, Numerical Optimization (2006), equations 6.17 and 6.20.
    """
    count, variables = x_SV.shape
    value, gradient = objective(x_SV)
    none = np.zeros(count, dtype=int)
    now = _AtWork(
        np.arange(count), x_SV, value, gradient,
        -gradient / np.maximum(1.0, np.linalg.norm(gradient, axis=1, keepdims=True)),
        np.ones(count), none, none, np.tile(np.eye(variables), (count, 1, 1)), np.ones(count, dtype=bool),
    )  # fmt: skip
    least_S = np.empty(count)
    for _ in range(MOST_EVALUATIONS):
        ended = (np.abs(now.gradient).max(1) <= LEAST_GRADIENT) | (now.small > 1) | (now.shortened > MOST_SHORTENINGS)
        if ended.any():
            least_S[now.rows[ended]] = now.value[ended]
            if ended.all():
                return least_S
            now = now.take(~ended)
        _advance(objective, now)
    least_S[now.rows] = now.value
    return least_S


def _advance(objective: Objective, now: _AtWork) -> None:
    """Try one step of every start; take it where the value falls enough, else shorten it."""
    expected = now.length * (now.direction * now.gradient).sum(1)
    tried = now.x + now.length[:, None] * now.direction
    value, gradient = objective(tried)
    good = value <= now.value + SUFFICIENT_DECREASE * expected
    _learn(now, tried - now.x, gradient - now.gradient, good)
    gained_little = now.value - value <= LEAST_DECREASE
    now.small = np.where(good, np.where(gained_little, now.small + 1, 0), now.small)
    rise = np.maximum(value - now.value - expected, 1e-300)
    now.length = np.where(good, 1.0, np.clip(-0.5 * expected / rise, 0.1, 0.5) * now.length)
    now.shortened = np.where(good, 0, now.shortened + 1)
    now.x = np.where(good[:, None], tried, now.x)
    now.gradient = np.where(good[:, None], gradient, now.gradient)
    now.value = np.where(good, value, now.value)
    turned = -np.matmul(now.inverse, now.gradient[:, :, None])[:, :, 0]
    # rounding may turn a step uphill
    turned = np.where(((turned * now.gradient).sum(1) < 0)[:, None], turned, -now.gradient)
    now.direction = np.where(good[:, None], turned, now.direction)


def _learn(now: _AtWork, step: np.ndarray, change: np.ndarray, good: np.ndarray) -> None:
    """Update the inverse Hessians by these steps and changes of the gradient."""
    inner = (step * change).sum(1)
    learns = good & (inner > SLOPE_CHANGE * np.linalg.norm(step, axis=1) * np.linalg.norm(change, axis=1))
    first = learns & now.unscaled
    if first.any():
        now.inverse[first] *= (inner[first] / (change[first] ** 2).sum(1))[:, None, None]
        now.unscaled = now.unscaled & ~first
    # where a step failed its change need not be finite
    change = np.where(learns[:, None], change, 0.0)
    by = np.where(learns, 1 / np.where(learns, inner, 1.0), 0.0)[:, None]
    moved = np.matmul(now.inverse, change[:, :, None])[:, :, 0]
    # the update is s u' + u s' with u = rho ((1 + rho y'Hy) s / 2 - H y)
    side = by * (0.5 * (1 + by * (change * moved).sum(1, keepdims=True)) * step - moved)
    now.inverse += np.matmul(np.stack([step, side], 2), np.stack([side, step], 1))
