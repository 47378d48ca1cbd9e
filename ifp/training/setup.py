"""Setup: a training run whose settings fit its data, its objective and the machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ifp.datasets.base import FactorDataset
from ifp.datasets.regime import correlated_sampler
from ifp.networks.fully_connected import Network
from ifp.objectives.base import Objective
from ifp.objectives.deft_pressures import published_options
from ifp.objectives.registry import describe_options, make_objective
from ifp.system.cpus import granted_cpus
from ifp.system.devices import check_device
from ifp.system.precision import check_precision
from ifp.system.progress import Progress, silent
from ifp.training.config import TrainConfig
from ifp.training.folder import TrainFolder
from ifp.training.images import TrainingImages, load_images
from ifp.training.stages import idle_latents
from ifp.training.trainer import Trainer, make_network


@dataclass(frozen=True, eq=False)
class Setup:
    """A checked run before its images are read.

    Attributes
    ----------
    device : there, and good for the precision. threads : at work at once.
    probability : of drawing images from their positions, None for all alike.
    trainer : what trains the networks.
    """

    dataset: FactorDataset
    config: TrainConfig
    objective: Objective
    network: Network
    device: torch.device
    threads: int
    probability: Callable[[np.ndarray], np.ndarray] | None = None
    trainer: type[Trainer] = Trainer

    @property
    def kernel_threads(self) -> int:
        """Threads of one kernel, on which the rounding of convolutions depends."""
        return self.threads if self.device.type == "cpu" and not self.network.twin_alone else 1

    @property
    def idle_latents(self) -> list[int]:
        """Latents that give the prior to the end, because the stages are fewer than the groups."""
        return idle_latents(self.objective, self.config.latents, self.config.steps)

    def folder(self, path: Path) -> TrainFolder:
        """The run's folder; see `TrainFolder`."""
        return TrainFolder(
            path,
            self.config,
            self.dataset,
            objective_options=describe_options(self.objective),
            groups=self.objective.groups(self.config.latents),
            idle_latents=self.idle_latents,
            device=str(self.device),
            threads=self.kernel_threads,
        )


def set_up(dataset: FactorDataset, config: TrainConfig, *, device: str = "auto", threads: int | None = None) -> Setup:
    """Check everything that can be checked before the images are read.

    Parameters
    ----------
    dataset : its name need not be that of the config.
    threads : on a CPU; None for PyTorch's own number, at most the CPUs granted.

    Raises
    ------
    IfpError : an objective, network, device or correlation that does not suit the data or the settings.
    """
    where = torch.device(check_device(device))
    check_precision(config.precision, str(where))
    if config.objective == "deft" and "betas" not in config.options:
        # the objective's own pressures are those of dSprites
        published = published_options(config.dataset, config.steps, likelihood=config.likelihood)
        config = replace(config, options={"betas": list(published["betas"]), **config.options})
    objective = make_objective(config.objective, **config.options)
    objective.check(config.latents, config.steps)
    objective.check_batch(config.batch)
    network = make_network(config, objective, dataset.image_shape)
    return Setup(
        dataset,
        config,
        objective,
        network,
        where,
        threads or min(torch.get_num_threads(), granted_cpus()),
        draw_probability(dataset, config),
    )


def draw_probability(dataset: FactorDataset, config: TrainConfig) -> Callable[[np.ndarray], np.ndarray] | None:
    """What draws training images from their positions, None where all are alike."""
    if not config.correlate:
        return dataset.training_probabilities()
    return correlated_sampler(dataset, config.correlate, config.inverse).image_probabilities


def load_training_images(setup: Setup, progress: Progress = silent) -> TrainingImages:
    """The run's images on its device; see `load_images`."""
    config = setup.config
    return load_images(
        setup.dataset, config.images, config.seed, setup.device, probability=setup.probability, progress=progress
    )
