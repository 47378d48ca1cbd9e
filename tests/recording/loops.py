"""A small data set, models whose codes are known, and a loop that trains one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import ifp
from ifp.datasets.base import FactorDataset

SHAPE = (1, 8, 12)


def bars() -> FactorDataset:
    """A bar of 3 widths at 6 places, four times each, on 8 x 12 pixels."""
    images = np.zeros((3, 6, 4, 8, 12), dtype=np.uint8)
    for width in range(3):
        for place in range(6):
            images[width, place, :, 2:6, place : place + 2 + 2 * width] = 255
    factors = np.stack(np.meshgrid(range(3), range(6), range(4), indexing="ij"), axis=-1)[..., :2]
    return ifp.dataset(images.reshape(-1, 8, 12), factors.reshape(-1, 2), ["width", "place"])


def exact_encode(images: Tensor) -> tuple[Tensor, Tensor]:
    """Latent 0 holds the place, latent 1 the width, latent 2 nothing; read off images in [0, 1]."""
    lit = images.reshape(-1, 8, 12)[:, 2]
    width = (lit.sum(1) / 2 - 1).round()
    place = lit.argmax(1).float()
    mean = torch.stack([(place - 2.5) / 1.75, (width - 1) / 0.85, 0 * place], 1)
    return mean, torch.tensor([-4.0, -4.0, 0.0]).expand_as(mean)


class SmallVae(nn.Module):
    """With dropout and batch statistics, whose mode matters."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(96, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(16, 6)
        self.net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 96))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.head(self.trunk(x)).chunk(2, 1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        logits: Tensor = self.net(z)
        return logits


def steps_of_training(model: SmallVae, dataset: FactorDataset, steps: int) -> Iterator[int]:
    """A loop of the plainest kind; yields the number of steps done after each."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    rows = np.arange(len(dataset.space))
    x = torch.from_numpy(dataset.render(dataset.space.unravel(rows), 0 * rows)).float() / 255
    for step in range(1, steps + 1):
        mean, logvar = model.encode(x)
        out = model.decode(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
        recon = nn.functional.binary_cross_entropy_with_logits(out, x.flatten(1), reduction="none").sum(1).mean()
        loss = recon + 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step


def record_exactly(out: Path, steps: tuple[int, ...] = (10, 20, 30), **settings: object) -> Path:
    """A recording whose latents take over the factors: nothing at first, the place next, both at last."""
    said: list[str] = []
    with ifp.Recorder(bars(), out=out, every=10, say=said.append, **settings) as recorder:  # type: ignore[arg-type]
        for number, step in enumerate(steps):
            held = torch.tensor([1.0 * (number > 0), 1.0 * (number > 1), 0.0])

            def encode(x: Tensor, held: Tensor = held) -> tuple[Tensor, Tensor]:
                mean, logvar = exact_encode(x)
                return mean * held, logvar * held

            recorder.update(step, encode, beta=30.0 / (number + 1))
    return out
