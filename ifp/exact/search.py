"""The curves of a batch of traversals: from the onset upward in KL, the lowest states known, and down from the deepest.

Shapes: M traversals, N images, D latents, K modes, Q stored states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.exact.branches import Curve
from ifp.exact.candidates import Surroundings
from ifp.exact.fall import fall
from ifp.exact.follow import Track
from ifp.exact.rise import rise
from ifp.exact.search_state import Points, SearchState
from ifp.exact.solutions import Solutions, state_along
from ifp.exact.solve import solve
from ifp.exact.states import Depth, Store

HALVINGS = 4
"""The gap between two targets in which the second latent crosses the threshold is halved this many times."""


@dataclass(frozen=True)
class SearchResult:
    """What is known of each member: the curve that grew from the onset, that from the deep end, and all states.

    `heat` is `cool` where only cooling was asked for. The curves' `state_J` are rows of the store.
    """

    cool: list[Curve]
    heat: list[Curve]
    store: Store
    cool_ended: list[str]
    deep_ended: list[str]
    """Why the first curve and the deepest one ended; see `ifp.exact.ends`."""
    targets: Sequence[float]

    def keep(self, members: Sequence[int], found: Solutions) -> list[int]:
        """Store states found at some beta, and return their rows; each counts as found at the target of its KL."""
        return self.store.add(members, self.target_of(found.total_kl_nats_M.cpu().numpy()).tolist(), found)

    def target_of(self, kl_nats_T: np.ndarray) -> np.ndarray:
        """The numbers of the targets at these KLs, fractions between two targets."""
        return np.interp(kl_nats_T, self.targets, np.arange(len(self.targets)))


def search_curves(around: Surroundings, depth: Depth, *, latents: int, heat: bool) -> SearchResult:
    """Trace the curves of a batch.

    The first grows out of the collapsed state along the leading mode. From 0.3 nats on, the lowest state of
    every KL is searched for: that of the first curve, the continuation of the lowest before, and what `lowest` finds
    beside them. The deepest of these is followed back down until it meets the first curve, provided that the first was
    followed up to there without a jump.
    """
    state = SearchState(around, depth, latents)
    grow(state)
    if not heat:
        refine(state, state.cool)
        cool = state.curves(state.cool)
        ended = state.ended(state.cool)
        return SearchResult(cool, cool, state.store, ended, ended, depth.targets)
    top = rise(state)
    fall(state, top)
    for points in (state.cool, state.deep):
        refine(state, points)
    cool, deep = state.curves(state.cool), state.curves(state.deep)
    cool_ended, deep_ended = state.ended(state.cool), state.ended(state.best)
    return SearchResult(cool, deep, state.store, cool_ended, deep_ended, depth.targets)


def grow(state: SearchState) -> None:
    """The curve from the onset upward."""
    modes, targets = state.around.modes_MNK, state.depth.targets
    rows = torch.arange(state.members, device=state.device)
    kl = torch.zeros(state.members, state.latents, dtype=torch.float64, device=state.device)
    kl[:, 0] = targets[0]
    first = solve(
        state.batch, state_along(latent_modes(modes, state.latents), kl), state.depth.beta_closed_form_M, kl[:, 0]
    )
    state.keep(state.cool, 0, rows, first)
    track = Track.begin(rows, first)
    for index in range(1, len(targets)):
        if not len(track.rows):
            break
        track, jumped = track.step(state.batch, modes, targets[index])
        state.keep(state.cool, index, track.rows, track.last)
        state.jumped[track.rows.cpu().numpy(), index] = jumped.cpu().numpy()
        track = track.take((~state.depth.reached(track.rows, track.last)).nonzero().squeeze(1))
        state.around.tick()


def refine(state: SearchState, curves: Sequence[Points]) -> None:
    """Points between two targets where the second latent crosses the threshold, by halving.

    Only the sum of both KLs is aimed at, and the second may freeze anywhere along it.
    """
    threshold = state.depth.threshold_nats
    if state.latents < 2 or not 0 < threshold < np.inf:
        return
    for _ in range(HALVINGS):
        gaps = []
        for m, points in enumerate(curves):
            order = sorted(points)
            if len(order) < 2:
                continue
            second = state.store.get([points[i] for i in order]).kl_nats_MD.sort(1).values[:, -2].tolist()
            gaps += [
                (m, low, high)
                for low, high, below, above in zip(order, order[1:], second, second[1:], strict=False)
                if below < threshold <= above
            ][:1]
        if not gaps:
            return
        first = state.store.get([curves[m][low] for m, low, _ in gaps])
        last = state.store.get([curves[m][high] for m, _, high in gaps])
        rows = state.rows([m for m, _, _ in gaps])
        middle = (first.total_kl_nats_M + last.total_kl_nats_M) / 2
        track, _ = Track.begin(rows, first).step(state.batch, state.around.modes_MNK, middle)
        if len(track.rows) < len(rows):
            return
        indices = [(low + high) / 2 for _, low, high in gaps]
        stored = state.store.add(rows.tolist(), indices, track.last)
        for m, i, row in zip(rows.tolist(), indices, stored, strict=True):
            curves[m][i] = row
        state.around.tick()


def latent_modes(modes_MNK: Tensor, latents: int) -> Tensor:
    """One mode per latent [M, N, D], of mean square 1; the last one repeated where there are fewer."""
    return modes_MNK[:, :, [min(d, modes_MNK.shape[2] - 1) for d in range(latents)]]
