"""What a training run will cost, measured on the machine before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ifp.annealing.training_cost import MEASURED_STEPS
from ifp.system.progress import Progress, silent
from ifp.system.timing import duration_in_words, measured_seconds
from ifp.training.chunks import borders, divide, kernel_threads
from ifp.training.evaluation import IMAGES, make_evaluation
from ifp.training.images import load_images
from ifp.training.setup import Setup
from ifp.training.trainer import Trainer, fresh_member

WARM_UP_STEPS = 2
"""Steps before those whose time counts."""
MEASURED_IMAGES = 512
"""Images to train and to record on while measuring."""
MOST_SECONDS = 6.0
"""Maximum seconds of measured steps, so that a dry run ends within half a minute whatever it estimates."""
PROBE_BATCH = 16
"""Images per step of the first measured steps; from their time follows how large a batch can be measured."""
FEWEST_RECORDED = 32
"""Fewest images of a measured record."""


@dataclass(frozen=True)
class TrainCost:
    """The cost of a whole run, from at most 20 steps and a record of its first chunk of networks.

    Attributes
    ----------
    networks, steps : networks, and optimizer steps of each.
    chunk : networks trained as one batch. chunks_at_once : such batches at work at once.
    images_per_second : through training steps, of all networks together.
    seconds : in all, records included. record_seconds : of one record of one chunk.
    image_bytes : memory of the images, one byte per pixel.
    """

    networks: int
    steps: int
    chunk: int
    chunks_at_once: int
    images_per_second: float
    record_seconds: float
    seconds: float
    image_bytes: int

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """The cost in a few lines."""
        together = f"{self.chunk} per batch" if self.chunk > 1 else "one at a time"
        if self.chunks_at_once > 1:
            together += f", {self.chunks_at_once} batches at once"
        return (
            f"{self.networks} networks, {self.steps:,} steps each, {together}\n"
            f"{self.images_per_second:,.0f} images per second in training, {self.record_seconds:.2g} s per record: "
            f"about {duration_in_words(self.seconds)}\n"
            f"{self.image_bytes / 2**20:,.0f} MiB of images"
        )


def train_cost(setup: Setup, progress: Progress = silent) -> TrainCost:
    """Measure what `setup` would take from its first step to its last; a part of the images stands for all."""
    config, dataset = setup.config, setup.dataset
    everything = dataset.listed_images
    images = load_images(
        dataset, min(config.images or MEASURED_IMAGES, MEASURED_IMAGES), config.seed, setup.device,
        probability=setup.probability, progress=progress,
    )  # fmt: skip
    chunks = divide(range(config.seeds), lambda seed: 0, setup)
    alone = setup.kernel_threads > 1 or setup.device.type != "cpu"
    at_once = 1 if alone else min(setup.threads, len(chunks))
    statistics = images.statistics(config.pixel_likelihood)

    def trainer_of(batch: int) -> Trainer:
        states = [fresh_member(config, setup.objective, setup.network, statistics, seed) for seed in chunks[0]]
        return Trainer(replace(config, batch=batch), setup.objective, setup.network, images, chunks[0], states)

    progress("Measuring a few steps", 0, 1)
    with kernel_threads(setup.kernel_threads):
        step_seconds, trainer = _step_seconds(trainer_of, config.batch, setup.device)
        # a record of a part of the images stands for that of all; to encode and decode one is a third of a step
        each = step_seconds / config.batch / 3
        recorded = int(np.clip(MOST_SECONDS / 2 / max(each, 1e-9), FEWEST_RECORDED, MEASURED_IMAGES))
        evaluation = make_evaluation(dataset, config, images, progress, recorded)
        share = min(IMAGES, everything) / min(recorded, everything)
        record_seconds = measured_seconds(lambda: evaluation.records(trainer, None), setup.device) * share
    progress("Measuring a few steps", 1, 1)
    rounds = -(-len(chunks) // at_once)
    return TrainCost(
        networks=config.seeds,
        steps=config.steps,
        chunk=len(chunks[0]),
        chunks_at_once=at_once,
        images_per_second=len(chunks[0]) * at_once * config.batch / step_seconds,
        record_seconds=record_seconds,
        seconds=rounds * (config.steps * step_seconds + len(borders(config)) * record_seconds),
        image_bytes=min(config.images or everything, everything) * dataset.num_pixels,
    )


def _step_seconds(trainer_of: Callable[[int], Trainer], batch: int, device: torch.device) -> tuple[float, Trainer]:
    """Seconds of a step, and a trainer that has made some.

    Where steps of the whole batch would take too long, those of a part of it are measured, and the time is taken to
    grow from the probe's in a straight line.
    """
    size = min(batch, PROBE_BATCH)
    probe = trainer_of(size)
    probe.run(1)
    of_probe = measured_seconds(lambda: probe.run(1), device)
    # the first step, the warm-up, and at least one that is measured
    fits = int(MOST_SECONDS / (WARM_UP_STEPS + 2) / max(of_probe / size, 1e-9))
    if fits < size:
        return of_probe * batch / size, probe
    part = min(batch, fits)
    trainer = trainer_of(part)
    trainer.run(1)
    warm_up = measured_seconds(lambda: trainer.run(WARM_UP_STEPS), device) / WARM_UP_STEPS
    steps = max(1, min(MEASURED_STEPS, int(MOST_SECONDS / max(warm_up, 1e-6))))
    of_part = measured_seconds(lambda: trainer.run(steps), device) / steps
    if part == batch:
        return of_part, trainer
    rise = max(of_part - of_probe, 0.0) / (part - size) if part > size else of_probe / size
    return of_part + rise * (batch - part), trainer
