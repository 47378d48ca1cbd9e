"""Posteriors of the images of M traversals, and the stationary points of R + beta K that they are.

Shapes: M traversals, N images, D latents, K modes, V = 2 N D variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

POWER = 3.0
"""The exponent of phi' while a curve is traced; see `ifp.exact.solve`."""
PUSH, EMPTY = 0.02, 0.03
"""Before each solution the means are pushed off possible saddles; a latent whose means are smaller holds nothing."""


@dataclass(frozen=True)
class States:
    """Posteriors of M traversals: mean_MND and log_std_MND."""

    mean_MND: Tensor
    log_std_MND: Tensor

    def take(self, rows: Tensor) -> States:
        """The posteriors of these members."""
        return States(self.mean_MND[rows], self.log_std_MND[rows])

    def to_vector(self) -> Tensor:
        """All numbers of a member in a row [M, V]."""
        return torch.cat([self.mean_MND.flatten(1), self.log_std_MND.flatten(1)], 1)

    @classmethod
    def from_vector(cls, vector_MV: Tensor, latents: int) -> States:
        """The inverse of `to_vector`."""
        mean, log_std = vector_MV.reshape(len(vector_MV), 2, -1, latents).unbind(1)
        return cls(mean, log_std)


@dataclass(frozen=True)
class Solutions:
    """Stationary points of R + beta K: posteriors, beta_M, recon_nats_M, kl_nats_MD, and the phi that led there."""

    states: States
    beta_M: Tensor
    recon_nats_M: Tensor
    kl_nats_MD: Tensor
    level_M: Tensor
    at_M: Tensor

    @property
    def total_kl_nats_M(self) -> Tensor:
        """KL summed over latents."""
        return self.kl_nats_MD.sum(1)

    def numbers(self) -> tuple[Tensor, ...]:
        """Everything but the posteriors."""
        return self.beta_M, self.recon_nats_M, self.kl_nats_MD, self.level_M, self.at_M

    def take(self, rows: Tensor) -> Solutions:
        """The solutions of these members."""
        return Solutions(self.states.take(rows), *(t[rows] for t in self.numbers()))


def concatenate(parts: Sequence[Solutions]) -> Solutions:
    """All members of several."""
    means, log_stds = zip(*((p.states.mean_MND, p.states.log_std_MND) for p in parts), strict=True)
    numbers = zip(*(p.numbers() for p in parts), strict=True)
    return Solutions(States(torch.cat(means), torch.cat(log_stds)), *(torch.cat(same) for same in numbers))


def penalised_nats(solutions: Solutions, power: float = POWER) -> Tensor:
    """R + phi(K) [M]: what `solve` minimised. phi(K) = K phi'(K) / (power + 1), and phi'(K) is beta."""
    return solutions.recon_nats_M + solutions.beta_M * solutions.total_kl_nats_M / (power + 1)


def state_along(modes_MND: Tensor, kl_nats_MD: Tensor) -> States:
    """Posteriors whose means follow `modes` (of mean square 1) with these KLs: exact for one linear Gaussian factor."""
    variance = torch.exp(-2 * kl_nats_MD)[:, None]
    return States((1 - variance).sqrt() * modes_MND, 0.5 * variance.log().expand_as(modes_MND).clone())


def pushed(state: States, modes_MNK: Tensor, share: float = 1.0) -> States:
    """The same state moved off whatever saddle it may be on, by this share of the usual distance.

    A latent that holds nothing is pushed along its mode; the others along the mode after theirs, by which arrangements
    with a symmetry (which a descent would keep exactly) lose it.
    """
    latents, modes = state.mean_MND.shape[2], modes_MNK.shape[2]
    size = state.mean_MND.square().mean(1, keepdim=True).sqrt()
    own, after = (modes_MNK[:, :, [min(d + ahead, modes - 1) for d in range(latents)]] for ahead in (0, 1))
    push = torch.where(size < EMPTY, PUSH * own, PUSH * size * after)
    return States(state.mean_MND + share * push, state.log_std_MND)
