"""A quasi-Newton minimiser for many small problems at once: limited-memory BFGS, one step length a problem.

Every evaluation serves all problems that are still running; each accepts or shortens its own step, and those that
have converged leave the batch. Nothing is shared between problems, so one alone gives what it gives among others.

Shapes: M problems, A those still running, H remembered steps, V variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(x_AV, rows_A) -> value_A, gradient_AV; rows_A says which of the M problems these are."""

HISTORY = 12
SUFFICIENT_DECREASE = 1e-4
MAX_SHORTENINGS = 20
COMPACT_BELOW = 0.75
"""Running problems are gathered into a smaller batch when less than this share still runs."""


@dataclass
class Memory:
    """What a problem's past steps say about its curvature; good for a start on a neighbouring problem.

    Attributes
    ----------
    steps_MHV, yields_MHV : changes of x and of the gradient, oldest first, 0 where nothing is remembered yet.
    """

    steps_MHV: Tensor
    yields_MHV: Tensor

    def take(self, rows: Tensor) -> Memory:
        """The memory of these problems."""
        return Memory(self.steps_MHV[rows], self.yields_MHV[rows])

    def join(self, other: Memory) -> Memory:
        """The memory of both sets of problems."""
        return Memory(torch.cat([self.steps_MHV, other.steps_MHV]), torch.cat([self.yields_MHV, other.yields_MHV]))


@dataclass
class Minimum:
    """Where each problem ended.

    Attributes
    ----------
    x_MV, value_M : the minimiser and the value there.
    decrement_M : gradient . scale . gradient at the end: about twice the decrease that is still to be had.
    memory : of all problems.
    """

    x_MV: Tensor
    value_M: Tensor
    decrement_M: Tensor
    memory: Memory


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
    steps: Tensor
    yields: Tensor
    scale: Tensor
    max_step: Tensor
    tolerance: Tensor

    def take(self, keep: Tensor) -> _Running:
        return _Running(*(value[keep] for value in vars(self).values()))


def minimise(
    objective: Objective,
    x_MV: Tensor,
    scale_MV: Tensor,
    tolerance_M: Tensor,
    *,
    max_step_MV: Tensor,
    memory: Memory | None = None,
    max_evaluations: int,
) -> Minimum:
    """Minimise M smooth functions from `x_MV`.

    Parameters
    ----------
    objective : value and gradient of the running problems.
    scale_MV : a diagonal estimate of the inverse Hessian.
    tolerance_M : a problem ends when gradient . scale . gradient is below this.
    max_step_MV : no variable moves further in one step.
    memory : of earlier, similar problems.
    max_evaluations : what has not converged by then is returned as it stands; `decrement_M` tells.

    References
    ----------
    J. Nocedal, Updating quasi-Newton matrices with limited storage, Math. Comp. 35 (1980).
    """
    members, variables = x_MV.shape
    rows = torch.arange(members, device=x_MV.device)
    value, gradient = objective(x_MV, rows)
    past = memory or Memory(*(x_MV.new_zeros(members, HISTORY, variables) for _ in range(2)))
    direction, slope = _direction(gradient, scale_MV, past.steps_MHV, past.yields_MHV, max_step_MV)
    now = _Running(
        rows, x_MV, value, gradient, direction, slope, torch.ones_like(value), torch.zeros_like(rows),
        past.steps_MHV.clone(), past.yields_MHV.clone(), scale_MV, max_step_MV, tolerance_M,
    )  # fmt: skip
    end = Minimum(x_MV.clone(), value.clone(), value.clone(), Memory(past.steps_MHV.clone(), past.yields_MHV.clone()))
    for evaluation in range(1, max_evaluations + 1):
        decrement = -now.slope if now.scale.dim() == 3 else (now.gradient**2 * now.scale).sum(1)
        running = (decrement > now.tolerance) & (now.shortened < MAX_SHORTENINGS)
        count = int(running.sum())
        stop = count == 0 or evaluation == max_evaluations
        if stop or count < COMPACT_BELOW * len(now.rows):
            end.x_MV[now.rows], end.value_M[now.rows], end.decrement_M[now.rows] = now.x, now.value, decrement
            end.memory.steps_MHV[now.rows], end.memory.yields_MHV[now.rows] = now.steps, now.yields
            if scale_MV.dim() == 3:
                last = ~running & (decrement <= now.tolerance)
                end.x_MV[now.rows[last]] += now.direction[last]
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
    change = gradient - now.gradient
    learn = good & ((step * change).sum(1) > 1e-10 * step.norm(dim=1) * change.norm(dim=1))
    for kept, new in ((now.steps, step), (now.yields, change)):
        kept.copy_(torch.where(learn[:, None, None], torch.cat([kept[:, 1:], new[:, None]], 1), kept))
    rise = (value - now.value - expected).clamp_min(1e-300)
    shorter = (-0.5 * expected / rise).clamp(0.1, 0.5) * now.length
    now.x = torch.where(good[:, None], x, now.x)
    now.value = torch.where(good, value, now.value)
    now.gradient = torch.where(good[:, None], gradient, now.gradient)
    now.length = torch.where(good, 1.0, shorter)
    now.shortened = torch.where(good, 0, now.shortened + 1)
    # after a rejected step gradient and memory are what they were, and so is the direction
    now.direction, now.slope = _direction(now.gradient, now.scale, now.steps, now.yields, now.max_step)


