"""CPU seconds of a training step with the topological term against the same step without it, and of the measure.

All sides in turn in one process, one thread, medians: a loaded machine slows all alike. Prints the table for
RESULTS.md. Needs the extra `ifp[topology]`.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import ifp
from ifp.datasets.catalog import load_dataset
from ifp.topology.latents import direction_differences
from ifp.training.config import TrainConfig
from ifp.training.setup import load_training_images, set_up
from ifp.training.trainer import Trainer, fresh_member

ROUNDS, STEPS = 7, 3
WARM_UP = 60
"""Steps before the measured ones, so that the decoder draws more than the mean image."""
SIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "beta": ("beta", {}),
    "topdis, lite": ("topdis", {"topology": "lite", "delay": 0.0}),
    "topdis, full": ("topdis", {"delay": 0.0}),
    "topdis, full, surgery": ("topdis", {"delay": 0.0, "surgery": True}),
}


def trainer_of(objective: str, options: dict[str, Any], architecture: str) -> Trainer:
    """One network on sprites, batches of 64, warm."""
    dataset = load_dataset("sprites")
    config = TrainConfig(
        dataset="sprites", objective=objective, options=options, architecture=architecture, images=512, steps=2000
    )
    setup = set_up(dataset, config, device="cpu", threads=1)
    images = load_training_images(setup)
    fresh = fresh_member(config, setup.objective, setup.network, images.statistics(config.pixel_likelihood), 0)
    trainer = Trainer(config, setup.objective, setup.network, images, [0], [fresh])
    trainer.run(WARM_UP if architecture == "mlp" else WARM_UP // 5)
    return trainer


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    where = platform.processor() or platform.machine()
    print(
        f"{where}, python {platform.python_version()}, torch {torch.__version__}, ifp {ifp.__version__}, one thread\n"
    )
    print("| step, batch 64 | CPU seconds | ratio to beta (its range over rounds) |\n|---|---|---|")
    for architecture in ("mlp", "conv"):
        trainers = {name: trainer_of(*side, architecture) for name, side in SIDES.items()}
        seconds: dict[str, list[float]] = {name: [] for name in trainers}
        for _ in range(ROUNDS):
            for name, trainer in trainers.items():
                seconds[name].append(cpu_seconds(lambda one=trainer: one.run(STEPS)) / STEPS)  # type: ignore[misc]
        for name, values in seconds.items():
            ratios = [value / base for value, base in zip(values, seconds["beta"], strict=True)]
            shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"| {architecture}, {name} | {statistics.median(values):.3f} | {shown} |", flush=True)
    weight = torch.randn(10, 576, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z_RBD = np.random.default_rng(0).normal(size=(3, 64, 10))
    for topology in ("lite", "full"):

        def measure(topology: str = topology) -> object:
            return direction_differences(lambda z: (z @ weight).sigmoid(), z_RBD, np.eye(10)[:3], topology=topology)

        measure()
        each = statistics.median(cpu_seconds(measure) for _ in range(ROUNDS)) / 9
        print(f"| measure, {topology}: 64 codes, one latent, up and down | {each:.4f} | |", flush=True)


if __name__ == "__main__":
    main()
