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
from ifp.system.workers import Workers, uncounted
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
    workers: Workers | None = None,
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
    workers : of a cluster; None for this process.

    Raises
    ------
    IfpError : not enough memory, or files that cannot be written.
    """
    seeds = take_up(folder, say, only)
    images_per_second = None
    if seeds:
        if setup.idle_latents:
            say(idle_warning(setup.idle_latents, setup.config.latents))
        if workers is not None:
            from ifp.training.elsewhere import train_elsewhere

            folder.open()
            images_per_second = train_elsewhere(
                setup, folder, seeds, workers,
                nmi=nmi, posterior_nmi=posterior_nmi, initial=initial, progress=progress, say=say,
            )  # fmt: skip
            return outcome_of(folder, images_per_second)
        images = load_training_images(setup, progress)
        say(images.describe())
        evaluation = make_evaluation(setup.dataset, setup.config, images, progress)
        folder.open()
        images_per_second = _train_here(
            seeds,
            ChunkTraining(setup, folder, images, evaluation, nmi, posterior_nmi, initial, uncounted, say),
            progress,
        )
    return outcome_of(folder, images_per_second)


def _train_here(seeds: Sequence[int], training: ChunkTraining, progress: Progress) -> float:
    """Train these networks to their end in this process; returns images per second."""
    setup, folder = training.setup, training.folder
    total = setup.config.steps * len(seeds)
    begun, started = sum(map(folder.step, seeds)), time.perf_counter()
    done = begun

    def count(steps: int) -> None:
        nonlocal done
        done += steps  # from several threads: only the display can be a little off
        progress("Training (network-steps)", min(done, total), total)

    count(0)
    training.count = count
    chunks = divide(seeds, folder.step, setup)
    threads = setup.threads if setup.device.type == "cpu" and setup.network.twin_alone else 1
    devices = slots(str(setup.device), threads)
    pool = DevicePool(devices)

    def train_on(chunk: Sequence[int], stop: Callable[[], bool]) -> None:
        with pool.lent() as device:
            training.train_halving(device, chunk, stop)

    jobs = [partial(train_on, chunk) for chunk in chunks]
    if (setup.device.type == "cpu" and setup.network.twin_alone) or len(devices) > 1:
        run_jobs(jobs, len(devices), lambda none: None)
    else:
        with kernel_threads(folder.threads):
            for job in jobs:
                job(lambda: False)
    return (done - begun) * setup.config.batch / (time.perf_counter() - started)


@dataclass(eq=False)
class ChunkTraining:
    """Trains chunks of networks of a run, recording into its folder.

    Attributes
    ----------
    count : called with the network-steps done since the last call. The others are those of `train`.
    """

    setup: Setup
    folder: TrainFolder
    images: TrainingImages
    evaluation: Evaluation
    nmi: Nmi | None
    posterior_nmi: PosteriorNmi | None
    initial: Initial | None
    count: Callable[[int], None]
    say: Say

    @cached_property
    def statistics(self) -> PixelStatistics:
        return self.images.statistics(self.setup.config.pixel_likelihood)

    def train_halving(self, device: str, chunk: Sequence[int], stop: Callable[[], bool]) -> None:
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
                self.train_halving(device, together, stop)

    def _train_chunk(self, device: str, chunk: Sequence[int], stop: Callable[[], bool]) -> None:
        setup, config = self.setup, self.setup.config
        images, evaluation = self.images.to(device), self.evaluation.to(device)
        states = [self._state(seed) for seed in chunk]
        trainer = setup.trainer(config, setup.objective, setup.network, images, chunk, states, say=self.say)
        for border in borders(config):
            if border <= trainer.step:
                continue
            trainer = self._reseeded(trainer)
            while trainer.step < border:
                if stop():
                    raise Stopped
                before = trainer.step
                trainer.run(min(BLOCK, border - trainer.step))
                self.count((trainer.step - before) * len(trainer.seeds))
            left = self._record(trainer, evaluation)
            if not left:
                return
            if len(left) < len(trainer.seeds):
                rows = [trainer.seeds.index(seed) for seed in left]
                states = [trainer.state_of(row) for row in rows]
                trainer = setup.trainer(config, setup.objective, setup.network, images, left, states, say=self.say)

    def _say_emptied(self, seed: int, record: TrainRecord) -> None:
        """Warn of latents that emptied since the record before under a loss that asks nothing of empty ones."""
        records = self.folder.records.of_seed.get(seed)
        watched = self.setup.objective.may_empty_latents(record.step - 1, self.setup.config.steps)
        if records and watched and (emptied := emptied_latents(records[-1], record)):
            self.say(emptied_warning(seed, emptied, records[-1], record))

    def _reseeded(self, trainer: Trainer) -> Trainer:
        """The networks with their idle latents started anew, after a record; the same whether resumed there or not."""
        setup = self.setup
        nats = setup.objective.reseeded_nats(trainer.step, setup.config.steps)
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
        return setup.trainer(
            setup.config, setup.objective, setup.network, trainer.images, trainer.seeds, states, say=self.say
        )

    def _state(self, seed: int) -> MemberState:
        found, setup = self.folder.state(seed), self.setup
        if found is None and self.initial is not None:
            return self.initial(seed)
        fresh = fresh_member(setup.config, setup.objective, setup.network, self.statistics, seed)
        return fresh if found is None else self.folder.checked_state(seed, found, fresh)

    def _give_up(self, seed: int, step: int) -> None:
        """Note that a network diverged before this step."""
        give_up(self.folder, seed, step, self.say)

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
                self._give_up(seed, trainer.step)
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
