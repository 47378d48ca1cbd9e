"""Images per second of whole-data training against an ordinary loop, same network, same machine, in turn.

The ordinary loop: a Dataset of the same images, DataLoader(batch_size=64, shuffle=True, num_workers=2), the paper's
convolutional network as modules, Adam, one network at a time. Ours: `ifp.training`'s Trainer. Prints the table for
RESULTS.md; `--device cuda` trains 8 seeds as one batch. Where the library `disent` is installed, its beta-VAE of the
same layers is measured too, from the same images and loader, by the trainer it is made for (Lightning's).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

import ifp
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import load_dataset
from ifp.likelihood import Bernoulli
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
RATE, BETA = 5e-4, 4.0


def ordinary_images_per_second(dataset: FactorDataset, steps: int, device: str) -> float:
    """The loop that a careful person writes, workers warm before the clock starts."""
    batches = _endless(_loader(dataset, device, persistent_workers=True))
    vae = VAE("conv", dataset.image_shape, LATENTS).to(device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=RATE)
    started = 0.0
    for number in range(3 + steps):
        if number == 3:
            _wait(device)
            started = time.perf_counter()
        recon, kl = vae(next(batches).to(device))
        loss = recon + BETA * kl.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    _wait(device)
    return steps * BATCH / (time.perf_counter() - started)


def _endless(loader: DataLoader[Any]) -> Iterator[Tensor]:
    """Batches of one epoch after the other."""
    while True:
        yield from loader


def disent_images_per_second(dataset: FactorDataset, steps: int, device: str) -> float:
    """`disent`'s BetaVae, its batches made of the ordinary loop's, under `lightning.Trainer` without logs or files."""
    import lightning
    from disent.frameworks.vae import BetaVae
    from disent.model import AutoEncoder
    from disent.model.ae import DecoderConv64, EncoderConv64

    class Clock(lightning.Callback):
        started = seconds = 0.0

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int) -> None:
            if number == 2:
                _wait(device)
                self.started = time.perf_counter()
            if number == steps + 2:
                _wait(device)
                self.seconds = time.perf_counter() - self.started

    shape = dataset.image_shape
    layers = AutoEncoder(
        encoder=EncoderConv64(x_shape=shape, z_size=LATENTS, z_multiplier=2),
        decoder=DecoderConv64(x_shape=shape, z_size=LATENTS),
    )
    settings = BetaVae.cfg(
        optimizer="adam", optimizer_kwargs={"lr": RATE}, loss_reduction="mean_sum", recon_loss="bce", beta=BETA
    )
    clock = Clock()
    trainer = lightning.Trainer(
        max_steps=steps + 3, accelerator="cpu" if device == "cpu" else "gpu", devices=1, callbacks=[clock],
        logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(BetaVae(model=layers, cfg=settings), _loader(dataset, device, collate_fn=_as_targets))
    return steps * BATCH / clock.seconds


def _as_targets(images: list[Tensor]) -> dict[str, tuple[Tensor]]:
    """A batch as disent's frameworks want it."""
    return {"x_targ": (torch.stack(images),)}


def _loader(dataset: FactorDataset, device: str, **more: Any) -> DataLoader[Any]:
    positions_NF, nuisance_N = dataset.sample_images(IMAGES, 0)
    images = TraversalImages(dataset.render(positions_NF, nuisance_N))
    return DataLoader(
        images, batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True, pin_memory=device != "cpu", **more
    )


def our_images_per_second(
    dataset: FactorDataset, images: TrainingImages, seeds: int, steps: int, device: str, precision: str = "float32"
) -> float:
    """Images per second of all seeds together."""
    config = TrainConfig(
        dataset=dataset.name, images=IMAGES, architecture="conv", latents=LATENTS, seeds=seeds, steps=steps + 3,
        batch=BATCH, records=1, learning_rate=RATE, options={"beta": BETA}, precision=precision,
    )  # fmt: skip
    setup = set_up(dataset, config, device=device)
    statistics_P = images.statistics(Bernoulli())
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
    others = {"ordinary loop": ordinary_images_per_second}
    if importlib.util.find_spec("disent"):
        others["disent"] = disent_images_per_second
    found: dict[str, list[float]] = {name: [] for name in others}
    ours = []
    for _ in range(ROUNDS):
        for name, measure in others.items():
            found[name].append(measure(dataset, arguments.steps, arguments.device))
        ours.append(our_images_per_second(dataset, images, seeds, arguments.steps, arguments.device))
    print(
        f"{arguments.device}, {os.cpu_count()} cores, torch {torch.__version__}, python {platform.python_version()}, "
        f"ifp {ifp.__version__}\n"
    )
    print("| network | seeds at once | against | images/s | ifp, images/s | ratio |\n|---|---|---|---|---|---|")
    for name, theirs in found.items():
        ratios = [our / one for our, one in zip(ours, theirs, strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(
            f"| conv, batch {BATCH} | {seeds} | {name} | {statistics.median(theirs):.0f} | "
            f"{statistics.median(ours):.0f} | {spread} |"
        )


if __name__ == "__main__":
    main()
