"""Sweeps of what trains networks: annealing by training, and training on whole data sets.

Shapes: M members, N images, P pixels, K steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from growth_sweep import Sweep, Work

from ifp.annealing.config import preset_config
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import record_block, start_chunk, train_block
from ifp.datasets.arrays import ArrayDataset
from ifp.seeds import numpy_generator
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.setup import set_up
from ifp.training.trainer import Trainer, fresh_member

LATENTS_OF_TRAINING = 10
DATA_IMAGES = 2048
"""Images of a made-up data set; training draws its batches from them."""


def random_images(count: int, pixels: int, square: bool = False) -> np.ndarray:
    """Images [N, 1, H, W] in which no two pixels are alike, so that nothing can be left out."""
    shape = (1, int(pixels**0.5), int(pixels**0.5)) if square else (1, 1, pixels)
    return numpy_generator(0, "benchmarks", "growth").integers(0, 256, (count, *shape), dtype=np.uint8)


def annealing(
    architecture: str, *, members: int = 4, images: int = 32, pixels: int = 256, hidden: int = 64, latents: int = 1,
    batch: int = 64, steps: int = 20, record: bool = True,
) -> tuple[Work, float]:  # fmt: skip
    """A block of steps of one chunk of members, with the record at its end."""
    pixels_NCHW = random_images(images, pixels, square=architecture == "conv")
    chosen = [Member("factor", (place,), 0, "cool", pixels_NCHW, 100.0, 105.0) for place in range(members)]
    config = preset_config(
        "standard", dataset="sprites", architecture=architecture, hidden=hidden, latents=latents, batch=batch
    )
    chunk = start_chunk(chosen, data_of(chosen, config), config, "cpu")
    beta_KM = np.full((steps, members), 50.0)
    return partial(record_block if record else train_block, chunk, beta_KM), steps


def training(
    architecture: str, *, networks: int = 4, pixels: int = 1024, hidden: int = 256, latents: int = LATENTS_OF_TRAINING,
    batch: int = 64, steps: int = 2,
) -> tuple[Work, float]:  # fmt: skip
    """Some steps of networks that train as one batch on a whole data set, without a record."""
    images_NCHW = random_images(DATA_IMAGES, pixels, square=architecture == "conv")
    config = TrainConfig(
        dataset="made up", architecture=architecture, hidden=hidden, latents=latents, batch=batch, seeds=networks,
        steps=100_000, options={"beta": 4.0},
    )  # fmt: skip
    positions_NF = np.arange(DATA_IMAGES)[:, None]
    setup = set_up(_Described(images_NCHW.shape[1:]), config, device="cpu", threads=1)  # type: ignore[arg-type]
    images = TrainingImages(
        torch.from_numpy(images_NCHW.reshape(DATA_IMAGES, -1)), setup.dataset.image_shape, positions_NF
    )
    known = images.statistics(config.pixel_likelihood)
    states = [fresh_member(config, setup.objective, setup.network, known, seed) for seed in range(networks)]
    trainer = Trainer(config, setup.objective, setup.network, images, range(networks), states)
    return partial(trainer.run, steps), steps


class _Described(ArrayDataset):
    """What a setup asks of a data set that was made up: the shape of its images, and that all are drawn alike."""

    def __init__(self, image_shape: tuple[int, ...]) -> None:
        self.image_shape = image_shape  # type: ignore[assignment]

    def training_probabilities(self) -> None:
        return None


def sweeps() -> list[Sweep]:
    """All of them."""

    def varied(part: str, call: Callable[..., tuple[Work, float]], unit: str) -> Callable[..., Sweep]:
        def sweep(quantity: str, name: str, sizes: tuple[int, ...], **others: int) -> Sweep:
            return Sweep(part, quantity, sizes, unit, lambda size: call(**others, **{name: size}))

        return sweep

    mlp = varied("annealing, mlp", partial(annealing, "mlp"), "s per step of a chunk")
    conv = varied("annealing, conv", partial(annealing, "conv", pixels=4096), "s per step of a chunk")
    whole = varied("training, mlp", partial(training, "mlp"), "s per step of a batch")
    whole_conv = varied("training, conv", partial(training, "conv", pixels=4096), "s per step of a batch")
    return [
        mlp("members of a chunk", "members", doubling(1, 6)),
        mlp("images of the traversal", "images", doubling(16, 6)),
        mlp("pixels", "pixels", doubling(64, 6)),
        mlp("hidden units", "hidden", doubling(16, 6)),
        mlp("latents", "latents", doubling(1, 6)),
        mlp("images per step", "batch", doubling(16, 6), images=16),
        conv("members of a chunk", "members", doubling(1, 5), batch=16, images=16, steps=1, record=False),
        conv("images of the traversal", "images", doubling(8, 5), members=1, batch=32, steps=5),
        conv("latents", "latents", doubling(1, 5), members=1, steps=1, record=False),
        conv("images per step", "batch", doubling(8, 5), members=1, images=8, steps=1, record=False),
        whole("networks", "networks", doubling(1, 5)),
        whole("images per step", "batch", doubling(32, 5)),
        whole("pixels", "pixels", doubling(256, 6)),
        whole("hidden units", "hidden", doubling(32, 6)),
        whole("latents", "latents", doubling(4, 6)),
        whole_conv("images per step", "batch", doubling(8, 5), networks=1, steps=1),
    ]


def doubling(first: int, count: int) -> tuple[int, ...]:
    """A geometric series of ratio 2."""
    return tuple(first * 2**place for place in range(count))
