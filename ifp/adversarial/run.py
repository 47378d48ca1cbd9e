"""A whole run of GANs: images, networks one after the other, records and checkpoints, from wherever it was left."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ifp.adversarial.evaluation import record
from ifp.adversarial.setup import GanSetup
from ifp.adversarial.trainer import GanTrainer, fresh_gan
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.training.chunks import borders, kernel_threads
from ifp.training.evaluation import Evaluation, Nmi, PosteriorNmi, make_evaluation
from ifp.training.folder import TrainFolder
from ifp.training.images import TrainingImages
from ifp.training.outcome import Outcome, give_up, outcome_of, take_up
from ifp.training.trainer import BLOCK


def train_gans(
    setup: GanSetup,
    folder: TrainFolder,
    *,
    nmi: Nmi | None = None,
    posterior_nmi: PosteriorNmi | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
) -> Outcome:
    """Train what `folder` has not finished, recording into it; see `ifp.training.run.train`.

    Raises
    ------
    IfpError : not enough memory, or files that cannot be written.
    """
    config = setup.config
    seeds = take_up(folder, say)
    images_per_second = None
    if seeds:
        images = setup.images(progress=progress)
        say(images.describe())
        evaluation = make_evaluation(setup.dataset, config, images, progress)
        run = _GanRun(setup, folder, images, evaluation, nmi, posterior_nmi, progress, say)
        folder.open()
        begun, started = sum(map(folder.step, seeds)), time.perf_counter()
        run.done, run.total = begun, config.steps * len(seeds)
        with kernel_threads(folder.threads):
            for seed in seeds:
                run.train(seed)
        images_per_second = (run.done - begun) * config.batch / (time.perf_counter() - started)
    return outcome_of(folder, images_per_second)


@dataclass(eq=False)
class _GanRun:
    setup: GanSetup
    folder: TrainFolder
    images: TrainingImages
    evaluation: Evaluation
    nmi: Nmi | None
    posterior_nmi: PosteriorNmi | None
    progress: Progress
    say: Say
    done: int = 0
    total: int = 0

    def train(self, seed: int) -> None:
        """Train one GAN to its end, or until it diverges."""
        setup, config = self.setup, self.setup.config
        fresh, found = fresh_gan(config, setup.objective, setup.networks, seed), self.folder.state(seed)
        state = fresh if found is None else self.folder.checked_state(seed, found, fresh)
        trainer = GanTrainer(config, setup.objective, setup.networks, self.images, seed, state)
        for border in borders(config):
            if border <= trainer.step:
                continue
            while trainer.step < border:
                before = trainer.step
                trainer.run(min(BLOCK, border - trainer.step))
                self.done += trainer.step - before
                self.progress("Training (network-steps)", min(self.done, self.total), self.total)
            if not self._recorded(trainer, seed):
                self.total -= config.steps - trainer.step
                return

    def _recorded(self, trainer: GanTrainer, seed: int) -> bool:
        """Record the GAN and put it away; False where it diverged."""
        config, folder = self.setup.config, self.folder
        every = config.checkpoint_every
        checkpoint = trainer.step == config.steps or bool(every and trainer.step % every == 0)
        state = trainer.state_of()
        found = record(self.evaluation, trainer, self.nmi, self.posterior_nmi) if state.is_finite() else None
        if found is not None:
            folder.keep(seed, state, found, checkpoint=checkpoint)
            return True
        give_up(folder, seed, trainer.step, self.say)
        return False
