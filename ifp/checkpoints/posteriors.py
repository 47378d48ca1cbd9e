"""What a model says of a data set's images: posteriors, and the reconstruction where there is a decoder.

Shapes: N images, B images of a batch, C H W channels, rows, columns, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ifp.checkpoints.vae import Vae
from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.datasets.joint_sampler import FactorSampler
from ifp.errors import IfpError
from ifp.seeds import derive_seed, numpy_generator
from ifp.system.progress import Progress

BATCH = 250
Encode = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Sample:
    """N images of a data set, and where they lie in it.

    Attributes
    ----------
    regime : how their factors were drawn, as `FactorSampler.describe` says it; empty where all images are alike.
    """

    images_NCHW: np.ndarray
    positions_NF: np.ndarray
    dataset: FactorDataset
    regime: dict[str, Any] = field(default_factory=dict)

    def codes(self, mean_ND: np.ndarray, logvar_ND: np.ndarray) -> Codes:
        """These posteriors with the images' factors; without factors where the data set has none."""
        space, labelled = self.dataset.space, self.dataset.labelled
        return Codes(
            mean_ND,
            logvar_ND,
            self.positions_NF if labelled else self.positions_NF[:, :0],
            space.names if labelled else (),
            space.sizes if labelled else (),
        )


def draw_sample(dataset: FactorDataset, count: int, seed: int, progress: Progress) -> Sample:
    """`count` images of `dataset` (all, where it has no more), uint8 [N, C, H, W]; the same for the same seed.

    Their order is chance, whatever that of the data: the first few of them, on which the self-test and the
    reconstruction rest, are a fair sample too.
    """
    positions_NF, nuisance_N = dataset.sample_images(count, seed)
    order_N = numpy_generator(seed, "order of the sample").permutation(len(positions_NF))
    positions_NF, nuisance_N = positions_NF[order_N], nuisance_N[order_N]
    return Sample(_rendered(dataset, positions_NF, nuisance_N, progress), positions_NF, dataset)


def draw_regime(dataset: FactorDataset, sampler: FactorSampler, count: int, seed: int, progress: Progress) -> Sample:
    """`count` images with factors drawn, with replacement, from `sampler`; the same for the same seed."""
    positions_NF, nuisance_N = dataset.draw_images(sampler, count, seed)
    images_NCHW = _rendered(dataset, positions_NF, nuisance_N, progress)
    return Sample(images_NCHW, positions_NF, dataset, sampler.describe())


def _rendered(
    dataset: FactorDataset, positions_NF: np.ndarray, nuisance_N: np.ndarray, progress: Progress
) -> np.ndarray:
    images = np.empty((len(positions_NF), *dataset.image_shape), dtype=np.uint8)
    for start in range(0, len(images), BATCH):
        rows = slice(start, start + BATCH)
        images[rows] = dataset.render(positions_NF[rows], nuisance_N[rows])
        progress("images", min(start + BATCH, len(images)), len(images))
    return images


def check_image_shape(vae: Vae, dataset: FactorDataset) -> None:
    """Raise IfpError unless the model takes the data set's images."""
    if vae.image_shape != dataset.image_shape:
        raise IfpError(
            f"The model takes images of shape {vae.image_shape} (channels, rows, columns), but those of {dataset.name} "
            f"are {dataset.image_shape}; name the data that it was trained on as `dataset`."
        )


def encode_images(
    encode: Encode, images_NCHW: np.ndarray, device: torch.device, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and log variance, float64 [N, D] each, of uint8 images, which the encoder sees in [0, 1]."""
    means, logvars = [], []
    with torch.inference_mode():
        for start in range(0, len(images_NCHW), BATCH):
            mean, logvar = encode(_on_device(images_NCHW[start : start + BATCH], device))
            means.append(mean.double().cpu().numpy())
            logvars.append(logvar.double().cpu().numpy())
            progress("encoding", min(start + BATCH, len(images_NCHW)), len(images_NCHW))
    return np.concatenate(means), np.concatenate(logvars)


def reconstruction_nats(
    vae: Vae, images_NCHW: np.ndarray, codes: Codes, device: torch.device, seed: int, progress: Progress
) -> tuple[float, float]:
    """The mean reconstruction cost of one draw of z per image, in nats per image, and its standard error.

    `codes` may be of more images than are given: its first rows are theirs.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "reconstruction") % 2**63)
    costs = []
    with torch.inference_mode():
        for start in range(0, len(images_NCHW), BATCH):
            rows = slice(start, min(start + BATCH, len(images_NCHW)))
            mean_BD = torch.from_numpy(codes.mean_ND[rows]).float()
            sigma_BD = torch.from_numpy(np.exp(0.5 * codes.logvar_ND[rows])).float()
            z_BD = mean_BD + sigma_BD * torch.randn(mean_BD.shape, generator=generator)
            images_BCHW = _on_device(images_NCHW[rows], device)
            costs.append(vae.reconstruction_nats(images_BCHW, z_BD.to(device)).double().cpu().numpy())
            progress("reconstruction", min(start + BATCH, len(images_NCHW)), len(images_NCHW))
    cost_N = np.concatenate(costs)
    with np.errstate(invalid="ignore"):  # a diverged decoder's costs are infinite
        return float(cost_N.mean()), float(cost_N.std() / np.sqrt(len(cost_N)))


def _on_device(images_BCHW: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(images_BCHW).to(device).float().div_(255)
