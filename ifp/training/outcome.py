"""Outcome: how a training run ended, and what every run says and decides about its networks before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ifp.formats import DIVERGED, FINISHED
from ifp.system.progress import Say
from ifp.training.folder import TrainFolder
from ifp.training.restore import restore


@dataclass
class Outcome:
    """How a run ended: the seeds that finished, and those that diverged with the step of their last good record.

    images_per_second : of this call, records and files included; None where nothing was left to train.
    """

    finished: list[int] = field(default_factory=list)
    diverged: dict[int, int] = field(default_factory=dict)
    images_per_second: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "finished": self.finished,
            "diverged": {str(seed): step for seed, step in self.diverged.items()},
            "images_per_second": self.images_per_second,
        }


def outcome_of(folder: TrainFolder, images_per_second: float | None) -> Outcome:
    """The outcome of a run; networks that were left for later are neither finished nor diverged."""
    diverged = {seed: folder.step(seed) for seed in range(folder.config.seeds) if folder.status(seed) == DIVERGED}
    finished = [seed for seed in range(folder.config.seeds) if folder.status(seed) == FINISHED]
    return Outcome(finished, diverged, images_per_second)


def take_up(folder: TrainFolder, say: Say, only: Sequence[int] | None = None) -> list[int]:
    """The seeds (of `only`, where given) that are still to be trained; says how far, and mends files of finished ones.

    Raises
    ------
    IfpError : files cannot be written.
    """
    config = folder.config
    left = [
        seed for seed in range(config.seeds) if folder.status(seed) != DIVERGED and folder.step(seed) < config.steps
    ]
    seeds = [seed for seed in left if only is None or seed in only]
    if len(left) < config.seeds or any(map(folder.step, left)):
        say(_going_on(folder, config.seeds - len(left), seeds))
    restore(folder, say)
    return seeds


def _going_on(folder: TrainFolder, done: int, seeds: Sequence[int]) -> str:
    """How far a run that is taken up again has come; `seeds` are the networks that are trained now."""
    steps = ", ".join(f"seed {seed} from step {folder.step(seed):,}" for seed in seeds)
    return f"{done} of {folder.config.seeds} networks are done" + (f"; going on with {steps}." if steps else ".")


def give_up(folder: TrainFolder, seed: int, step: int, say: Say) -> None:
    """Note that a network diverged before `step`, and say so."""
    checkpoint = folder.set_diverged(seed)
    where = f"its last good checkpoint is {checkpoint}" if checkpoint else "it has no good checkpoint"
    say(
        f"Seed {seed} diverged between steps {folder.step(seed):,} and {step:,}: its loss is no longer a finite "
        f"number. It is stopped, {where}; try a smaller `learning_rate`."
    )
