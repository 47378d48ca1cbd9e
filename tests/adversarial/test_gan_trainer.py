"""Steps of a GAN: who learns from what, the signs of the losses, and a known answer that training must find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ifp.adversarial.evaluation import record
from ifp.adversarial.networks import GENERATOR
from ifp.adversarial.objective import make_gan
from ifp.adversarial.setup import GanSetup
from ifp.adversarial.trainer import GanTrainer, fresh_gan
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.objectives.base import ADVERSARY
from ifp.training.evaluation import make_evaluation
from tests.adversarial.conftest import gan_setup

SMALL_RATIO = {"tc": "ratio", "tc_weight": 0.1, "ratio_hidden": 16, "ratio_layers": 2}


def trainer_of(setup: GanSetup) -> GanTrainer:
    config, seed = setup.config, 0
    state = fresh_gan(config, setup.objective, setup.networks, seed)
    return GanTrainer(config, setup.objective, setup.networks, setup.images(), seed, state)


def one_step(dataset: FactorDataset, **options: Any) -> dict[str, Tensor]:
    """What every array is after one step."""
    trainer = trainer_of(gan_setup(dataset, options=options))
    trainer.run(1)
    state = trainer.state_of()
    return state.parameters | state.objective


def moved_alike(one: dict[str, Tensor], other: dict[str, Tensor], prefixes: tuple[str, ...]) -> bool:
    names = [name for name in one if name.startswith(prefixes) and "weight_" not in name.replace("weight_orig", "")]
    assert names
    return all(torch.equal(one[name], other[name]) for name in names)


@pytest.mark.parametrize("trunk", ["both", "discriminator"])
def test_the_trunk_learns_from_the_information_only_where_it_is_told_to(two_bars: FactorDataset, trunk: str) -> None:
    little, much = (one_step(two_bars, trunk=trunk, info_weight=weight) for weight in (0.01, 10.0))
    assert moved_alike(little, much, ("discriminator.", "netD.")) == (trunk == "discriminator")
    assert not moved_alike(little, much, ("netG.",))


def test_total_correlation_does_not_reach_the_trunk(two_bars: FactorDataset) -> None:
    without, with_it = (one_step(two_bars, tc_weight=weight) for weight in (0.0, 10.0))
    assert moved_alike(without, with_it, ("discriminator.", "netD."))
    assert not moved_alike(without, with_it, ("netG.",))
    assert not moved_alike(without, with_it, ("netQ.",))


def test_q_learns_at_the_rate_of_the_generator_and_d_at_its_own(two_bars: FactorDataset) -> None:
    trainer = trainer_of(gan_setup(two_bars))
    before = trainer.state_of().parameters
    trainer.run(1)
    after = trainer.state_of().parameters
    for name, value in after.items():
        if name in ("netG.lin1.bias", "netG.lin2.bias"):
            continue  # the batch normalisation after them takes every shift away: no gradient but rounding
        rate = 1e-3 if name.startswith(GENERATOR) else 2e-3
        moved = (value - before[name]).abs().max().item()  # Adam's first step is its rate, whatever the gradient
        assert moved == pytest.approx(rate, rel=0.02), name


class TestRatio:
    def losses(self, dataset: FactorDataset, **options: Any) -> tuple[GanTrainer, Any]:
        trainer = trainer_of(gan_setup(dataset, "ic-gan", options={**SMALL_RATIO, **options}))
        draws = trainer._block(1)[0]

        def loss() -> tuple[Tensor, Tensor]:
            arrays = trainer.arrays
            fake = trainer.networks.generate(arrays, draws.noise_BN, draws.codes_BD, training=True)
            return trainer.generator_loss(arrays, fake, draws, 0.01)

        return trainer, loss

    def test_the_generator_wants_less_total_correlation(self, two_bars: FactorDataset) -> None:
        trainer, loss = self.losses(two_bars)
        before = loss()[0].item()
        bias = trainer._ratio_state[f"{ADVERSARY}2.bias"]
        with torch.no_grad():
            bias[..., 0] += 0.5  # t0 - t1 rises
        assert loss()[0].item() - before == pytest.approx(0.1 * 0.5, abs=1e-5)

    def test_its_own_loss_reaches_neither_generator_nor_q(self, two_bars: FactorDataset) -> None:
        trainer, loss = self.losses(two_bars)
        _, draw = loss()
        assert draw.requires_grad
        found = trainer.ratio_loss(draw, draw.roll(1, 0))
        leaves = list(trainer._leaves.values())
        assert all(gradient is None for gradient in torch.autograd.grad(found, leaves, allow_unused=True))

    def test_the_generator_does_not_teach_it(self, two_bars: FactorDataset) -> None:
        trainer, loss = self.losses(two_bars)
        leaves = list(trainer._ratio_state.values())
        assert leaves
        assert all(leaf.requires_grad for leaf in leaves)
        gradients = torch.autograd.grad(loss()[0], [*leaves, *trainer._leaves.values()], allow_unused=True)
        assert all(gradient is None for gradient in gradients[: len(leaves)])

    def test_it_learns(self, two_bars: FactorDataset) -> None:
        trainer, _ = self.losses(two_bars)
        before = {name: value.detach().clone() for name, value in trainer._ratio_state.items()}
        trainer.run(2)
        assert all(not torch.equal(before[name], value) for name, value in trainer._ratio_state.items())

    def test_it_needs_as_many_images_as_codes(self, two_bars: FactorDataset) -> None:
        with pytest.raises(IfpError, match="batch must be at least 3 for ic-gan, got 2"):
            gan_setup(two_bars, "ic-gan", latents=3, batch=2, options=SMALL_RATIO)


def test_complex_codes_are_recorded_beside_the_atomic_ones(two_bars: FactorDataset) -> None:
    setup = gan_setup(two_bars, options={"complex_codes": 3, "info_weight": 0.1})
    trainer = trainer_of(setup)
    trainer.run(2)
    evaluation = make_evaluation(two_bars, setup.config, setup.images(), lambda *_: None)
    found = record(evaluation, trainer, None, None)
    assert found is not None
    # three functions of two codes near 0 are nearly linear, hence far more dependent than the codes
    assert found.complex_tc_nats > found.gaussian_tc_nats >= 0
    assert found.nll_nats.shape == found.bound_nats.shape == (2,)
    assert 0 <= found.d_accuracy <= 1


def test_a_sweep_of_the_weight() -> None:
    sweep = make_gan("infogan", law="up-down", weight_start=1e-4, weight_end=1.0, hold_steps=100)
    weights = [sweep.weight_at(step, 1100) for step in (0, 100, 350, 600, 850, 1100)]
    assert weights == pytest.approx([1e-4, 1e-4, 1e-2, 1, 1e-2, 1e-4])
    assert [make_gan("infogan", law=law).weight_at(25, 100) for law in ("up", "down")] == pytest.approx([1e-3, 0.1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tc": "mss"}, "mws, ratio"),
        ({"info_weight": -1}, "info_weight must be a number of at least 0, got -1"),
        ({"law": "up", "weight_start": 2.0}, "weight_start must be below weight_end, 1, got 2.0"),
        ({"beta1": 1.0}, "beta1 must be between 0 and 1"),
        ({"gamma": 1}, "option of infogan"),
        ({"noise": 2.5}, "noise must be a whole number"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        make_gan("infogan", **options)


@pytest.mark.parametrize("objective", ["infogan", "ic-gan"])
def test_two_bars_are_found(two_bars: FactorDataset, objective: str) -> None:
    """Within 2,000 steps both codes hold more than 0.5 nat of generated images, and D is neither blind nor sure.

    benchmarks/gan.py trains to step 2,000 and beyond, at several seeds.
    """
    setup = gan_setup(two_bars, objective, steps=2000, options={"info_weight": 0.3, "noise": 1})
    trainer, images = trainer_of(setup), setup.images()
    evaluation = make_evaluation(two_bars, setup.config, images, lambda *_: None)
    while trainer.step < 2000:
        trainer.run(100)
        found = record(evaluation, trainer, histogram_nmi, None)
        assert found is not None
        if found.bound_nats.min() > 0.5 and 0.5 <= found.d_accuracy <= 0.95:
            return
    pytest.fail(f"bounds of {found.bound_nats} nat, D right in {found.d_accuracy:.0%}")


def test_a_network_of_another_seed_differs(two_bars: FactorDataset) -> None:
    setup = gan_setup(two_bars)
    one, other = (fresh_gan(setup.config, setup.objective, setup.networks, seed).parameters for seed in (0, 1))
    again = fresh_gan(replace(setup.config, steps=7), setup.objective, setup.networks, 0).parameters
    assert not torch.equal(one["netG.lin1.weight"], other["netG.lin1.weight"])
    assert torch.equal(one["netG.lin1.weight"], again["netG.lin1.weight"])
