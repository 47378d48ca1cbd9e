"""The annealing test the ordinary way: one network at a time, a DataLoader, a module, an optimizer.

This is the baseline of `benchmarks/engine.py`: what a careful person writes with PyTorch's own parts, without any of
ifp's. Each step loads a batch, sets beta, does a forward and a backward pass and an Adam update, and logs the loss and
the KL of every latent, which an annealing test needs.

Shapes: N images, B batch, C H W channels, rows, columns, D latents.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

BATCH = 64
HIDDEN = 64
LEARNING_RATE = 1e-3


class TraversalImages(Dataset[Tensor]):
    """The images of one traversal, scaled to [0, 1] when they are asked for."""

    def __init__(self, images_NCHW: np.ndarray) -> None:
        self.images_NCHW = images_NCHW

    def __len__(self) -> int:
        return len(self.images_NCHW)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(self.images_NCHW[index]).float() / 255


def mlp(image_shape: tuple[int, int, int], latents: int) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of two hidden layers of 64 units, on all pixels."""
    pixels = math.prod(image_shape)
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
        nn.Linear(HIDDEN, 2 * latents),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(latents, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, pixels),
        nn.Unflatten(1, image_shape),
    )  # fmt: skip
    return encoder, decoder


def conv(image_shape: tuple[int, int, int], latents: int) -> tuple[nn.Module, nn.Module]:
    """The paper's encoder and decoder for 64 x 64 images: channels 32, 32, 64, 64, then 256 units; mirrored."""
    channels = image_shape[0]
    encoder = nn.Sequential(
        nn.Conv2d(channels, 32, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(64, 64, 4, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(64 * 4 * 4, 256), nn.ReLU(),
        nn.Linear(256, 2 * latents),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(latents, 256), nn.ReLU(), nn.Linear(256, 64 * 4 * 4), nn.ReLU(), nn.Unflatten(1, (64, 4, 4)),
        nn.ConvTranspose2d(64, 64, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, channels, 4, 2, 1),
    )  # fmt: skip
    return encoder, decoder


ARCHITECTURES = {"mlp": mlp, "conv": conv}


class VAE(nn.Module):
    """A VAE with a Bernoulli decoder; `forward` gives the reconstruction and the KL per latent, nats per image."""

    def __init__(self, architecture: str, image_shape: tuple[int, int, int], latents: int) -> None:
        super().__init__()
        self.encoder, self.decoder = ARCHITECTURES[architecture](image_shape, latents)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        mean_BD, logvar_BD = self.encoder(x_BCHW).chunk(2, dim=1)
        z_BD = mean_BD + (0.5 * logvar_BD).exp() * torch.randn_like(mean_BD)
        logits_BCHW = self.decoder(z_BD)
        recon_nats = F.binary_cross_entropy_with_logits(logits_BCHW, x_BCHW, reduction="sum") / len(x_BCHW)
        kl_nats_D = 0.5 * (mean_BD**2 + logvar_BD.exp() - 1 - logvar_BD).mean(dim=0)
        return recon_nats, kl_nats_D


def train(
    images_NCHW: np.ndarray, architecture: str, steps: int, *, latents: int = 1, device: str = "cpu"
) -> list[tuple[float, float, list[float]]]:
    """Train one network while beta falls from 71 to 1; the log holds (beta, loss, KL per latent) of every step."""
    loader = DataLoader(TraversalImages(images_NCHW), batch_size=BATCH, shuffle=True)
    model = VAE(architecture, images_NCHW.shape[1:], latents).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    log: list[tuple[float, float, list[float]]] = []
    while len(log) < steps:
        for batch in loader:
            beta = 70 * math.exp(-15 * len(log) / steps) + 1
            recon_nats, kl_nats_D = model(batch.to(device))
            loss = recon_nats + beta * kl_nats_D.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.append((beta, loss.item(), kl_nats_D.tolist()))
            if len(log) == steps:
                break
    return log


def plain_loop_steps_per_second(
    images_NCHW: np.ndarray, architecture: str, steps: int, *, latents: int = 1, device: str = "cpu"
) -> float:
    """Steps per second of `train` on uint8 images [N, C, H, W]; a short unmeasured run goes before."""
    train(images_NCHW, architecture, 10, latents=latents, device=device)
    started = time.perf_counter()
    train(images_NCHW, architecture, steps, latents=latents, device=device)
    return steps / (time.perf_counter() - started)


if __name__ == "__main__":
    from ifp.datasets.catalog import load_dataset

    dataset = load_dataset("sprites")
    (traversal,) = dataset.sample_traversals("orientation", 1, seed=0)
    images = dataset.traversal_images(traversal)
    print(f"{len(images)} images, {torch.get_num_threads()} threads")
    for name, count in (("mlp", 1000), ("conv", 100)):
        print(f"{name}: {plain_loop_steps_per_second(images, name, count):.1f} steps/s")
