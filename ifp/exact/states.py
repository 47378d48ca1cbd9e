"""What the search keeps and when it stops: the states of a batch, and how deep its curves are traced.

Shapes: M traversals, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.exact.branches import Curve
from ifp.exact.solutions import Solutions, concatenate

SETTLED = 0.8
"""A curve that has reached its least depth goes on until beta is below this share of the lower edge: the deep state of
a strong first-order transition only begins where KL is 2 nats and beta above the edge."""


class Store:
    """Keeps every solution of a batch, one per row; curves refer to rows."""

    def __init__(self, members: int) -> None:
        self._parts: list[Solutions] = []
        self._count = 0
        self.known: list[list[tuple[float, int]]] = [[] for _ in range(members)]
        """Of each member: number of the KL target and row of every state."""

    def add(self, members: Sequence[int], index: float | Sequence[float], solutions: Solutions) -> list[int]:
        """Keep these states of `members`, found at one target or one each, and return their rows."""
        self._parts.append(solutions)
        rows = list(range(self._count, self._count + len(solutions.beta_M)))
        self._count += len(rows)
        indices = [index] * len(rows) if isinstance(index, int | float) else index
        for m, i, row in zip(members, indices, rows, strict=True):
            self.known[m].append((i, row))
        return rows

    def all(self) -> Solutions:
        """Everything kept so far."""
        self._parts = [concatenate(self._parts)]
        return self._parts[0]

    def get(self, rows: Sequence[int]) -> Solutions:
        """The solutions in these rows."""
        kept = self.all()
        return kept.take(torch.tensor(rows, dtype=torch.long, device=kept.beta_M.device))

    def curve(self, points: Sequence[tuple[float, int]]) -> Curve:
        """The curve through these points (number of the KL target, and row), in their order."""
        index, at = np.array([i for i, _ in points], dtype=float), np.array([row for _, row in points], dtype=np.int64)
        known = self.get(at.tolist())
        beta, recon, kl = (t.cpu().numpy() for t in (known.beta_M, known.recon_nats_M, known.kl_nats_MD))
        return Curve(index, beta, recon, kl, at)

    def every(self, member: int) -> Curve:
        """All states of a member."""
        return self.curve(self.known[member])


@dataclass(frozen=True)
class Depth:
    """How deep curves are traced.

    Attributes
    ----------
    targets : the KLs at which curves are solved, rising; curves end with the last at the latest.
    beta_closed_form_M, floor_M : the lower edges; the betas below which curves always end.
    least_nats : no curve ends above its floor before this KL, nor before `SETTLED` of the lower edge; infinite for
        curves that go down to their floor whatever they hold.
    threshold_nats : nor, with two latents, before the second holds twice this much (0 where it has nothing to hold).
    """

    targets: Sequence[float]
    beta_closed_form_M: Tensor
    floor_M: Tensor
    least_nats: float
    threshold_nats: float

    def reached(self, rows: Tensor, found: Solutions) -> Tensor:
        """Whether each of these states of members `rows` is deep enough to end its curve [M]."""
        return self._settled(rows, found) | (found.beta_M < self.floor_M[rows])

    def why_ended(self, members: Sequence[int], indices: Sequence[float], last: Solutions) -> list[str]:
        """Why the curves of these members ended with these states, found at these targets; see `ifp.exact.ends`."""
        rows = torch.tensor(list(members), device=last.beta_M.device)
        settled, floor = self._settled(rows, last).tolist(), (last.beta_M < self.floor_M[rows]).tolist()
        return [
            "settled" if is_settled else "floor" if at_floor else "targets" if i == len(self.targets) - 1 else "grid"
            for i, is_settled, at_floor in zip(indices, settled, floor, strict=True)
        ]

    def _settled(self, rows: Tensor, found: Solutions) -> Tensor:
        enough = (found.total_kl_nats_M >= self.least_nats) & (found.beta_M < SETTLED * self.beta_closed_form_M[rows])
        if found.kl_nats_MD.shape[1] > 1:
            enough &= found.kl_nats_MD.sort(1).values[:, -2] >= 2 * self.threshold_nats
        return enough
