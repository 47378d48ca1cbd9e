"""What is recorded as training goes: the posteriors and the reconstruction of a fixed sample of images.

Shapes: M members, N images, P pixels, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ifp.checkpoints.posteriors import draw_sample
from ifp.codes import kl_nats
from ifp.datasets.base import FactorDataset
from ifp.networks.fully_connected import VECTOR
from ifp.seeds import derive_seed
from ifp.system.progress import Progress
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.records import TrainRecord
from ifp.training.trainer import Trainer, generator

IMAGES = 2048
"""Images of the sample; all, once or more often, where the data set has fewer."""
ROWS = 256
"""Images evaluated at a time."""

Nmi = Callable[[np.ndarray, np.ndarray, tuple[int, ...]], np.ndarray]
"""nmi(mean_ND, factors_NF, sizes) -> normalised mutual information [D, F] of each latent's mean with each factor."""
PosteriorNmi = Callable[[np.ndarray, np.ndarray, np.ndarray, tuple[int, ...]], np.ndarray]
"""posterior_nmi(mean_ND, logvar_ND, factors_NF, sizes) -> that of each latent as sampled [D, F], above the floor."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The sample, the same for all networks and records of a run.

    Attributes
    ----------
    images : what is encoded, on the device. factors_NF : their factors, [N, 0] where nothing is known of them.
    sizes : the number of values of each factor.
    """

    images: TrainingImages
    factors_NF: np.ndarray
    sizes: tuple[int, ...]

    def to(self, device: str | torch.device) -> Evaluation:
        """The same sample on a device."""
        return replace(self, images=self.images.to(device))

    def records(
        self, trainer: Trainer, nmi: Nmi | None, posterior_nmi: PosteriorNmi | None = None
    ) -> list[TrainRecord | None]:
        """A record of each member now; None for one that is not finite."""
        config, device = trainer.config, self.images.device
        count = len(self.images)
        noise = [
            torch.randn(
                (_in_vectors(count), config.latents), device=device,
                generator=generator(config, seed, "evaluation", device=str(device)),
            )
            for seed in trainer.seeds
        ]  # fmt: skip
        noise_MND = torch.stack(noise)
        # whole vectors of images, so that a member's numbers do not depend on the others
        index_N = torch.arange(_in_vectors(count)) % count
        parts = [
            trainer.evaluate(self.images.at(index_N[None, start : start + ROWS])[0], noise_MND[:, start : start + ROWS])
            for start in range(0, len(index_N), ROWS)
        ]
        recon_MN, mean_MND, logvar_MND = (
            torch.cat(part, 1)[:, :count].cpu().double().numpy() for part in zip(*parts, strict=True)
        )
        finite_R = trainer.finite_R.cpu().numpy()
        last, stage = trainer.pressure_M(), trainer.objective.stage(max(trainer.step - 1, 0), config.steps)
        found: list[TrainRecord | None] = []
        for row in range(len(trainer.seeds)):
            mean_ND, recon = mean_MND[row], float(recon_MN[row].mean())
            with np.errstate(over="ignore", invalid="ignore"):
                kl_D = kl_nats(mean_ND, logvar_MND[row]).mean(0)
            if not (finite_R[row] and np.isfinite(kl_D).all() and np.isfinite(recon)):
                found.append(None)
                continue
            nmi_DF = np.full((config.latents, len(self.sizes)), np.nan)
            posterior_nmi_DF = nmi_DF.copy()
            if nmi is not None and self.sizes:
                nmi_DF = nmi(mean_ND, self.factors_NF, self.sizes)
            if posterior_nmi is not None and self.sizes:
                posterior_nmi_DF = posterior_nmi(mean_ND, logvar_MND[row], self.factors_NF, self.sizes)
            found.append(TrainRecord(trainer.step, last[row], stage, recon, kl_D, nmi_DF, posterior_nmi_DF))
        return found


def make_evaluation(
    dataset: FactorDataset, config: TrainConfig, images: TrainingImages, progress: Progress, count: int = IMAGES
) -> Evaluation:
    """The run's sample: drawn from the whole data set, all images alike, or as the training images where asked for.

    `count` images, or all where there are fewer.
    """
    seed = derive_seed(config.seed, "train", "evaluation")
    if config.evaluate_correlated:
        drawn = images.draw(torch.Generator().manual_seed(seed), 1, count)
        pixels = images.at(drawn)[0].mul(255).round().to(torch.uint8)
        positions_NF = images.positions_NF[drawn[0].numpy()]
    else:
        sample = draw_sample(dataset, count, seed, lambda text, done, total: progress("Images", done, total))
        pixels = torch.from_numpy(sample.images_NCHW.reshape(len(sample.images_NCHW), -1)).to(images.device)
        positions_NF = sample.positions_NF
    factors_NF = positions_NF if dataset.labelled else positions_NF[:, :0]
    return Evaluation(
        TrainingImages(pixels, dataset.image_shape, positions_NF),
        factors_NF,
        dataset.space.sizes if dataset.labelled else (),
    )


def _in_vectors(count: int) -> int:
    return -(-count // VECTOR) * VECTOR
