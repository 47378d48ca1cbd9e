"""bfloat16 against float32, by the same autocast path on a CPU: one pass to its rounding, trainings to their seeds.

`set_up` refuses bfloat16 without a GPU, so the trainer is driven here directly. A GPU's own products are not tested.

Shapes: M seeds, N images, D latents.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.datasets.catalog import load_dataset
from ifp.likelihood import Bernoulli
from ifp.networks.losses import gaussian_kl_nats
from ifp.training.config import TrainConfig
from ifp.training.images import load_images
from ifp.training.setup import set_up
from ifp.training.trainer import Trainer, fresh_member

ROUNDING = 2.0**-9
"""Largest relative error of a number rounded to the nearest bfloat16, which keeps 8 bits."""
SEEDS = 5


def trainers(dataset: str, *precisions: str, **changes: Any) -> list[Trainer]:
    """The same fresh networks in each precision."""
    small = {
        "architecture": "mlp", "hidden": 32, "latents": 4, "steps": 150, "records": 1, "batch": 32, "seeds": SEEDS,
        "learning_rate": 1e-3,
    }  # fmt: skip
    config = TrainConfig(dataset=dataset, **{**small, **changes})
    setup = set_up(load_dataset(dataset), config, device="cpu", threads=1)
    images = load_images(setup.dataset, 0, 0, "cpu")
    statistics = images.statistics(Bernoulli())
    seeds = range(config.seeds)
    return [
        Trainer(
            replace(config, precision=precision), setup.objective, setup.network, images, seeds,
            [fresh_member(config, setup.objective, setup.network, statistics, seed) for seed in seeds],
        )
        for precision in precisions
    ]  # fmt: skip


def measured(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Reconstruction [M] and KL of each latent [M, D] of all images, nats per image."""
    count = len(trainer.images)
    generator = torch.Generator().manual_seed(0)
    noise_MND = torch.randn((1, count, 4), generator=generator).repeat(len(trainer.seeds), 1, 1)
    recon_MN, mean_MND, logvar_MND = trainer.evaluate(trainer.images.at(torch.arange(count)[None])[0], noise_MND)
    kl_MD = gaussian_kl_nats(mean_MND, logvar_MND).mean(1)
    return recon_MN.mean(1).double().numpy(), kl_MD.double().numpy()


def rounding_bound(x: Tensor, layers: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """What layers with a ReLU between them give, and the largest error of it, to first order in the rounding.

    Input, weight and result of every product are rounded; sums are not (they run in float32).
    """
    error = torch.zeros_like(x)
    for number, (weight, bias) in enumerate(layers):
        size = x.abs() @ weight.abs()
        x = x @ weight + bias
        error = error @ weight.abs() + 2 * ROUNDING * size + ROUNDING * (x.abs() + bias.abs())
        if number < len(layers) - 1:
            x = x.relu()
    return x, error


def test_one_pass_is_right_to_its_rounding(bars_npz: Path) -> None:
    plain, low = trainers(f"npz:{bars_npz}", "float32", "bfloat16")
    plain.run(150)
    p = {name: value.detach() for name, value in plain.vaes.parameters.items()}
    for name, value in low.vaes.parameters.items():
        value.detach().copy_(p[name])
    x_MBP = plain.images.at(torch.arange(18)[None].repeat(SEEDS, 1))
    whitened_MBP = (x_MBP - p["mean_P"]) * p["input_scale_P"]
    bare = [(p[f"encoder.{layer}.weight"], p[f"encoder.{layer}.bias"]) for layer in (0, 1)]
    for number, head in enumerate(("mean", "logvar")):
        layers = [*bare, (p[f"encoder.{head}.weight"], p[f"encoder.{head}.bias"])]
        expected_MBD, error_MBD = rounding_bound(whitened_MBP, layers)
        found_MBD = low._encode(x_MBP)[number].detach()
        torch.testing.assert_close(plain._encode(x_MBP)[number].detach(), expected_MBD, rtol=1e-4, atol=1e-5)
        assert found_MBD.dtype == torch.float32  # what follows the products is not rounded
        difference_MBD = (found_MBD - expected_MBD).abs()
        assert (difference_MBD <= error_MBD).all(), head
        assert difference_MBD.max() > 0  # it was bfloat16


CASES: list[tuple[str, dict[str, Any]]] = [
    ("beta", {}),
    ("annealed", {"threshold_steps": 100, "c_max": 5.0}),
    ("cascade", {"stage_steps": 40}),
    ("beta-tc", {}),
    ("factor", {"hidden": 32, "layers": 2}),
    ("dip-i", {}),
    ("dip-ii", {}),
    ("control", {"set_point_start": 4.0}),
    ("dynamic", {"set_point_start": 4.0, "beta_start": 5.0}),
    ("deft", {"betas": [3.0, 1.0], "mode": "rate"}),
    ("deft", {"betas": [3.0, 1.0], "mode": "scale"}),
    ("deft", {"betas": [3.0, 1.0], "mode": "freeze"}),
]


@pytest.mark.parametrize(("objective", "options"), CASES)
def test_a_training_differs_no_more_than_by_weights_rounded_once(
    objective: str, options: dict[str, Any], bars_npz: Path
) -> None:
    """Small differences grow in training, so the yardstick is a training in float32 from weights rounded once.

    bfloat16 rounds inputs and results as well as weights: alike in size and independent, they make three times the
    variance. Beside the seeds, whose mean is what is reported, it must not matter: at half of their deviation, 5 seeds
    do the work of 4.
    """
    precisions = ("float32", "bfloat16", "float32")
    plain, low, once = trainers(f"npz:{bars_npz}", *precisions, objective=objective, options=options)
    with torch.no_grad():
        for weights in once.vaes.adam.parameters.values():
            weights.copy_(weights.bfloat16())
    for trainer in (plain, low, once):
        trainer.run(150)
    assert bool(low.finite_R.all())
    for name, expected, found, yardstick in zip(
        ("recon", "KL"), measured(plain), measured(low), measured(once), strict=True
    ):
        by_precision, by_rounding = (np.sqrt(np.mean((other - expected) ** 2)) for other in (found, yardstick))
        between_seeds = np.sqrt(np.var(expected, axis=0, ddof=1).mean())
        assert 0 < by_precision <= np.sqrt(3) * by_rounding, name
        assert by_precision <= 0.5 * between_seeds, name
