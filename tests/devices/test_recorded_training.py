"""Whole-data training by replays of recorded steps: the same bits as step by step, for every objective."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.likelihood import Bernoulli
from ifp.networks.fully_connected import PixelStatistics
from ifp.objectives.registry import OBJECTIVES, make_objective
from ifp.training import trainer as training
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.trainer import Trainer, fresh_member, make_network, step_noise

STEPS = 24
# every stage, rise and law begins and ends within the steps
OPTIONS = {
    "beta": {"law": "geometric", "beta_start": 4.0, "beta_end": 1.0, "law_steps": 10},
    "annealed": {"threshold_steps": 10},
    "beta-tc": {"gamma_warmup_steps": 5},
    "factor": {"hidden": 8, "layers": 2, "warmup_steps": 5},
    "control": {"set_point_every": 5},
    "dynamic": {"set_point_every": 12, "set_point_ramp": 2},
    "cascade": {"stage_steps": 5},
    "topdis": {"topology": "lite"},
}


def trained(objective: str) -> tuple[dict[str, Tensor], Trainer]:
    config = TrainConfig(
        dataset="made", objective=objective, architecture="mlp", latents=4, hidden=32, seeds=2, steps=STEPS, batch=32,
        records=1, options=OPTIONS.get(objective, {}),
    )  # fmt: skip
    made = make_objective(config.objective, **config.options)
    network = make_network(config, made, (1, 4, 8))
    pixels = np.random.default_rng(0).integers(0, 256, (50, 32), dtype=np.uint8)
    images = TrainingImages(torch.from_numpy(pixels), (1, 4, 8), np.zeros((50, 1)))
    mean_P = torch.full((32,), 0.5)
    statistics = PixelStatistics(torch.ones(32), mean_P, Bernoulli().output_for(mean_P))
    states = [fresh_member(config, made, network, statistics, seed) for seed in range(2)]
    trainer = Trainer(config, made, network, images, range(2), states)
    trainer.run(STEPS)
    return {**trainer.vaes.parameters, **trainer.state}, trainer


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_replays_give_the_bits_of_plain_steps(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay sees the number of the step that was recorded, as a graph on a GPU does."""
    expected, _ = trained(objective)
    replays: list[int] = []
    owner: list[Trainer] = []

    def tape(work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        then = owner[-1].step

        def replay() -> None:
            now, owner[-1].step = owner[-1].step, then
            work()
            owner[-1].step = now
            replays.append(now - then)

        return replay, owner[-1].finite_R

    init = Trainer.__init__

    def known(self: Trainer, *arguments: object, **named: object) -> None:
        owner.append(self)
        init(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "__init__", known)
    monkeypatch.setattr(training, "recorder", lambda device: tape)
    found, trainer = trained(objective)
    assert trainer.step == STEPS
    if trainer.objective.step_constants(0, STEPS) is not None:
        assert max(replays) > 0
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_noise_of_a_gpu_is_a_seeds_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "OWN_GENERATORS", ())
    config = TrainConfig(dataset="made", latents=3)
    device = torch.device("cpu")
    together = step_noise(config, (0, 5, 2), 100, 20, 8, device)
    assert together.shape == (20, 3, 8, 3)
    assert torch.equal(step_noise(config, (5,), 100, 20, 8, device)[:, 0], together[:, 1])
    # a block that begins later, as after a resumption
    assert torch.equal(step_noise(config, (2,), 110, 10, 8, device)[:, 0], together[10:, 2])
