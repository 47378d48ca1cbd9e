"""The arithmetic of a training step: a plain loop, the collapsed state, learning rates by prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.datasets.catalog import load_dataset
from ifp.likelihood import Bernoulli, binary_entropy_nats
from ifp.networks.losses import gaussian_kl_nats
from ifp.objectives.base import Batch, Objective, State
from ifp.training.images import load_images
from ifp.training.trainer import Trainer, fresh_member, generator

from .small_runs import config_for, run_into, setup_for


def test_steps_are_those_of_a_plain_loop(bars: str) -> None:
    config = config_for(bars, options={"beta": 3.0})
    setup = setup_for(config)
    images = load_images(setup.dataset, 0, 0, "cpu")
    fresh = fresh_member(config, setup.objective, setup.network, images.statistics(Bernoulli()), 5)
    trainer = Trainer(config, setup.objective, setup.network, images, [5], [fresh])
    trainer.run(4)

    trained = {n: v.clone().requires_grad_(not n.endswith(("_P", "scale"))) for n, v in fresh.parameters.items()}
    leaves = [v for v in trained.values() if v.requires_grad]
    adam = torch.optim.Adam(leaves, lr=config.learning_rate)
    index_KB = images.draw(generator(config, 5, "images"), 4, 32)
    noise_KBD = torch.randn((4, 32, 4), generator=generator(config, 5, "noise"))
    p = trained
    for k in range(4):
        x = images.bytes_NP[index_KB[k]].float() / 255
        h = F.relu(((x - p["mean_P"]) * p["input_scale_P"]) @ p["encoder.0.weight"] + p["encoder.0.bias"])
        h = F.relu(h @ p["encoder.1.weight"] + p["encoder.1.bias"])
        mean = h @ p["encoder.mean.weight"] + p["encoder.mean.bias"]
        logvar = h @ p["encoder.logvar.weight"] + p["encoder.logvar.bias"]
        h = mean + (logvar / 2).exp() * noise_KBD[k]
        for layer in ("0", "1"):
            h = F.relu(h @ p[f"decoder.{layer}.weight"] + p[f"decoder.{layer}.bias"])
        out = h @ p["decoder.out.weight"] + p["decoder.out.bias"]
        recon = (F.softplus(out) - x * out).sum() / 32
        kl = gaussian_kl_nats(mean, logvar).sum() / 32
        adam.zero_grad()
        (recon + 3.0 * kl).backward()
        adam.step()
    found = trainer.state_of(0).parameters
    for name, value in trained.items():
        torch.testing.assert_close(found[name], value.detach(), rtol=1e-4, atol=2e-6, msg=name)


def test_at_a_huge_pressure_the_collapsed_state_costs_the_entropy_of_the_mean_image(bars: str, tmp_path: Path) -> None:
    config = config_for(bars, options={"beta": 1000.0}, steps=600, records=2, learning_rate=1e-3)
    folder, _ = run_into(tmp_path / "run", config)
    images = load_images(load_dataset(bars), 0, 0, "cpu").at(torch.arange(18)[None])[0].numpy()
    expected = binary_entropy_nats(images.mean(0).astype(np.float64)).sum()
    last = folder.records.of_seed[0][-1]
    assert last.kl_nats.sum() < 1e-3
    # constant pixels start at a logit of -6 and cost ln(1 + e^-6) each until they have fallen further
    constant = (images == images[:1]).all(0).sum()
    assert expected - 1e-6 <= last.recon_nats <= expected + constant * np.log1p(np.exp(-6)) + 0.1


@dataclass(frozen=True)
class Switching(Objective):
    """Rates that change at step 5; beta is 1."""

    name: ClassVar[str] = "switching"

    def penalty(self, batch: Batch, state: State) -> Tensor:
        return batch.kl_M

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        return 1.0

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        return {"encoder.": 0.1, "encoder.1.": 1.0} if step < 5 else {"encoder.": 0.0, "decoder.": 0.5}


def test_rates_multiply_learning_rates_and_changing_them_keeps_what_adam_remembers(bars: str) -> None:
    config = config_for(bars)
    setup = replace(setup_for(config), objective=Switching())
    images = load_images(setup.dataset, 0, 0, "cpu")
    state = fresh_member(config, setup.objective, setup.network, images.statistics(Bernoulli()), 0)
    # a decoder that starts apart from z would leave the encoder without a gradient
    state.parameters["decoder.out.weight"] += 0.1
    trainer = Trainer(config, setup.objective, setup.network, images, [0], [state])
    trainer.run(1)
    first = trainer.state_of(0)
    for name, rate in [("encoder.0.weight", 0.1), ("encoder.1.weight", 1.0), ("decoder.1.weight", 1.0)]:
        moved = (first.parameters[name] - state.parameters[name]).abs()
        # Adam's first step is the learning rate wherever the gradient is far above its epsilon
        torch.testing.assert_close(float(moved.max()), config.learning_rate * rate, rtol=1e-2, atol=0)
    trainer.run(4)
    before = trainer.state_of(0)
    trainer.run(1)
    after = trainer.state_of(0)
    for name in before.moments:
        same = torch.equal(before.parameters[name], after.parameters[name])
        assert same == name.startswith("encoder."), name
        assert float(after.moments[name]["step"]) == (5 if name.startswith("encoder.") else 6)
        assert torch.equal(before.moments[name]["exp_avg"], after.moments[name]["exp_avg"]) == same
