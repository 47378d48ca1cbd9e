"""What a minimiser takes for the inverse Hessian of each problem, and what it learns about it from its steps.

Shapes: A problems, H remembered steps, V variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

HISTORY, GROWTH = 12, 4
"""Maximum number of steps that a limited memory holds, and by how many places it grows."""
SLOPE_CHANGE = 1e-10
"""Only steps along which the slope grows by more than this share of what it could are learned from."""


class InverseHessian(Protocol):
    """An approximate inverse Hessian for each of A problems."""

    newton: bool
    """Whether it is so near to the inverse Hessian that a converged problem gains from one step more."""

    def times(self, gradient_AV: Tensor) -> Tensor:
        """The gradients times the inverse Hessians that are assumed."""
        ...

    def unlearned(self, gradient_AV: Tensor) -> Tensor:
        """A rougher estimate that points downhill for certain."""
        ...

    def learn(self, step_AV: Tensor, change_AV: Tensor, good_A: Tensor) -> InverseHessian:
        """The metric after steps with these changes of the gradient; those that are not `good` teach nothing."""
        ...

    def take(self, rows: Tensor) -> InverseHessian:
        """The metric of these problems."""
        ...


def _teaches(step: Tensor, change: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
    """The inner products [A] of steps and changes, and which are large enough to learn from."""
    inner = (step * change).sum(1)
    return inner, good & (inner > SLOPE_CHANGE * step.norm(dim=1) * change.norm(dim=1))


@dataclass(frozen=True)
class FullInverse:
    """Inverse Hessians as matrices [A, V, V], updated after each step (BFGS); for problems of few variables."""

    inverse_AVV: Tensor
    newton = True

    def times(self, gradient_AV: Tensor) -> Tensor:
        return torch.bmm(self.inverse_AVV, gradient_AV[:, :, None])[:, :, 0]

    def unlearned(self, gradient_AV: Tensor) -> Tensor:
        return gradient_AV * self.inverse_AVV.diagonal(dim1=1, dim2=2)

    def learn(self, step_AV: Tensor, change_AV: Tensor, good_A: Tensor) -> FullInverse:
        inner, learns = _teaches(step_AV, change_AV, good_A)
        # where a step failed its change need not be finite
        change_AV = torch.where(learns[:, None], change_AV, 0.0)
        by = torch.where(learns, 1 / inner, 0.0)[:, None]
        moved = self.times(change_AV)
        more = 0.5 * (1 + by * (change_AV * moved).sum(1, keepdim=True))
        # the update is s u' + u s' with u = rho ((1 + rho y'Hy) s / 2 - H y)
        side = by * (more * step_AV - moved)
        left, right = torch.stack([step_AV, side], 2), torch.stack([side, step_AV], 1)
        # in place: nobody else holds these matrices, and they are the largest arrays of a step
        return FullInverse(self.inverse_AVV.baddbmm_(left, right))

    def take(self, rows: Tensor) -> FullInverse:
        return FullInverse(self.inverse_AVV[rows])


@dataclass(frozen=True)
class LimitedMemory:
    """A diagonal [A, V], and the last steps and changes of the gradient [A, H, V], oldest first, 0 where there is none.

    References
    ----------
    J. Nocedal, Updating quasi-Newton matrices with limited storage, Math. Comp. 35 (1980).
    Byrd, Nocedal, Schnabel, Representations of quasi-Newton matrices, Math. Programming 63 (1994), equation 2.6 ff.
    """

    scale_AV: Tensor
    steps_AHV: Tensor
    yields_AHV: Tensor
    used: int
    newton = False

    @classmethod
    def begin(cls, scale_AV: Tensor) -> LimitedMemory:
        """A diagonal, and no memory."""
        nothing = scale_AV.new_zeros(len(scale_AV), 0, scale_AV.shape[1])
        return cls(scale_AV, nothing, nothing, 0)

    def times(self, gradient_AV: Tensor) -> Tensor:
        """In matrix form, which is a dozen batched operations whatever H is."""
        steps, yields = self.steps_AHV, self.yields_AHV
        if not steps.shape[1]:
            return self.unlearned(gradient_AV)
        inner = torch.bmm(steps, yields.mT)
        own = inner.diagonal(dim1=1, dim2=2)
        empty = own <= 0
        scaled = yields * self.scale_AV[:, None]
        last = (yields[:, -1] * scaled[:, -1]).sum(1)
        factor = torch.where(empty[:, -1], 1.0, own[:, -1] / last.clamp_min(1e-300)).clamp(1e-3, 1e3)
        upper = inner.triu() + torch.diag_embed(empty.to(inner.dtype))
        along = torch.linalg.solve_triangular(upper, torch.bmm(steps, gradient_AV[:, :, None]), upper=True)
        change = factor[:, None, None] * torch.bmm(scaled, torch.bmm(yields.mT, along) - gradient_AV[:, :, None])
        back = torch.linalg.solve_triangular(upper.mT, own[:, :, None] * along + change, upper=False)
        curved = factor[:, None] * (gradient_AV * self.scale_AV - torch.bmm(scaled.mT, along)[:, :, 0])
        return curved + torch.bmm(steps.mT, back)[:, :, 0]

    def unlearned(self, gradient_AV: Tensor) -> Tensor:
        return gradient_AV * self.scale_AV

    def learn(self, step_AV: Tensor, change_AV: Tensor, good_A: Tensor) -> LimitedMemory:
        _, learns = _teaches(step_AV, change_AV, good_A)
        room = min(HISTORY, (self.used // GROWTH + 1) * GROWTH)
        steps, yields = (
            _appended(_padded(old, room), new, learns)
            for old, new in ((self.steps_AHV, step_AV), (self.yields_AHV, change_AV))
        )
        return LimitedMemory(self.scale_AV, steps, yields, min(self.used + 1, HISTORY))

    def take(self, rows: Tensor) -> LimitedMemory:
        return LimitedMemory(self.scale_AV[rows], self.steps_AHV[rows], self.yields_AHV[rows], self.used)

    def rescaled(self, scale_AV: Tensor) -> LimitedMemory:
        """The same memory about another diagonal."""
        return LimitedMemory(scale_AV, self.steps_AHV, self.yields_AHV, self.used)

    def join(self, other: LimitedMemory) -> LimitedMemory:
        """The metric of both sets of problems."""
        size = max(self.steps_AHV.shape[1], other.steps_AHV.shape[1])
        pairs = ((self.steps_AHV, other.steps_AHV), (self.yields_AHV, other.yields_AHV))
        steps, yields = (torch.cat([_padded(mine, size), _padded(others, size)]) for mine, others in pairs)
        return LimitedMemory(torch.cat([self.scale_AV, other.scale_AV]), steps, yields, max(self.used, other.used))


def _appended(old_AHV: Tensor, new_AV: Tensor, learns_A: Tensor) -> Tensor:
    """The memory with a new step at its end in place of the oldest, where there is one to learn from."""
    return torch.where(learns_A[:, None, None], torch.cat([old_AHV[:, 1:], new_AV[:, None]], 1), old_AHV)


def _padded(memory_AHV: Tensor, size: int) -> Tensor:
    """The memory with nothing before its oldest step, up to this many places."""
    return torch.nn.functional.pad(memory_AHV, (0, 0, size - memory_AHV.shape[1], 0))
