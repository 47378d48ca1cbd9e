"""What a run of GANs will cost, measured on the machine before anything is written."""

from __future__ import annotations

from ifp.adversarial.evaluation import record
from ifp.adversarial.setup import GanSetup
from ifp.adversarial.trainer import GanTrainer, fresh_gan
from ifp.annealing.training_cost import MEASURED_STEPS
from ifp.system.progress import Progress, silent
from ifp.system.timing import measured_seconds
from ifp.training.chunks import borders, kernel_threads
from ifp.training.cost import MOST_SECONDS, WARM_UP_STEPS, TrainCost, information_seconds, load_a_part
from ifp.training.evaluation import IMAGES, Nmi, PosteriorNmi, make_evaluation


def gan_cost(
    setup: GanSetup, progress: Progress = silent, *, nmi: Nmi | None = None, posterior_nmi: PosteriorNmi | None = None
) -> TrainCost:
    """Measure what `setup` would take from its first step to its last; a part of the images stands for all.

    `nmi`, `posterior_nmi` : what each record measures, as `ifp.adversarial.run.train_gans` is given it.
    """
    config, dataset = setup.config, setup.dataset
    everything = dataset.listed_images
    images, image_seconds = load_a_part(setup, progress)
    state = fresh_gan(config, setup.objective, setup.networks, 0)
    trainer = GanTrainer(config, setup.objective, setup.networks, images, 0, state)
    progress("Measuring a few steps", 0, 1)
    with kernel_threads(setup.kernel_threads):
        trainer.run(1)
        warm_up = measured_seconds(lambda: trainer.run(WARM_UP_STEPS), setup.device) / WARM_UP_STEPS
        steps = max(1, min(MEASURED_STEPS, int(MOST_SECONDS / max(warm_up, 1e-6))))
        step_seconds = measured_seconds(lambda: trainer.run(steps), setup.device) / steps
        evaluation = make_evaluation(dataset, config, images, progress)
        record_seconds = measured_seconds(lambda: record(evaluation, trainer, None, None), setup.device)
    count = min(IMAGES, everything)
    record_seconds += information_seconds(evaluation, count, config.latents, nmi, posterior_nmi)
    progress("Measuring a few steps", 1, 1)
    return TrainCost(
        networks=config.seeds,
        steps=config.steps,
        chunk=1,
        chunks_at_once=1,
        images_per_second=config.batch / step_seconds,
        record_seconds=record_seconds,
        image_seconds=image_seconds,
        seconds=image_seconds + config.seeds * (config.steps * step_seconds + len(borders(config)) * record_seconds),
        image_bytes=min(config.images or everything, everything) * dataset.num_pixels,
    )
