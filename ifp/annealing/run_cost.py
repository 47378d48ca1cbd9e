"""What a run will cost before it starts: curves, steps, minutes, memory."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ifp.annealing.config import AnnealConfig
from ifp.annealing.members import Member, data_of
from ifp.annealing.plan import (
    Cell,
    directions,
    exact_chunk_size,
    exact_directions,
    exact_latents,
    is_exact,
    trains,
)
from ifp.annealing.training_cost import TrainingCost, training_cost
from ifp.errors import counted
from ifp.exact.annealing import exact_annealing
from ifp.system.progress import Progress, silent
from ifp.system.threads import single_threaded_kernels
from ifp.system.timing import duration_in_words
from ifp.theory.flat import is_flat
from ifp.trace import Key

FAST_SECONDS = 1.0
"""If one exact curve takes less than this, a batch is timed as well, from which it is seen what traversals share."""
TIMED_TOGETHER = 4
"""The size of that batch: timing a whole chunk takes longer than it tells."""
SHARED = 0.5
"""What a traversal that is not timed in a batch shares of its time with the others of its chunk, with one latent."""


@dataclass(frozen=True)
class RunCost:
    """The cost of what a run has still to do.

    Attributes
    ----------
    traversals : of the whole run.
    exact_traversals, exact_seconds : exact curves to compute, and the seconds they take; None if not measured.
    exact_at_least : whether the measurement was cut short, so that it may take longer.
    rendered : traversals that the estimate was made from, None for all.
    training : None when nothing is to be trained.
    """

    traversals: int
    exact_traversals: int
    exact_seconds: float | None
    training: TrainingCost | None
    exact_at_least: bool = False
    rendered: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """The cost in a few lines."""
        lines = [f"{counted(self.traversals, 'traversal')}: closed-form edges, milliseconds each"]
        if self.exact_traversals:
            how = "at least" if self.exact_at_least else "about"
            about = f", {how} {duration_in_words(self.exact_seconds)}" if self.exact_seconds is not None else ""
            lines.append(f"{counted(self.exact_traversals, 'traversal')}: exact curves{about}")
        if self.training:
            cost = self.training
            rates = ", ".join(f"{rate:,.0f} with {size}" for size, rate in cost.rates.items())
            lines.append(
                f"{counted(cost.members, 'member')} to train, at most {cost.steps:,} member-steps, "
                f"about {duration_in_words(cost.seconds)} at most where no other process wants the cores, "
                f"{cost.bytes_needed / 2**20:,.0f} MiB"
            )
            lines.append(
                f"member-steps per second and thread, of the factor with most work: {rates} members per chunk; taking "
                f"{cost.chunk}"
            )
        if self.rendered is not None and self.rendered < self.traversals:
            lines.append(f"estimated from {self.rendered} of the traversals")
        return "\n".join(lines)


def run_cost(
    cells: Sequence[Cell],
    config: AnnealConfig,
    finished: Collection[Key],
    *,
    device: str,
    threads: int,
    time_exact: bool,
    most_seconds: float = math.inf,
    progress: Progress = silent,
) -> RunCost:
    """Measure what the curves that are not yet `finished` will take.

    Parameters
    ----------
    most_seconds : of measuring exact curves, and again of training; what is left then is extrapolated.
    """
    done = set(finished)
    branch = exact_directions(config)[0]
    cells_left = [c for c in cells if not is_flat(c.images)]
    exact = [c for c in cells_left if is_exact(config) and (c.factor, c.context, 0, "exact", branch) not in done]
    members = [
        # the edges do not matter for the time a step takes
        Member(c.factor, c.context, seed, direction, c.images, 1.0, 1.0)
        for c in cells_left
        for seed in range(config.seeds)
        for direction in directions(config)
        if trains(config) and (c.factor, c.context, seed, "train", direction) not in done
    ]
    exact_seconds, at_least = None, False
    if time_exact and exact:
        exact_seconds, at_least = _exact_seconds(exact, config, device, threads, progress, most_seconds)
    training = None
    if members:
        progress("Measuring a few steps", 0, 1)
        training = training_cost(members, data_of(members, config), config, device, threads, most_seconds)
        progress("Measuring a few steps", 1, 1)
    rendered = len({id(c.images) for c in cells})
    return RunCost(len(cells), len(exact), exact_seconds, training, at_least, rendered)


def _exact_seconds(
    cells: Sequence[Cell], config: AnnealConfig, device: str, threads: int, progress: Progress, most_seconds: float
) -> tuple[float, bool]:
    """Seconds for all exact curves, and whether they are a lower bound.

    From one traversal of each factor on one thread, and a batch where that is fast. Factors that were not reached in
    time count as the mean of the others.
    """
    of_factor: dict[str, list[Cell]] = {}
    for cell in cells:
        of_factor.setdefault(cell.factor, []).append(cell)
    deadline = time.perf_counter() + most_seconds
    each_of: list[float] = []
    at_least = False
    with single_threaded_kernels():
        for number, group in enumerate(of_factor.values()):
            if each_of and time.perf_counter() > deadline:
                break
            progress("Measuring exact curves", number, len(of_factor))
            each, cut_short = _seconds_each(group[:1], config, device, deadline)
            together = min(len(group), exact_chunk_size(len(group[0].images)))
            if not cut_short and together > 1:
                alone, shared = each, SHARED * each if exact_latents(config) == 1 else 0.0
                if alone < FAST_SECONDS and len(group) >= TIMED_TOGETHER:
                    batch, too_long = _seconds_each(group[:TIMED_TOGETHER], config, device, deadline)
                    if not too_long:
                        shared = _shared_seconds(alone, batch)
                each = alone - shared + shared / together
            each_of.append(each)
            at_least |= cut_short
    # factors for which there was no time count as the mean: the measuring is over
    progress("Measuring exact curves", len(of_factor), len(of_factor))
    mean = sum(each_of) / len(each_of)
    each_of += [mean] * (len(of_factor) - len(each_of))
    seconds = sum(each * len(group) for each, group in zip(each_of, of_factor.values(), strict=True))
    return seconds / (threads if device == "cpu" else 1), at_least


def _shared_seconds(alone: float, batch: float) -> float:
    """What a batch takes however many traversals are in it, by the seconds of one alone and of each of a small batch.

    >>> round(_shared_seconds(0.5, 0.2), 3)  # four take 0.4 s, and 0.1 s each
    0.4
    """
    return min(max((alone - batch) * TIMED_TOGETHER / (TIMED_TOGETHER - 1), 0.0), alone)


class _TooLong(Exception):
    """The time for measuring is over."""


def _seconds_each(cells: Sequence[Cell], config: AnnealConfig, device: str, deadline: float) -> tuple[float, bool]:
    """Seconds per traversal, and whether the deadline cut the measurement short."""
    started = time.perf_counter()

    def check(text: str, done: int, total: int) -> None:
        if time.perf_counter() > deadline:
            raise _TooLong

    cut_short = False
    try:
        exact_annealing(
            [c.images for c in cells],
            config.pixel_likelihood,
            latents=exact_latents(config),
            threshold_nats=config.threshold_nats,
            device=device,
            progress=check,
        )
    except _TooLong:
        cut_short = True
    return (time.perf_counter() - started) / len(cells), cut_short
