"""A small VAE as a module of Lightning, under whichever of its two names, and the images that it is trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ifp.datasets.base import FactorDataset

from .loops import SmallVae

QUIET = {
    "logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu",
    "enable_checkpointing": False,
}  # fmt: skip


def module_of(package: Any) -> Any:
    """The class of the module, derived from the package's own."""

    class Module(package.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.vae, self.beta = SmallVae(), 4.0

        def encode(self, x: torch.Tensor) -> Any:
            return self.vae.encode(x)

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            (x,) = batch
            assert self.training
            mean, logvar = self.encode(x)
            out = self.vae.decode(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
            recon = nn.functional.binary_cross_entropy_with_logits(out, x.flatten(1), reduction="none").sum(1)
            return (recon + self.beta * 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)).mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-2)

    return Module


def loader_of(data: FactorDataset, batch: int) -> Any:
    """The first 18 images, in fractions."""
    images = data.render(data.space.unravel(np.arange(18)), np.zeros(18, int))
    pixels = torch.from_numpy(images).float() / 255
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pixels), batch_size=batch)
