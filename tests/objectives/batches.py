"""Batches of random and of known posteriors, fresh states, and every objective with options that act in a few steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ifp.objectives.base import Batch, Objective, State, fresh_state

SMALL: dict[str, dict[str, Any]] = {  # every objective but deft, with numbers at which something happens in a few steps
    "beta": {"law": "geometric", "beta_start": 70.0, "beta_end": 1.0},
    "annealed": {"threshold_steps": 20},
    "cascade": {"stage_steps": 2},
    "beta-tc": {},
    "factor": {"hidden": 32, "layers": 2, "warmup_steps": 4},
    "dip-i": {},
    "dip-ii": {},
    "control": {"set_point_every": 2, "ki": 0.1},
    "dynamic": {"set_point_every": 3, "set_point_ramp": 2},
}
everything = pytest.mark.parametrize("name", SMALL)


def make_batch(mean: Tensor, logvar: Tensor, z: Tensor, step: int = 0, total: int = 100, images: int = 1000) -> Batch:
    return Batch(torch.zeros(mean.shape[:2]), mean, logvar, z, step, total, images)


def random_batch(
    generator: torch.Generator, members: int = 3, images: int = 16, latents: int = 4, step: int = 0
) -> Batch:
    shape = (members, images, latents)
    mean, logvar, noise = (torch.randn(shape, generator=generator) for _ in range(3))
    logvar = logvar * 0.5 - 1
    return make_batch(mean, logvar, mean + (0.5 * logvar).exp() * noise, step)


def batch_of_kl(kl_M: Tensor, step: int = 0) -> Batch:
    """One image and one latent per member, with just this KL: mean^2 / 2 at variance 1."""
    mean = (2 * kl_M).sqrt()[:, None, None]
    return make_batch(mean, torch.zeros_like(mean), mean, step)


def new_state(objective: Objective, members: int = 3, latents: int = 4, seed: int = 0) -> State:
    generators = [torch.Generator().manual_seed(seed + m) for m in range(members)]
    return fresh_state(objective, latents, generators, "cpu")
