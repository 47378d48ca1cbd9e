"""GanSetup: a run of GANs whose settings fit its data and the machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ifp.adversarial.folder import GanFolder
from ifp.adversarial.networks import GanNetworks
from ifp.adversarial.objective import InfoGan, make_gan
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, bad_value
from ifp.system.cpus import granted_cpus
from ifp.system.devices import check_device
from ifp.system.progress import Progress, silent
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages, load_images
from ifp.training.setup import draw_probability


@dataclass(frozen=True, eq=False)
class GanSetup:
    """A checked run before its images are read.

    Attributes
    ----------
    config : `latents` is the number of atomic codes, `learning_rate` that of generator and Q; `likelihood` and `sigma`
        have no meaning.
    device, threads : of all kernels.
    probability : of drawing images from their positions, None for all alike.
    """

    dataset: FactorDataset
    config: TrainConfig
    objective: InfoGan
    networks: GanNetworks
    device: torch.device
    threads: int
    probability: Callable[[np.ndarray], np.ndarray] | None = None

    @property
    def kernel_threads(self) -> int:
        """Threads of one kernel, on which the rounding of sums depends."""
        return self.threads if self.device.type == "cpu" else 1

    def folder(self, path: Path) -> GanFolder:
        """The run's folder; see `ifp.training.folder.TrainFolder`."""
        return GanFolder(
            path,
            self.config,
            self.dataset,
            objective_options=dataclasses.asdict(self.objective),
            device=str(self.device),
            threads=self.kernel_threads,
        )

    def images(self, progress: Progress = silent) -> TrainingImages:
        """The run's real images on its device."""
        count, seed = self.config.images, self.config.seed
        return load_images(self.dataset, count, seed, self.device, probability=self.probability, progress=progress)


def set_up_gan(
    dataset: FactorDataset, config: TrainConfig, *, device: str = "auto", threads: int | None = None
) -> GanSetup:
    """Check everything that can be checked before the images are read.

    Parameters
    ----------
    threads : on a CPU; None for PyTorch's own number, at most the CPUs granted.

    Raises
    ------
    IfpError : an option, architecture, device or correlation that does not suit the data or the settings.
    """
    where = torch.device(check_device(device))
    if config.precision != "float32":
        raise IfpError(f"A GAN is trained in float32, got {config.precision}; leave `precision` out.")
    objective = make_gan(config.objective, **config.options)
    if config.batch < max(2, config.latents if objective.learns_ratio else 2):
        least = max(2, config.latents if objective.learns_ratio else 2)
        raise bad_value("batch", config.batch, f"at least {least} for {config.objective}")
    if objective.law and objective.hold_steps >= config.steps:
        raise bad_value("hold_steps", objective.hold_steps, f"below the number of steps, {config.steps}")
    networks = GanNetworks(
        dataset.image_shape, config.architecture, config.hidden, config.latents, objective.noise,
        objective.complex_codes,
    )  # fmt: skip
    return GanSetup(
        dataset,
        config,
        objective,
        networks,
        where,
        threads or min(torch.get_num_threads(), granted_cpus()),
        draw_probability(dataset, config),
    )
