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
from ifp.exact.follow import Track
from ifp.exact.improve import Surroundings, lowest
from ifp.exact.solutions import Solutions, state_along
from ifp.exact.solve import solve
from ifp.exact.states import Depth, Store

SEARCH_FROM_NATS = 0.3
"""Below this KL the curve that grew from the onset is taken for the lowest; arrangements differ little there."""
SCRATCH_GROWTH = 1.5
"""Ratio of the KLs at which the search for lower states starts from scratch too."""
HALVINGS = 4
"""Of the gap between two targets in which the second latent crosses the threshold."""
SAME_BETA, SAME_KL = 1e-5, 0.02
"""Two states found at one target are one when beta and KL differ by less than these shares."""

Points = dict[float, int]
"""The points of one member's curve: number of the KL target (a fraction between two targets) -> row in the store."""


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

    The first grows out of the collapsed state along the leading mode. From `SEARCH_FROM_NATS` on, the lowest state of
    every KL is searched for: that of the first curve, the continuation of the lowest before, and what `lowest` finds
    beside them. The deepest of these is followed back down until it meets the first curve, provided that the first was
    followed up to there without a jump.
    """
    search = _Search(around, depth, latents)
    search.grow()
    if not heat:
        search.refine(search.cool)
        cool = search.curves(search.cool)
        ended = search.ended(search.cool)
        return SearchResult(cool, cool, search.store, ended, ended, depth.targets)
    top = search.rise()
    search.sink()
    search.descend(top)
    for points in (search.cool, search.deep):
        search.refine(points)
    cool, deep = search.curves(search.cool), search.curves(search.deep)
    cool_ended, deep_ended = search.ended(search.cool), search.ended(search.best)
    return SearchResult(cool, deep, search.store, cool_ended, deep_ended, depth.targets)


class _Search:
    """The state of the search: all solutions, and the points of the curves so far."""

    def __init__(self, around: Surroundings, depth: Depth, latents: int) -> None:
        self.batch, self.around, self.depth, self.latents = around.batch, around, depth, latents
        self.members = len(depth.beta_closed_form_M)
        self.device = around.modes_MNK.device
        self.store = Store(self.members)
        self.cool: list[Points] = [{} for _ in range(self.members)]
        self.deep: list[Points] = [{} for _ in range(self.members)]
        self.jumped = np.zeros((self.members, len(depth.targets)), dtype=bool)
        """Where the first curve was not followed but jumped."""
        self.best: list[Points] = []
        """The lowest state known at each target."""

    def grow(self) -> None:
        """The curve from the onset upward."""
        modes, targets = self.around.modes_MNK, self.depth.targets
        rows = torch.arange(self.members, device=self.device)
        kl = torch.zeros(self.members, self.latents, dtype=torch.float64, device=self.device)
        kl[:, 0] = targets[0]
        first = solve(
            self.batch, state_along(latent_modes(modes, self.latents), kl), self.depth.beta_closed_form_M, kl[:, 0]
        )
        self.keep(self.cool, 0, rows, first)
        track = Track.begin(rows, first)
        for index in range(1, len(targets)):
            if not len(track.rows):
                break
            track, jumped = track.step(self.batch, modes, targets[index])
            self.keep(self.cool, index, track.rows, track.last)
            self.jumped[track.rows.cpu().numpy(), index] = jumped.cpu().numpy()
            track = track.take((~self.depth.reached(track.rows, track.last)).nonzero().squeeze(1))
            self.around.tick()

    def rise(self) -> list[int]:
        """The lowest state at every KL; returns for each member the row of the deepest.

        Each member starts at its own first target and has its own sequence of searches from scratch, so that what is
        found does not depend on the others.
        """
        targets = self.depth.targets
        self.best = [dict(points) for points in self.cool]
        # a first curve that ends early is searched where it ends
        begin = [min(int(np.searchsorted(targets, SEARCH_FROM_NATS)), int(max(points))) for points in self.cool]
        scratch_from = [0.0] * self.members
        ended = np.zeros(self.members, dtype=bool)
        other: Track | None = None  # members whose lowest state is not on the first curve
        for index in range(min(begin), len(targets)):
            if other is not None:
                other = self.continued(other, index)
            active = [m for m in range(self.members) if begin[m] <= index and not ended[m] and index in self.best[m]]
            if not active:
                break
            fresh = [m for m in active if targets[index] >= scratch_from[m]]
            for m in fresh:
                scratch_from[m] = SCRATCH_GROWTH * targets[index]
            for members in (fresh, [m for m in active if m not in fresh]):
                if members:
                    other = self.searched(other, index, members, fresh=members is fresh)
            lowest_now = self.store.get([self.best[m][index] for m in active])
            done = self.depth.reached(self.rows(active), lowest_now).tolist()
            ended[[m for m, is_done in zip(active, done, strict=True) if is_done]] = True
            if other is not None:
                other = self.only(other, [m for m in other.rows.tolist() if not ended[m]])
            self.around.tick()
        return [points[max(points)] for points in self.best]

    def sink(self) -> None:
        """The lowest states that are not on the first curve, followed down to smaller KLs while they are the lowest.

        A valley that is found at one KL may be the lowest at smaller ones too, the threshold among them.
        """
        track: Track | None = None
        for index in range(len(self.depth.targets) - 1, -1, -1):
            if track is not None and len(track.rows):
                track = self.continued(track, index)
            held = set(track.rows.tolist()) if track is not None else set()
            own = [
                m for m in range(self.members)
                if m not in held and index in self.best[m] and self.best[m][index] != self.cool[m].get(index)
            ]  # fmt: skip
            if own:
                new = Track.begin(self.rows(own), self.store.get([self.best[m][index] for m in own]))
                track = new if track is None else track.join(new)
            self.around.tick()

    def continued(self, other: Track, index: int) -> Track | None:
        """The lowest states of before, followed to the next target; those that a known state undercuts are left."""
        if not len(other.rows):
            return None
        other, _ = other.step(self.batch, self.around.modes_MNK, self.depth.targets[index])
        lower = []
        rows = self.store.add(other.rows.tolist(), index, other.last)
        for m, row in zip(other.rows.tolist(), rows, strict=True):
            if index not in self.best[m] or self.nats_at(row, index) < self.nats_at(self.best[m][index], index):
                self.best[m][index] = row
                lower.append(m)
        return self.only(other, lower)

    def searched(self, other: Track | None, index: int, members: list[int], *, fresh: bool) -> Track | None:
        """The track with those of `members` on it, from their new state, for which a lower one is found."""
        known = self.store.get([self.best[m][index] for m in members])
        found, changed = lowest(self.around, members, known, fresh=fresh)
        if not changed:
            return other
        won, lower = [members[i] for i in changed], found.take(self.rows(changed))
        for m, row in zip(won, self.store.add(won, index, lower), strict=True):
            self.best[m][index] = row
        track = Track.begin(self.rows(won), lower)
        if other is None:
            return track
        return self.only(other, [m for m in other.rows.tolist() if m not in won]).join(track)

    def only(self, track: Track, members: Sequence[int]) -> Track:
        """The track of these members alone."""
        order = track.rows.tolist()
        return track.take(self.rows([order.index(m) for m in members]))

    def rows(self, numbers: Sequence[int]) -> Tensor:
        """These numbers as an index tensor."""
        return torch.tensor(list(numbers), dtype=torch.long, device=self.device)

    def descend(self, top: Sequence[int]) -> None:
        """The curve from the deepest state down to where it meets the first one; below that it is the first one."""
        targets = self.depth.targets
        start: dict[int, int] = {}
        for m in range(self.members):
            deepest = int(max(self.best[m]))
            if self.best[m][deepest] != self.cool[m].get(deepest) or self.jumped[m].any():
                start[m] = deepest
        track: Track | None = None
        for index in range(len(targets) - 1, -1, -1):
            if track is not None and len(track.rows):
                track, _ = track.step(self.batch, self.around.modes_MNK, targets[index])
                self.keep(self.deep, index, track.rows, track.last)
                apart = [m for i, m in enumerate(track.rows.tolist()) if not self.met(m, index, i, track.last)]
                track = self.only(track, apart)
                self.around.tick()
            begin = [m for m, at in start.items() if at == index]
            if begin:
                for m in begin:
                    self.deep[m][index] = top[m]
                new = Track.begin(self.rows(begin), self.store.get([top[m] for m in begin]))
                track = new if track is None else track.join(new)
        for m in range(self.members):
            lowest_index = min(self.deep[m], default=len(targets))
            self.deep[m] |= {index: row for index, row in self.cool[m].items() if index < lowest_index}

    def refine(self, curves: Sequence[Points]) -> None:
        """Points between two targets where the second latent crosses the threshold, by halving.

        Only the sum of both KLs is aimed at, and the second may freeze anywhere along it.
        """
        threshold = self.depth.threshold_nats
        if self.latents < 2 or not 0 < threshold < np.inf:
            return
        for _ in range(HALVINGS):
            gaps = []
            for m, points in enumerate(curves):
                order = sorted(points)
                if len(order) < 2:
                    continue
                second = self.store.get([points[i] for i in order]).kl_nats_MD.sort(1).values[:, -2].tolist()
                gaps += [
                    (m, low, high)
                    for low, high, below, above in zip(order, order[1:], second, second[1:], strict=False)
                    if below < threshold <= above
                ][:1]
            if not gaps:
                return
            first = self.store.get([curves[m][low] for m, low, _ in gaps])
            last = self.store.get([curves[m][high] for m, _, high in gaps])
            rows = self.rows([m for m, _, _ in gaps])
            middle = (first.total_kl_nats_M + last.total_kl_nats_M) / 2
            track, _ = Track.begin(rows, first).step(self.batch, self.around.modes_MNK, middle)
            if len(track.rows) < len(rows):
                return
            indices = [(low + high) / 2 for _, low, high in gaps]
            stored = self.store.add(rows.tolist(), indices, track.last)
            for m, i, row in zip(rows.tolist(), indices, stored, strict=True):
                curves[m][i] = row
            self.around.tick()

    def met(self, m: int, index: int, at: int, found: Solutions) -> bool:
        """Whether a state on its way down is that of the first curve, which was followed up to there."""
        if index not in self.cool[m] or self.jumped[m, : index + 1].any():
            return False
        there = self.store.get([self.cool[m][index]])
        beta, kl = there.beta_M[0] / found.beta_M[at], there.total_kl_nats_M[0] / found.total_kl_nats_M[at]
        return bool((beta - 1).abs() < SAME_BETA) and bool((kl - 1).abs() < SAME_KL)

    def nats_at(self, row: int, index: int) -> float:
        """The reconstruction that a stored state would have at exactly its target's KL, along its tangent."""
        state = self.store.get([row])
        return float(state.recon_nats_M + state.beta_M * (state.total_kl_nats_M - self.depth.targets[index]))

    def keep(self, curves: list[Points], index: int, rows: Tensor, found: Solutions) -> None:
        """Store the states of members `rows` at a target as points of their curves."""
        for m, row in zip(rows.tolist(), self.store.add(rows.tolist(), index, found), strict=True):
            curves[m][index] = row

    def ended(self, points: Sequence[Points]) -> list[str]:
        """Why the curves of all members ended where they are deepest."""
        deepest = [max(p) for p in points]
        last = self.store.get([p[index] for p, index in zip(points, deepest, strict=True)])
        return self.depth.why_ended(range(self.members), deepest, last)

    def curves(self, points: Sequence[Points]) -> list[Curve]:
        """The curves of all members through their points."""
        return [self.store.curve(sorted(points[m].items())) for m in range(self.members)]


def latent_modes(modes_MNK: Tensor, latents: int) -> Tensor:
    """One mode per latent [M, N, D], of mean square 1; the last one repeated where there are fewer."""
    return modes_MNK[:, :, [min(d, modes_MNK.shape[2] - 1) for d in range(latents)]]
