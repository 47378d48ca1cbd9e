"""Images a second of whole-data training against an ordinary loop, same network, same machine, in turn.

The ordinary loop: a Dataset of the same images, DataLoader(batch_size=64, shuffle=True, num_workers=2), the paper's
convolutional network as modules, Adam, one network at a time. Ours: `ifp.training`'s Trainer. Prints the table for
RESULTS.md; `--device cuda` trains 8 seeds as one batch.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

import ifp
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import load_dataset
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages, load_images
from ifp.training.setup import set_up
from ifp.training.trainer import Trainer, fresh_member

sys.path.insert(0, str(Path(__file__).parent))
from plain_loop import VAE, TraversalImages

ROUNDS = 5
BATCH = 64
IMAGES = 20_000
LATENTS = 10


def ordinary_images_per_second(dataset: FactorDataset, steps: int, device: str) -> float:
    """The loop that a careful person writes, workers warm before the clock starts."""
    positions_NF, nuisance_N = dataset.sample_images(IMAGES, 0)
    images = TraversalImages(dataset.render(positions_NF, nuisance_N))
    loader = DataLoader(
        images, batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True, pin_memory=device != "cpu"
    )
    vae = VAE("conv", dataset.image_shape, LATENTS).to(device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=5e-4)
    done = 0
    started = 0.0
    for number, x in enumerate(loader):
        if number == 3:
            _wait(device)
            started = time.perf_counter()
        recon, kl = vae(x.to(device))
        loss = recon + 4.0 * kl.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number >= 3:
            done += BATCH
        if number == steps + 2:
            break
    _wait(device)
    return done / (time.perf_counter() - started)


def our_images_per_second(dataset: FactorDataset, images: TrainingImages, seeds: int, steps: int, device: str) -> float:
    """Images a second of all seeds together."""
    config = TrainConfig(
        dataset=dataset.name, images=IMAGES, architecture="conv", latents=LATENTS, seeds=seeds, steps=steps + 3,
        batch=BATCH, records=1,
    )  # fmt: skip
    setup = set_up(dataset, config, device=device)
    statistics_P = images.statistics("bernoulli")
    states = [fresh_member(config, setup.objective, setup.network, statistics_P, seed) for seed in range(seeds)]
    trainer = Trainer(config, setup.objective, setup.network, images, range(seeds), states)
    trainer.run(3)
    _wait(device)
    started = time.perf_counter()
    trainer.run(steps)
    _wait(device)
    return seeds * steps * BATCH / (time.perf_counter() - started)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    """Measure in turn, print medians and the range of the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    seeds = 1 if arguments.device == "cpu" else 8
    dataset = load_dataset("sprites")
    images = load_images(dataset, IMAGES, 0, arguments.device)
    plain, ours = [], []
    for _ in range(ROUNDS):
        plain.append(ordinary_images_per_second(dataset, arguments.steps, arguments.device))
        ours.append(our_images_per_second(dataset, images, seeds, arguments.steps, arguments.device))
    ratios = [our / one for our, one in zip(ours, plain, strict=True)]
    print(
        f"{arguments.device}, {os.cpu_count()} cores, torch {torch.__version__}, python {platform.python_version()}, "
        f"ifp {ifp.__version__}\n"
    )
    print("| network | seeds at once | ordinary loop, images/s | ifp, images/s | ratio |\n|---|---|---|---|---|")
    print(
        f"| conv, batch {BATCH} | {seeds} | {statistics.median(plain):.0f} | {statistics.median(ours):.0f} | "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
    )


if __name__ == "__main__":
    main()
