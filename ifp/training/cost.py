"""What a training run will cost, measured on the machine before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch

from ifp.annealing.training_cost import MEASURED_STEPS
from ifp.datasets.base import FactorDataset
from ifp.objectives.base import Objective
from ifp.seeds import numpy_generator
from ifp.system.progress import Progress, silent
from ifp.system.timing import duration_in_words, measured_seconds
from ifp.training.chunks import borders, divide, kernel_threads
from ifp.training.config import TrainConfig
from ifp.training.evaluation import IMAGES, Evaluation, Nmi, PosteriorNmi, make_evaluation
from ifp.training.images import TrainingImages, load_images
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


class HasImages(Protocol):
    """The setup of a run, as far as reading its images goes."""

    @property
    def dataset(self) -> FactorDataset: ...
    @property
    def config(self) -> TrainConfig: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def probability(self) -> Callable[[np.ndarray], np.ndarray] | None: ...


@dataclass(frozen=True)
class TrainCost:
    """The cost of a whole run, from at most 20 steps and a record of its first chunk of networks.

    Attributes
    ----------
    networks, steps : networks, and optimizer steps of each.
    chunk : networks trained as one batch. chunks_at_once : such batches at work at once.
    images_per_second : through training steps, of all networks together.
    seconds : in all, images and records included. record_seconds : of one record of one chunk.
    image_seconds : of rendering the images; a packed file of all images that has yet to be written is not counted.
    image_bytes : memory of the images, one byte per pixel.
    stretches : steps that cost alike, how many and the seconds of one, of a chunk; several where a term of the loss
        comes at some steps only.
    """

    networks: int
    steps: int
    chunk: int
    chunks_at_once: int
    images_per_second: float
    record_seconds: float
    image_seconds: float
    seconds: float
    image_bytes: int
    stretches: tuple[tuple[int, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """The cost in a few lines."""
        together = f"{self.chunk} per batch" if self.chunk > 1 else "one at a time"
        if self.chunks_at_once > 1:
            together += f", {self.chunks_at_once} batches at once"
        unlike = [f"{steps:,} steps of {seconds:.2g} s" for steps, seconds in self.stretches]
        parts = f"{' and '.join(unlike)}, with the objective's late or rare term\n" if len(unlike) > 1 else ""
        return (
            f"{self.networks} network{'s' * (self.networks != 1)}, {self.steps:,} steps each, {together}\n{parts}"
            f"{self.images_per_second:,.0f} images per second in training, {self.record_seconds:.2g} s per record: "
            f"about {duration_in_words(self.seconds)}\n"
            f"{self.image_bytes / 2**20:,.0f} MiB of images, {duration_in_words(self.image_seconds)} to render them"
        )


def train_cost(
    setup: Setup, progress: Progress = silent, *, nmi: Nmi | None = None, posterior_nmi: PosteriorNmi | None = None
) -> TrainCost:
    """Measure what `setup` would take from its first step to its last; a part of the images stands for all.

    `nmi`, `posterior_nmi` : what each record measures of every network, as `ifp.training.run.train` is given it.
    """
    config, dataset = setup.config, setup.dataset
    everything = dataset.listed_images
    images, image_seconds = load_a_part(setup, progress)
    chunks = divide(range(config.seeds), lambda seed: 0, setup)
    alone = setup.kernel_threads > 1 or setup.device.type != "cpu"
    at_once = 1 if alone else min(setup.threads, len(chunks))
    statistics = images.statistics(config.pixel_likelihood)

    def trainer_of(objective: Objective, batch: int) -> Trainer:
        states = [fresh_member(config, objective, setup.network, statistics, seed) for seed in chunks[0]]
        return setup.trainer(replace(config, batch=batch), objective, setup.network, images, chunks[0], states)

    stretches: list[tuple[int, float]] = []
    progress("Measuring a few steps", 0, 1)
    with kernel_threads(setup.kernel_threads):
        for steps, objective in setup.objective.stretches(config.steps):
            of_one, trainer = _step_seconds(partial(trainer_of, objective), config.batch, setup.device)
            stretches.append((steps, of_one))
        step_seconds = sum(steps * of_one for steps, of_one in stretches) / config.steps
        # a record of a part of the images stands for that of all; to encode and decode one is a third of a step
        each = step_seconds / config.batch / 3
        recorded = int(np.clip(MOST_SECONDS / 2 / max(each, 1e-9), FEWEST_RECORDED, MEASURED_IMAGES))
        evaluation = make_evaluation(dataset, config, images, progress, recorded)
        share = min(IMAGES, everything) / min(recorded, everything)
        encoding_seconds = measured_seconds(lambda: evaluation.records(trainer, None), setup.device) * share
    network_seconds = information_seconds(evaluation, min(IMAGES, everything), config.latents, nmi, posterior_nmi)
    record_seconds = encoding_seconds + len(chunks[0]) * network_seconds
    progress("Measuring a few steps", 1, 1)
    rounds = -(-len(chunks) // at_once)
    return TrainCost(
        networks=config.seeds,
        steps=config.steps,
        chunk=len(chunks[0]),
        chunks_at_once=at_once,
        images_per_second=len(chunks[0]) * at_once * config.batch / step_seconds,
        record_seconds=record_seconds,
        image_seconds=image_seconds,
        seconds=image_seconds + rounds * (config.steps * step_seconds + len(borders(config)) * record_seconds),
        image_bytes=min(config.images or everything, everything) * dataset.num_pixels,
        stretches=tuple(stretches),
    )


def load_a_part(setup: HasImages, progress: Progress) -> tuple[TrainingImages, float]:
    """Some images to measure on, and the seconds that rendering the run's own and those of its records takes."""
    config, dataset = setup.config, setup.dataset
    everything = dataset.listed_images
    parts: list[TrainingImages] = []

    def load(count: int) -> None:
        parts.append(
            load_images(dataset, count, config.seed, setup.device, probability=setup.probability, progress=progress)
        )

    most = min(config.images or MEASURED_IMAGES, MEASURED_IMAGES)
    first = max(1, min(most, everything) // 8)
    load(first)  # files are opened, and what they hold is kept, by the first images
    each = measured_seconds(lambda: load(most), setup.device) / len(parts[-1])
    all_packed = not 0 < config.images < everything and (hasattr(dataset, "packed") or hasattr(dataset, "grid"))
    count = 0 if all_packed else min(config.images or everything, everything)
    if not config.evaluate_correlated:
        count += min(IMAGES, everything)
    return parts[-1], each * count


def information_seconds(
    evaluation: Evaluation, count: int, latents: int, nmi: Nmi | None, posterior_nmi: PosteriorNmi | None
) -> float:
    """Seconds that a record of one network measures information on factors, from `count` codes drawn for it."""
    if not evaluation.sizes:
        return 0.0
    mean_ND = numpy_generator(0, "train", "cost").normal(size=(count, latents))
    factors_NF = np.resize(evaluation.factors_NF, (count, len(evaluation.sizes)))

    def measure() -> None:
        if nmi is not None:
            nmi(mean_ND, factors_NF, evaluation.sizes)
        if posterior_nmi is not None:
            posterior_nmi(mean_ND, np.full_like(mean_ND, -2.0), factors_NF, evaluation.sizes)

    measure()  # the first call is slower than the others
    return measured_seconds(measure, "cpu")


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
