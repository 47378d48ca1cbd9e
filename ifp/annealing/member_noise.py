"""MemberNoise: the random streams of members in training, each from its own generator, drawn a block at a time.

Shapes: K steps of a block, M members, S noise draws per image, N images per step, D latents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.annealing.config import AnnealConfig
from ifp.annealing.members import Member

EVALUATION_ROWS = 256
"""Decoder rows a record spends on the reconstruction: noise draws x images, at least."""


class BatchShape:
    """How the images of a traversal fill the batches of its members.

    A batch holds every image of the traversal as often as it fits, each with its own noise; a traversal larger than
    the batch is sampled without replacement.

    Attributes
    ----------
    images, images_a_step, draws : images of the traversal, images of a step, noise draws per image.
    evaluation_draws : noise draws per image of a record. latents : of each member.
    """

    def __init__(self, config: AnnealConfig, images: int) -> None:
        self.images = images
        self.images_a_step = min(images, config.batch)
        self.draws = max(1, config.batch // images)
        self.evaluation_draws = max(1, math.ceil(EVALUATION_ROWS / images))
        self.latents = config.latents


class MemberNoise(BatchShape):
    """Training noise, choice of images, and evaluation noise, by one generator per member and purpose."""

    def __init__(
        self, members: Sequence[Member], config: AnnealConfig, images: int, device: str | torch.device
    ) -> None:
        super().__init__(config, images)
        self._device = device
        self._train = [m.torch_generator(config.seed, "noise", device) for m in members]
        self._choice = [m.torch_generator(config.seed, "images", device) for m in members]
        self._evaluate = [m.torch_generator(config.seed, "evaluation", device) for m in members]

    def keep(self, rows: list[int]) -> None:
        """Drop all members but those at `rows`."""
        self._train = [self._train[row] for row in rows]
        self._choice = [self._choice[row] for row in rows]
        self._evaluate = [self._evaluate[row] for row in rows]

    def block(self, steps: int) -> Tensor:
        """Training noise [K, M, S, N, D]."""
        shape = (steps, self.draws, self.images_a_step, self.latents)
        return torch.stack([torch.randn(shape, generator=g, device=self._device) for g in self._train], dim=1)

    def choose(self, steps: int) -> Tensor:
        """Images of each step [K, M, N], without replacement within a step."""
        keys = [torch.rand(steps, self.images, generator=g, device=self._device) for g in self._choice]
        return torch.stack([k.argsort(dim=1)[:, : self.images_a_step] for k in keys], dim=1)

    def evaluation(self) -> Tensor:
        """Noise of one record [M, S, N, D] on all images."""
        shape = (self.evaluation_draws, self.images, self.latents)
        return torch.stack([torch.randn(shape, generator=g, device=self._device) for g in self._evaluate])
