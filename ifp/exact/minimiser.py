"""A quasi-Newton minimiser for many small problems at once, one step length per problem.

Every evaluation serves all problems that are still running; each accepts or shortens its own step, and those that
have converged leave the batch. Nothing is shared between problems, so one alone gives what it gives among others.

Shapes: M problems, A those still running, V variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ifp.exact.inverse_hessians import InverseHessian

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(x_AV, rows_A) -> value_A, gradient_AV; rows_A says which of the M problems these are."""

SUFFICIENT_DECREASE = 1e-4
MAX_SHORTENINGS = 20
COMPACT_BELOW = 0.75
"""Running problems are gathered into a smaller batch when less than this share still runs."""


@dataclass
class Minimum:
    """Where each problem ended.

    Attributes
    ----------
    x_MV, value_M : the minimiser and the value before the last step of Newton's method.
    decrement_M : gradient . inverse Hessian . gradient there: about twice the decrease that was still to be had.
    metrics : what was learned of problems, in parts: their rows, and the metric.
    """

    x_MV: Tensor
    value_M: Tensor
    decrement_M: Tensor
    metrics: list[tuple[Tensor, InverseHessian]]


@dataclass
class _Running:
    """Everything about the problems that are in the batch, one row each."""

    rows: Tensor
    x: Tensor
    value: Tensor
    gradient: Tensor
    direction: Tensor
    slope: Tensor
    length: Tensor
    shortened: Tensor
    max_step: Tensor
    tolerance: Tensor
    metric: InverseHessian

    def take(self, keep: Tensor) -> _Running:
        rows = keep.nonzero().squeeze(1)
        numbers = {name: value[rows] for name, value in vars(self).items() if name != "metric"}
        return _Running(**numbers, metric=self.metric.take(rows))

    def turn(self) -> None:
        """Take the direction from the gradient, no longer than `max_step`, and the slope along it."""
        direction = -self.metric.times(self.gradient)
        # what was learned of another problem, or by rounding, may point uphill here; then go down the scaled gradient
        uphill = (direction * self.gradient).sum(1) >= 0
        direction = torch.where(uphill[:, None], -self.metric.unlearned(self.gradient), direction)
        self.direction = direction / (direction.abs() / self.max_step).amax(1, keepdim=True).clamp_min(1.0)
        self.slope = (self.direction * self.gradient).sum(1)


def minimise(
    objective: Objective,
    x_MV: Tensor,
    metric: InverseHessian,
    tolerance_M: Tensor,
    *,
    max_step_MV: Tensor,
    max_evaluations: int,
) -> Minimum:
    """Minimise M smooth functions from `x_MV`.

    Parameters
    ----------
    objective : value and gradient of the running problems.
    metric : the inverse Hessian as far as it is known.
    tolerance_M : a problem ends when gradient . inverse Hessian . gradient is below this.
    max_step_MV : no variable moves further in one step.
    max_evaluations : what has not converged by then is returned as it stands; `decrement_M` tells.
    """
    rows = torch.arange(len(x_MV), device=x_MV.device)
    value, gradient = objective(x_MV, rows)
    now = _Running(
        rows, x_MV, value, gradient, gradient, value, torch.ones_like(value), torch.zeros_like(rows),
        max_step_MV, tolerance_M, metric,
    )  # fmt: skip
    now.turn()
    end = Minimum(x_MV.clone(), value.clone(), value.clone(), [])
    for evaluation in range(1, max_evaluations + 1):
        decrement = -now.slope if metric.newton else (now.gradient * now.metric.unlearned(now.gradient)).sum(1)
        running = (decrement > now.tolerance) & (now.shortened < MAX_SHORTENINGS)
        count = int(running.sum())
        stop = count == 0 or evaluation == max_evaluations
        if stop or count < COMPACT_BELOW * len(now.rows):
            end.x_MV[now.rows], end.value_M[now.rows], end.decrement_M[now.rows] = now.x, now.value, decrement
            if metric.newton:
                last = decrement <= now.tolerance
                end.x_MV[now.rows[last]] += now.direction[last]
            leaving = torch.ones_like(running) if stop else ~running
            end.metrics.append((now.rows[leaving], now.metric.take(leaving)))
            if stop:
                break
            now = now.take(running)
            running = running[running]
        _advance(objective, now, running)
    return end


def _advance(objective: Objective, now: _Running, running: Tensor) -> None:
    """Try one step of every running problem; take it where the value falls enough, else shorten it."""
    step = torch.where(running, now.length, 0.0)[:, None] * now.direction
    x = now.x + step
    value, gradient = objective(x, now.rows)
    # near the minimum the decrease drowns in rounding: there a step that only seems to rise is accepted
    rounding = 1e-13 * (now.value.abs() + 1)
    expected = now.length * now.slope
    good = running & (value <= now.value + SUFFICIENT_DECREASE * expected + rounding)
    now.metric = now.metric.learn(step, gradient - now.gradient, good)
    rise = (value - now.value - expected).clamp_min(1e-300)
    shorter = (-0.5 * expected / rise).clamp(0.1, 0.5) * now.length
    now.x = torch.where(good[:, None], x, now.x)
    now.value = torch.where(good, value, now.value)
    now.gradient = torch.where(good[:, None], gradient, now.gradient)
    now.length = torch.where(good, 1.0, shorter)
    now.shortened = torch.where(good, 0, now.shortened + 1)
    now.turn()
