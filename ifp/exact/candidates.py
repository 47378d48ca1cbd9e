"""Where the search for lower states starts from: fresh arrangements, and a known state's posteriors in another order.

Shapes: M members, C candidates, N images, D latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.exact.arrangements import copies_of, fresh_arrangements, other_orders, short_tour
from ifp.exact.ideal_vae import TraversalBatch, grid_points
from ifp.exact.solutions import Solutions, States, state_along

CHUNK_NUMBERS = {"cpu": 2_000_000, "cuda": 40_000_000}
"""StartingStates are solved in chunks of about this size, in numbers of one quadrature array."""


@dataclass
class Surroundings:
    """What the search needs to know of each member beside its images: modes [N, K] and a tour [N]."""

    batch: TraversalBatch
    modes_MNK: Tensor
    tick: Callable[[], None]

    def __post_init__(self) -> None:
        self._tours: dict[int, np.ndarray] = {}
        self._copies: dict[int, np.ndarray] = {}

    def tour(self, member: int) -> np.ndarray:
        """The short closed tour through a member's images, made when first asked for."""
        if member not in self._tours:
            row = torch.tensor([member], device=self.modes_MNK.device)
            self._tours[member] = short_tour(self.batch.take(row), self.modes_MNK[member].cpu().numpy())
        return self._tours[member]

    def copies(self, member: int) -> np.ndarray:
        """Which of a member's images are equal [N]; see `copies_of`."""
        if member not in self._copies:
            row = torch.tensor([member], device=self.modes_MNK.device)
            self._copies[member] = copies_of(self.batch.take(row))
        return self._copies[member]


@dataclass(frozen=True)
class StartingStates:
    """Starts of descents, and for each the number of the known state that it competes with."""

    states: States
    rival_C: Tensor

    def take(self, rows: Tensor) -> StartingStates:
        return StartingStates(self.states.take(rows), self.rival_C[rows])


def fresh_starts(around: Surroundings, members: Sequence[int], known: Solutions, power: float) -> StartingStates | None:
    latents = known.states.mean_MND.shape[2]
    means, log_stds, rivals = [], [], []
    for row, m in enumerate(members):
        modes_NK = around.modes_MNK[m].cpu().numpy()
        if latents == 1:
            laid = fresh_arrangements(modes_NK, around.tour(m), around.copies(m))[:, :, None].to(known.beta_M.device)
        elif modes_NK.shape[1] > 1:
            laid = around.modes_MNK[m][None, :, [min(d, modes_NK.shape[1] - 1) for d in range(latents)]]
        else:
            continue
        # without a penalty (power 0) no KL is aimed at: start from that of the known state
        total = known.at_M[row] if power else known.total_kl_nats_M[row].clamp_min(0.3)
        state = state_along(laid, (total / latents).expand(len(laid), latents))
        means.append(state.mean_MND)
        log_stds.append(state.log_std_MND)
        rivals += [row] * len(laid)
    if not rivals:
        return None
    rival = torch.tensor(rivals, device=known.beta_M.device)
    return StartingStates(States(torch.cat(means), torch.cat(log_stds)), rival)


def dealt_out(
    around: Surroundings, members: Sequence[int], known: Solutions, active: Sequence[int]
) -> StartingStates | None:
    means: list[Tensor] = []
    log_stds: list[Tensor] = []
    rivals: list[int] = []
    for row in active:
        mean_N, log_std_N = known.states.mean_MND[row, :, 0], known.states.log_std_MND[row, :, 0]
        by_mean = torch.argsort(mean_N, stable=True)
        orders = torch.from_numpy(other_orders(by_mean.cpu().numpy(), around.tour(members[row])))
        if not len(orders):
            continue
        orders = orders.to(mean_N.device)
        for kept, values in ((means, mean_N), (log_stds, log_std_N)):
            kept.append(torch.empty(orders.shape, dtype=values.dtype, device=values.device))
            kept[-1].scatter_(1, orders, values[by_mean].expand(orders.shape))
        rivals += [row] * len(orders)
    if not rivals:
        return None
    states = States(torch.cat(means)[:, :, None], torch.cat(log_stds)[:, :, None])
    return StartingStates(states, torch.tensor(rivals, device=known.beta_M.device))


def in_chunks(around: Surroundings, starts: StartingStates) -> Iterator[StartingStates]:
    """The candidates in chunks of about `CHUNK_NUMBERS`."""
    points = grid_points(starts.states.mean_MND, starts.states.log_std_MND) ** starts.states.mean_MND.shape[2]
    images, pixels = around.batch.shape
    numbers = CHUNK_NUMBERS["cpu" if points.device.type == "cpu" else "cuda"]
    size = max(1, int(numbers / (float(points.median()) * (pixels + 4 * images))))
    for at in range(0, len(points), size):
        yield starts.take(torch.arange(at, min(at + size, len(points)), device=points.device))


def batch_rows(around: Surroundings, members: Sequence[int], rival_C: Tensor) -> Tensor:
    return torch.tensor(list(members), device=around.modes_MNK.device)[rival_C]


def first_of_each(value_C: Tensor, group_C: Tensor, count: int, limit: float) -> Tensor:
    """StartingStates with value below `limit`, of each group the `count` lowest, by group and value."""
    kept = []
    values, groups = value_C.cpu().numpy(), group_C.cpu().numpy()
    for group in np.unique(groups):
        rows = np.flatnonzero((groups == group) & (values < limit))
        kept.append(rows[np.argsort(values[rows], kind="stable")][:count])
    return torch.from_numpy(np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)).to(value_C.device)
