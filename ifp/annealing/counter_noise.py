"""CounterNoise: the random streams of members in training on a device, all drawn by a few kernels.

`MemberNoise` has one generator per member, each a launch of a kernel; on a GPU those cost as much as a third of a step.
Here a member's numbers are a hash of its own key and of the step (`ifp.system.counter_random`), so that it has the same
stream alone and among others. The numbers are others than those of the generators.

Shapes: K steps of a block, M members, S noise draws per image, N images per step, D latents, C numbers of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ifp.annealing.config import AnnealConfig
from ifp.annealing.member_noise import BatchShape, MemberNoise
from ifp.annealing.members import Member
from ifp.seeds import derive_seed
from ifp.system.counter_random import OWN_GENERATORS, CounterStreams

NOISE, CHOICE, EVALUATION = range(3)
"""What a number is drawn for; part of its counter."""
DRAWN_AHEAD = 4_000_000
"""Numbers drawn at once: the kernels of a draw cost about the same for many steps as for a few."""

Draw = Callable[[int, int, int, int], Tensor]


class CounterNoise(BatchShape):
    """Training noise, choice of images, and evaluation noise, as `MemberNoise` gives them."""

    def __init__(
        self, members: Sequence[Member], config: AnnealConfig, images: int, device: str | torch.device
    ) -> None:
        super().__init__(config, images)
        self._streams = CounterStreams([derive_seed(config.seed, m.key, "counter") for m in members], device)
        self._noise_shape = (self.draws, self.images_a_step, self.latents)
        self._evaluation_shape = (self.evaluation_draws, images, self.latents)
        self._noise = _Ahead(self._streams.normal, NOISE, _product(self._noise_shape))
        self._choice = _Ahead(self._streams.uniform, CHOICE, images)
        self._evaluation = _Ahead(self._streams.normal, EVALUATION, _product(self._evaluation_shape))

    def keep(self, rows: list[int]) -> None:
        """Drop all members but those at `rows`."""
        self._streams.keep(rows)
        for ahead in (self._noise, self._choice, self._evaluation):
            ahead.keep(rows)

    def block(self, steps: int) -> Tensor:
        """Training noise [K, M, S, N, D]."""
        return self._noise.take(steps, len(self._streams)).reshape(steps, -1, *self._noise_shape)

    def choose(self, steps: int) -> Tensor:
        """Images of each step [K, M, N], without replacement within a step."""
        return self._choice.take(steps, len(self._streams)).argsort(dim=2)[..., : self.images_a_step]

    def evaluation(self) -> Tensor:
        """Noise of one record [M, S, N, D] on all images."""
        return self._evaluation.take(1, len(self._streams)).reshape(-1, *self._evaluation_shape)


class _Ahead:
    """Numbers for one purpose, drawn for many steps at once and handed out step by step; C numbers per step."""

    def __init__(self, draw: Draw, purpose: int, count: int) -> None:
        self._draw, self._purpose, self._count = draw, purpose, count
        self._drawn = 0
        self._left_KMC: Tensor | None = None

    def take(self, steps: int, members: int) -> Tensor:
        """The numbers of the next `steps` steps [K, M, C]."""
        left = self._left_KMC
        there = 0 if left is None else len(left)
        if left is None or there < steps:
            more = max(steps - there, DRAWN_AHEAD // (members * self._count))
            fresh = self._draw(self._purpose, self._drawn, more, self._count)
            self._drawn += more
            left = fresh if left is None or not there else torch.cat([left, fresh])
        self._left_KMC = left[steps:]
        return left[:steps]

    def keep(self, rows: list[int]) -> None:
        """Drop all members but those at `rows`."""
        if self._left_KMC is not None:
            self._left_KMC = self._left_KMC[:, torch.tensor(rows).to(self._left_KMC.device)]


def _product(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]


def member_noise(
    members: Sequence[Member], config: AnnealConfig, images: int, device: str | torch.device
) -> MemberNoise | CounterNoise:
    """The members' random streams, by the means that suit the device."""
    kind = MemberNoise if torch.device(device).type in OWN_GENERATORS else CounterNoise
    return kind(members, config, images, device)
