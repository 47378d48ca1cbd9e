"""GANs with informative codes on a known answer, and what a step of one costs beside a VAE's.

    python benchmarks/gan.py [--steps 2000] [--seeds 2]

Two bars move, each in its half of 8 x 8 images (36 images). After so many steps each of two codes should hold one
bar: the information bound H - NLL of both codes on generated images, D's accuracy, and the largest absolute
correlation of each bar's place with a code's mean on real images. The same for InfoGAN, and for the
independence-constrained GAN with both estimators of total correlation. Costs are CPU seconds on one thread, a step of
the convolutional GAN at 64 x 64 and batch 64 against one of the beta-VAE, in turn, medians.
"""

from __future__ import annotations

import argparse
import platform
import time
from typing import Any

import numpy as np
import torch

import ifp
from ifp.adversarial.evaluation import record, recover
from ifp.adversarial.setup import GanSetup, set_up_gan
from ifp.adversarial.trainer import GanTrainer, fresh_gan
from ifp.datasets.base import FactorDataset
from ifp.training.config import TrainConfig
from ifp.training.evaluation import make_evaluation
from ifp.training.setup import load_training_images, set_up
from ifp.training.trainer import Trainer, fresh_member

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "infogan": ("infogan", {}),
    "ic-gan, mws": ("ic-gan", {}),
    "ic-gan, ratio": ("ic-gan", {"tc": "ratio", "tc_weight": 0.1, "ratio_hidden": 256, "ratio_layers": 3}),
}


def two_bars(side: int = 8, length: int = 3) -> FactorDataset:
    """Images of two bars, each in its half."""
    places = side - length + 1
    factors = np.stack(np.unravel_index(np.arange(places**2), (places, places)), axis=1)
    images = np.zeros((len(factors), side, side), dtype=np.uint8)
    for image, (upper, lower) in zip(images, factors, strict=True):
        image[: side // 2, upper : upper + length] = 255
        image[side // 2 :, lower : lower + length] = 255
    return ifp.dataset(images, factors, ["upper", "lower"])


def trainer_of(setup: GanSetup) -> GanTrainer:
    """A fresh GAN."""
    state = fresh_gan(setup.config, setup.objective, setup.networks, 0)
    return GanTrainer(setup.config, setup.objective, setup.networks, setup.images(), 0, state)


def known_answer(steps: int, seeds: int) -> None:
    """Print what each case holds after so many steps."""
    data = two_bars()
    print("| | seed | both bounds > 0.5 nat from step | bounds, nats | D | largest correlations | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, (objective, options) in CASES.items():
        for seed in range(seeds):
            config = TrainConfig(
                dataset="two bars", objective=objective, options={"info_weight": 0.3, "noise": 1, **options},
                architecture="mlp", hidden=64, latents=2, steps=steps, records=1, learning_rate=1e-3, seed=seed,
            )  # fmt: skip
            trainer = trainer_of(set_up_gan(data, config, device="cpu", threads=1))
            evaluation = make_evaluation(data, config, trainer.images, lambda *_: None)
            started, reached = time.process_time(), None
            while trainer.step < steps:
                trainer.run(min(100, steps - trainer.step))
                found = record(evaluation, trainer, None, None)
                assert found is not None
                above = bool(found.bound_nats.min() > 0.5)
                reached = (reached or trainer.step) if above else None
            spent = time.process_time() - started
            real = recover(
                trainer.networks, trainer.arrays, evaluation.images.at(torch.arange(len(evaluation.images))[None])[0]
            )
            both = np.corrcoef(real.mean_ND.numpy(), evaluation.factors_NF, rowvar=False)[:2, 2:]
            bounds = ", ".join(f"{bound:.2f}" for bound in found.bound_nats)
            largest = ", ".join(f"{value:.2f}" for value in np.abs(both).max(axis=0))
            print(
                f"| {name} | {seed} | {reached or '-'} | {bounds} | {found.d_accuracy:.2f} | {largest} | {spent:.1f} |"
            )


def cost() -> None:
    """Print the CPU seconds of a step of each network, in turn."""
    data = ifp.load_dataset("sprites")
    usual = {"dataset": "sprites", "images": 256, "steps": 100, "latents": 5, "architecture": "conv"}
    vae = set_up(data, TrainConfig(**usual), device="cpu", threads=1)
    images = load_training_images(vae)
    statistics = images.statistics(vae.config.pixel_likelihood)
    trainers: dict[str, Any] = {
        "beta-VAE": Trainer(
            vae.config, vae.objective, vae.network, images, [0],
            [fresh_member(vae.config, vae.objective, vae.network, statistics, 0)],
        )
    }  # fmt: skip
    for name, options in (("infogan", {}), ("ic-gan, mws", {}), ("ic-gan, ratio (5 x 1000)", {"tc": "ratio"})):
        config = TrainConfig(**usual, objective=name.split(",")[0], options=options)
        trainers[name] = trainer_of(set_up_gan(data, config, device="cpu", threads=1))
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(7):
        for name, trainer in trainers.items():
            started = time.process_time()
            trainer.run(2)
            seconds[name].append((time.process_time() - started) / 2)
    base = np.median(seconds["beta-VAE"][1:])
    print("\n| step at 64 x 64, batch 64 | CPU s | of a beta-VAE's |")
    print("|---|---|---|")
    for name, of_steps in seconds.items():
        median = np.median(of_steps[1:])
        print(f"| {name} | {median:.3f} | {median / base:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, python {platform.python_version()}, torch {torch.__version__}\n"
    )
    known_answer(asked.steps, asked.seeds)
    cost()
