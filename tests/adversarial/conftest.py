"""Two bars that move, each in its half of the image: the known answer for GANs with informative codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ifp
from ifp.adversarial.setup import GanSetup, set_up_gan
from ifp.datasets.base import FactorDataset
from ifp.training.config import TrainConfig

SIDE, LENGTH = 8, 3
PLACES = SIDE - LENGTH + 1


@pytest.fixture(scope="session")
def two_bars() -> FactorDataset:
    """36 images of 8 x 8: where a bar lies in the upper half, and where one lies in the lower half."""
    factors = np.stack(np.unravel_index(np.arange(PLACES**2), (PLACES, PLACES)), axis=1)
    images = np.zeros((len(factors), SIDE, SIDE), dtype=np.uint8)
    for image, (upper, lower) in zip(images, factors, strict=True):
        image[: SIDE // 2, upper : upper + LENGTH] = 255
        image[SIDE // 2 :, lower : lower + LENGTH] = 255
    return ifp.dataset(images, factors, ["upper", "lower"])


def gan_setup(dataset: FactorDataset, objective: str = "infogan", **changes: Any) -> GanSetup:
    """A small fully connected GAN with two codes on one thread."""
    small = {"architecture": "mlp", "hidden": 64, "latents": 2, "steps": 40, "records": 4, "learning_rate": 1e-3}
    config = TrainConfig(dataset=dataset.name, objective=objective, **{**small, **changes})
    return set_up_gan(dataset, config, device="cpu", threads=1)