def _direction(
    gradient: Tensor, scale: Tensor, steps: Tensor, yields: Tensor, max_step: Tensor
) -> tuple[Tensor, Tensor]:
    """The quasi-Newton direction [A, V], no longer than `max_step`, and the slope [A] along it.

    In matrix form, which is a dozen batched operations whatever H is.

    References
    ----------
    Byrd, Nocedal, Schnabel, Representations of quasi-Newton matrices, Math. Programming 63 (1994), equation 2.6 ff.
    """
    inner = torch.bmm(steps, yields.mT)
    own = inner.diagonal(dim1=1, dim2=2)
    empty = own <= 0
    scaled = _times(yields, scale)
    scaled_gradient = _times(gradient[:, None], scale)[:, 0]
    if scale.dim() == 3:
        factor = torch.ones_like(own[:, 0])
    else:
        last = (yields[:, -1] * scaled[:, -1]).sum(1)
        factor = torch.where(empty[:, -1], 1.0, own[:, -1] / last.clamp_min(1e-300)).clamp(1e-3, 1e3)
    upper = inner.triu() + torch.diag_embed(empty.to(inner.dtype))
    along = torch.linalg.solve_triangular(upper, torch.bmm(steps, gradient[:, :, None]), upper=True)
    change = factor[:, None, None] * torch.bmm(scaled, torch.bmm(yields.mT, along) - gradient[:, :, None])
    back = torch.linalg.solve_triangular(upper.mT, own[:, :, None] * along + change, upper=False)
    curved = factor[:, None] * (scaled_gradient - torch.bmm(scaled.mT, along)[:, :, 0])
    direction = -(curved + torch.bmm(steps.mT, back)[:, :, 0])
    slope = (direction * gradient).sum(1)
    # a memory of another problem may point uphill here; then go down the scaled gradient
    uphill = slope >= 0
    direction = torch.where(uphill[:, None], -scaled_gradient, direction)
    direction = direction / (direction.abs() / max_step).amax(1, keepdim=True).clamp_min(1.0)
    return direction, (direction * gradient).sum(1)


def _times(vectors_AHV: Tensor, scale: Tensor) -> Tensor:
    """Vectors times the inverse Hessian that is assumed: a diagonal [A, V] or a matrix [A, V, V]."""
    return torch.bmm(vectors_AHV, scale) if scale.dim() == 3 else vectors_AHV * scale[:, None]
