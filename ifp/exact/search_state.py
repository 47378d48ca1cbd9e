"""What the search for the curves of a batch knows so far: every solution, and the points of each member's curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ifp.exact.branches import Curve
from ifp.exact.candidates import Surroundings
from ifp.exact.follow import Track
from ifp.exact.solutions import Solutions
from ifp.exact.states import Depth, Store

Points = dict[float, int]
"""The points of one member's curve: number of the KL target (a fraction between two targets) -> row in the store."""


class SearchState:
    """All solutions of a batch, and the points of its members' curves so far.

    Attributes
    ----------
    store : every solution; the curves' points are its rows.
    cool, deep, best : of each member, the curve that grows from the onset, the one that comes down from the deepest
        state, and the lowest state known at each target.
    jumped : where the first curve was not followed but jumped, [members, targets].
    """

    def __init__(self, around: Surroundings, depth: Depth, latents: int) -> None:
        self.batch, self.around, self.depth, self.latents = around.batch, around, depth, latents
        self.members = len(depth.beta_closed_form_M)
        self.device = around.modes_MNK.device
        self.store = Store(self.members)
        self.cool: list[Points] = [{} for _ in range(self.members)]
        self.deep: list[Points] = [{} for _ in range(self.members)]
        self.jumped = np.zeros((self.members, len(depth.targets)), dtype=bool)
        self.best: list[Points] = []

    def keep(self, curves: list[Points], index: int, rows: Tensor, found: Solutions) -> None:
        """Store the states of members `rows` at a target as points of their curves."""
        for m, row in zip(rows.tolist(), self.store.add(rows.tolist(), index, found), strict=True):
            curves[m][index] = row

    def only(self, track: Track, members: Sequence[int]) -> Track:
        """The track of these members alone."""
        order = track.rows.tolist()
        return track.take(self.rows([order.index(m) for m in members]))

    def rows(self, numbers: Sequence[int]) -> Tensor:
        """These numbers as an index tensor."""
        return torch.tensor(list(numbers), dtype=torch.long, device=self.device)

    def nats_at(self, row: int, index: int) -> float:
        """The reconstruction that a stored state would have at exactly its target's KL, along its tangent."""
        state = self.store.get([row])
        return float(state.recon_nats_M + state.beta_M * (state.total_kl_nats_M - self.depth.targets[index]))

    def ended(self, points: Sequence[Points]) -> list[str]:
        """Why the curves of all members ended where they are deepest."""
        deepest = [max(p) for p in points]
        last = self.store.get([p[index] for p, index in zip(points, deepest, strict=True)])
        return self.depth.why_ended(range(self.members), deepest, last)

    def curves(self, points: Sequence[Points]) -> list[Curve]:
        """The curves of all members through their points."""
        return [self.store.curve(sorted(points[m].items())) for m in range(self.members)]
