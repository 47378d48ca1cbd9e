"""A whole training run: images, networks, records and checkpoints, from wherever it was left.

On a CPU, networks of fully connected layers train in as many chunks as there are threads, a thread each, so that no
bit depends on how they were divided. Convolutional ones train one after the other, all threads at work in each kernel.
On GPUs there is one chunk for each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from ifp.formats import RUNNING
from ifp.networks.fully_connected import PixelStatistics
from ifp.system.devices import DevicePool, slots
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.threads import Stopped, run_jobs
from ifp.training.chunks import borders, divide, kernel_threads
from ifp.training.evaluation import Evaluation, Nmi, PosteriorNmi, make_evaluation
from ifp.training.folder import TrainFolder
from ifp.training.images import TrainingImages
from ifp.training.outcome import Outcome, give_up, outcome_of, take_up
from ifp.training.records import TrainRecord
from ifp.training.reseed import reseed
from ifp.training.setup import Setup, load_training_images
from ifp.training.stages import emptied_latents, emptied_warning, empty_warning, idle_warning
from ifp.training.state import MemberState
from ifp.training.trainer import BLOCK, Trainer, fresh_member, generator

RESEED_IMAGES = 512
"""Images on which the KL of latents that start anew is set."""

Initial = Callable[[int], MemberState]


def train(
    setup: Setup,
    folder: TrainFolder,
    *,
    nmi: Nmi | None = None,
    posterior_nmi: PosteriorNmi | None = None,
    initial: Initial | None = None,
    only: Sequence[int] | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
) -> Outcome:
    """Train what `folder` has not finished, recording into it.

    Parameters
    ----------
    only : the seeds that are trained in this call, the others stay as they are; None for all that are unfinished.
    nmi, posterior_nmi : measure the information on factors of latents' means, and of latents as sampled, for the
        records; None records none.
    initial : gives the network, at step 0, that each seed begins with; None for fresh ones.

    Raises
    ------
    IfpError : not enough memory, or files that cannot be written.
    """
    seeds = take_up(folder, say, only)
    images_per_second = None
    if seeds:
        if setup.idle_latents:
            say(idle_warning(setup.idle_latents, setup.config.latents))
        images = load_training_images(setup, progress)
        say(images.describe())
        evaluation = make_evaluation(setup.dataset, setup.config, images, progress)
        run = _Run(setup, folder, images, evaluation, nmi, posterior_nmi, initial, progress, say)
        folder.open()
        images_per_second = run.train(seeds)
    return outcome_of(folder, images_per_second)


@dataclass(eq=False)
class _Run:
    setup: Setup
    folder: TrainFolder
    images: TrainingImages
    evaluation: Evaluation
    nmi: Nmi | None
    posterior_nmi: PosteriorNmi | None
    initial: Initial | None
    progress: Progress
    say: Say
    done: int = 0
    total: int = 0

    @cached_property
    def statistics(self) -> PixelStatistics:
        return self.images.statistics(self.setup.config.pixel_likelihood)

    def train(self, seeds: Sequence[int]) -> float:
        """Train these networks to their end; returns images per second."""
        setup = self.setup
        self.total = setup.config.steps * len(seeds)
        begun, started = sum(map(self.folder.step, seeds)), time.perf_counter()
        self.done = begun
        self.progress("Training (network-steps)", self.done, self.total)
        chunks = divide(seeds, self.folder.step, setup)
        threads = setup.threads if setup.device.type == "cpu" and setup.network.twin_alone else 1
        devices = slots(str(setup.device), threads)
        pool = DevicePool(devices)
        jobs = [partial(self._train_on, pool, chunk) for chunk in chunks]
        if (setup.device.type == "cpu" and setup.network.twin_alone) or len(devices) > 1:
            run_jobs(jobs, len(devices), lambda none: None)
        else:
            with kernel_threads(self.folder.threads):
                for job in jobs:
                    job(lambda: False)
        return (self.done - begun) * setup.config.batch / (time.perf_counter() - started)

    def _train_on(self, pool: DevicePool, chunk: Sequence[int], stop: Callable[[], bool]) -> None:
        """Train a chunk on a device that is free."""
        with pool.lent() as device:
            self._train_halving(device, chunk, stop)

    def _train_halving(self, device: str, chunk: Sequence[int], stop: Callable[[], bool]) -> None:
        """Train a chunk; out of memory, go on from its last records in two halves."""
        try:
            self._train_chunk(device, chunk, stop)
            return
        except (MemoryError, torch.OutOfMemoryError):
            left = [seed for seed in chunk if self.folder.status(seed) == RUNNING]
            if len(left) < 2:
                raise
        half = len(left) // 2
        self.say(f"Out of memory with {len(chunk)} networks per chunk: trying {len(left) - half}.")
        for part in (left[:half], left[half:]):
            for together in divide(part, self.folder.step, self.setup):
                self._train_halving(device, together, stop)

    def _train_chunk(self, device: str, chunk: Sequence[int], stop: Callable[[], bool]) -> None:
        setup, config = self.setup, self.setup.config
        images, evaluation = self.images.to(device), self.evaluation.to(device)
        states = [self._state(seed) for seed in chunk]
        trainer = Trainer(config, setup.objective, setup.network, images, chunk, states, say=self.say)
        for border in borders(config):
            if border <= trainer.step:
                continue
            trainer = self._reseeded(trainer)
            while trainer.step < border:
                if stop():
                    raise Stopped
                before = trainer.step
                trainer.run(min(BLOCK, border - trainer.step))
                self.done += (trainer.step - before) * len(trainer.seeds)
                self.progress("Training (network-steps)", min(self.done, self.total), self.total)
            left = self._record(trainer, evaluation)
            if not left:
                return
            if len(left) < len(trainer.seeds):
                rows = [trainer.seeds.index(seed) for seed in left]
                states = [trainer.state_of(row) for row in rows]
                trainer = Trainer(config, setup.objective, setup.network, images, left, states, say=self.say)

    def _say_emptied(self, seed: int, record: TrainRecord) -> None:
        """Warn of latents that emptied since the record before under a loss that asks nothing of empty ones."""
        records = self.folder.records.of_seed.get(seed)
        watched = self.setup.objective.may_empty_latents(record.step - 1, self.setup.config.steps)
        if records and watched and (emptied := emptied_latents(records[-1], record)):
            self.say(emptied_warning(seed, emptied, records[-1], record))

    def _reseeded(self, trainer: Trainer) -> Trainer:
        """The networks with their idle latents started anew, after a record; the same whether resumed there or not."""
        setup, nats = self.setup, self.setup.objective.reseeded_nats
        if not nats or not trainer.step:
            return trainer
        count = min(RESEED_IMAGES, len(self.evaluation.images))
        images_NP = self.evaluation.images.at(torch.arange(count)[None])[0]
        states = [
            reseed(
                trainer.state_of(row), self.folder.records.of_seed[seed][-1].kl_nats, nats, setup.network,
                self.statistics, images_NP, generator(setup.config, seed, "reseed", trainer.step),
            )
            for row, seed in enumerate(trainer.seeds)
        ]  # fmt: skip
        return Trainer(
            setup.config, setup.objective, setup.network, trainer.images, trainer.seeds, states, say=self.say
        )

    def _state(self, seed: int) -> MemberState:
        found = self.folder.state(seed)
        if found is not None:
            return found
        if self.initial is not None:
            return self.initial(seed)
        setup = self.setup
        return fresh_member(setup.config, setup.objective, setup.network, self.statistics, seed)

    def _record(self, trainer: Trainer, evaluation: Evaluation) -> list[int]:
        """Record every member; the seeds that go on."""
        config = self.setup.config
        every = config.checkpoint_every
        checkpoint = trainer.step == config.steps or bool(every and trainer.step % every == 0)
        left: list[int] = []
        emptied: dict[int, list[int]] = {}
        for row, (seed, record) in enumerate(
            zip(trainer.seeds, evaluation.records(trainer, self.nmi, self.posterior_nmi), strict=True)
        ):
            state = trainer.state_of(row)
            if record is None or not state.is_finite():
                give_up(self.folder, seed, trainer.step, self.say)
                self.total -= config.steps - trainer.step
            else:
                before = self.folder.empty_stages(seed)
                self._say_emptied(seed, record)
                self.folder.keep(seed, state, record, checkpoint=checkpoint)
                left.append(seed)
                for stage in self.folder.empty_stages(seed):
                    if stage not in before:
                        emptied.setdefault(stage, []).append(seed)
        for stage, seeds in emptied.items():
            self.say(empty_warning(stage, seeds, self.folder.records.of_seed[seeds[0]], self.folder.groups))
        return left
