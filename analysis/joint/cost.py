"""What measuring the codes of a study will cost, extrapolated from made-up codes of few latents in some seconds.

Shapes: N images, D latents.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ifp.analysis.joint.held import held_nats
from ifp.analysis.joint.measure import measure_mi
from ifp.analysis.joint.prepared import COOL, JointStudy
from ifp.analysis.joint.search import MARGIN, STRIDE
from ifp.checkpoints.posteriors import Sample
from ifp.codes import Codes
from ifp.system.timing import duration_in_words
from ifp.training.codes_folder import IMAGES
from ifp.training.cost import TrainCost
from ifp.training.evaluation import IMAGES as EVALUATED
from ifp.training.setup import Setup

MOST_SECONDS = 8.0
"""Seconds for measuring, before the rest is extrapolated."""
FEWEST_LATENTS = 8
"""Number of latents with which measuring begins; it goes on with twice as many as long as there is time."""
STEEPEST = 3.0
"""Highest power of the number of latents with which time is taken to grow: of a classifier on all their products."""


@dataclass(frozen=True)
class WholeCost:
    """What an annealing of a whole data set takes.

    Attributes
    ----------
    training : of one direction. directions : "cool", and "heat" where the networks are heated too.
    measuring_seconds : of measuring information afterwards.
    """

    training: TrainCost
    directions: tuple[str, ...]
    measuring_seconds: float

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        seconds = len(self.directions) * self.training.seconds + self.measuring_seconds
        return {
            **self.training.to_json(), "directions": list(self.directions), "seconds_all": seconds,
            "measuring_seconds": self.measuring_seconds,
        }  # fmt: skip

    def text(self) -> str:
        """The cost in a few lines."""
        again = ", and as much again for heating" if len(self.directions) > 1 else ""
        measuring = duration_in_words(self.measuring_seconds)
        return f"{self.training.text()}{again}\nabout {measuring} to measure information afterwards"


def measuring_seconds(study: JointStudy, *, most_seconds: float = MOST_SECONDS) -> float:
    """Seconds that measuring the whole run takes on one core, about.

    Parameters
    ----------
    most_seconds : of measuring; what is left then, latents or factors, is extrapolated from what was measured. One
        factor of `FEWEST_LATENTS` latents is measured in any case.
    """
    setup = study.setups[COOL]
    config, dataset = setup.config, setup.dataset
    # the images themselves are not needed, and may take long to render
    sample = Sample(np.empty((0, *dataset.image_shape)), dataset.sample_images(IMAGES, config.seed)[0], dataset)
    mean_ND = np.random.default_rng(0).standard_normal((len(sample.positions_NF), config.latents))

    def codes_of(latents: int) -> Codes:
        return sample.codes(mean_ND[:, :latents], np.full((len(mean_ND), latents), -1.0))

    def held_of(factor: int, latents: int) -> float:
        return held_nats(codes_of(latents), factor)

    begun = time.perf_counter()
    mi = seconds_of_all(lambda d: measure_mi(codes_of(d), config.seed), config.latents, most_seconds / 2)
    factors = len(codes_of(1).factor_names)
    of_factors: list[float] = []
    for factor in range(factors):
        left = most_seconds - (time.perf_counter() - begun)
        if of_factors and left <= 0:
            break
        share = left / (factors - factor)
        of_factors.append(seconds_of_all(partial(held_of, factor), config.latents, share))
    held = sum(of_factors) * factors / max(len(of_factors), 1)
    records = config.records / STRIDE + STRIDE + 2 * MARGIN
    return (mi * config.records + held * records * len(study.folders)) * config.seeds


def seconds_of_all(work: Callable[[int], object], size: int, most_seconds: float) -> float:
    """Seconds of `work(size)`: measured, or extrapolated by a power law from the largest size for which there is time.

    The power is that of the last two sizes, from 1 to 3; 2 where only one was measured.

    >>> 0.02 <= seconds_of_all(lambda n: time.sleep(n / 1000), 20, 10.0) < 0.2
    True
    """
    measured: list[tuple[int, float]] = []
    now, spent = min(FEWEST_LATENTS, size), 0.0
    while True:
        started = time.perf_counter()
        work(now)
        measured.append((now, time.perf_counter() - started))
        spent += measured[-1][1]
        # twice as many may take eight times as long
        if now == size or spent + 2**STEEPEST * measured[-1][1] > most_seconds:
            break
        now = min(2 * now, size)
    last, seconds = measured[-1]
    power = 2.0
    if len(measured) > 1:
        before, seconds_before = measured[-2]
        power = math.log(max(seconds, 1e-9) / max(seconds_before, 1e-9)) / math.log(last / before)
    return seconds * (size / last) ** min(max(power, 1.0), STEEPEST)


@dataclass(frozen=True)
class ResponseCost:
    """What multi-rate networks on a whole data set take.

    Attributes
    ----------
    training : of all networks. reading_seconds : of reading them at every beta afterwards, on one core.
    """

    training: TrainCost
    reading_seconds: float

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            **self.training.to_json(), "reading_seconds": self.reading_seconds,
            "seconds_all": self.training.seconds + self.reading_seconds,
        }  # fmt: skip

    def text(self) -> str:
        """The cost in a few lines."""
        reading = duration_in_words(self.reading_seconds)
        return f"{self.training.text()}\nabout {reading} to read the networks at all betas afterwards"


def response_reading_seconds(setup: Setup, training: TrainCost) -> float:
    """Seconds of reading all networks at every beta, about: passes as in training, and information on the factors."""
    config, dataset = setup.config, setup.dataset
    betas = int(config.options["betas"])
    sample = Sample(np.empty((0, *dataset.image_shape)), dataset.sample_images(IMAGES, config.seed)[0], dataset)
    mean_ND = np.random.default_rng(0).standard_normal((len(sample.positions_NF), config.latents))
    # to encode a kept image is a sixth of a step of one, to encode and decode one that is evaluated a third
    passes = betas * (len(sample.positions_NF) / 6 + EVALUATED / 3) / training.images_per_second
    factors = len(dataset.space.names) if dataset.labelled else 0

    def held(latents: int) -> float:
        return held_nats(sample.codes(mean_ND[:, :latents], np.full((len(mean_ND), latents), -1.0)), 0)

    each = seconds_of_all(held, config.latents, MOST_SECONDS / 2) if factors else 0.0
    records = betas / STRIDE + STRIDE + 2 * MARGIN
    return (passes + factors * records * each) * config.seeds
