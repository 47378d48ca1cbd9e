"""Idle latents that start anew, hidden layers that move slowly, and folders of before either was an option."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, Network, PixelStatistics
from ifp.objectives.beta import BetaVae
from ifp.training.config import TrainConfig
from ifp.training.reseed import reseed
from ifp.training.run import train
from ifp.training.setup import set_up
from ifp.training.state import MemberState


@pytest.mark.parametrize(("network", "pixels"), [(MlpNetwork(32, 4), 144), (ConvNetwork((1, 64, 64), 4), 4096)])
def test_idle_latents_get_their_kl_and_the_others_keep_every_bit(network: Network, pixels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(300, pixels, generator=generator)
    statistics = PixelStatistics(torch.ones(pixels), images.mean(0), torch.zeros(pixels))
    state = MemberState(10, network.initial(statistics, generator), {}, {}, {})
    held = np.array([0.5, 0.001, 0.02, 0.0])
    new = reseed(state, held, 0.03, network, statistics, images, generator)
    before, after = (
        network.encode({name: value[None] for name, value in one.parameters.items()}, images[None])
        for one in (state, new)
    )
    assert torch.equal(after[0][..., [0, 2]], before[0][..., [0, 2]])
    assert torch.equal(after[1], before[1])
    mean = after[0][0, :, [1, 3]].double()
    np.testing.assert_allclose(0.5 * (mean**2).mean(0).numpy(), 0.03, rtol=1e-3)
    assert reseed(state, np.full(4, 0.1), 0.03, network, statistics, images, generator) is state


def test_hidden_layers_move_at_their_share_of_the_rate(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(40, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=images)
    name = f"npz:{tmp_path / 'data.npz'}"
    config = TrainConfig(
        dataset=name, architecture="mlp", hidden=32, latents=2, batch=32, steps=20, records=2,
        options={"beta": 1.0, "hidden_rate": 0.01},
    )  # fmt: skip
    setup = set_up(load_dataset(name), config, device="cpu", threads=1)
    folder = setup.folder(tmp_path / "run")
    started: list[dict[str, torch.Tensor]] = []

    def initial(seed: int) -> MemberState:
        statistics = PixelStatistics(torch.ones(36), torch.full((36,), 0.5), torch.zeros(36))
        parameters = setup.network.initial(statistics, torch.Generator().manual_seed(1))
        started.append({key: value.clone() for key, value in parameters.items()})
        return MemberState(0, parameters, {}, {}, {})

    train(setup, folder, initial=initial)
    state = folder.state(0)
    assert state is not None
    moved = {key: float((state.parameters[key] - value).abs().max()) for key, value in started[0].items()}
    # Adam moves a weight by about its rate a step
    rate = config.learning_rate * config.steps
    for key in ("encoder.1.weight", "decoder.1.weight"):
        assert 0 < moved[key] < 0.03 * rate
    for key in ("encoder.mean.weight", "decoder.out.weight"):
        assert moved[key] > 0.3 * rate

    # a folder of before the option: its objective is stored without it
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    del about["objective"]["options"]["reseed_nats"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(about))
    assert setup.folder(tmp_path / "run").status(0) == "finished"
    about["objective"]["options"]["beta"] = 2.0
    (tmp_path / "run" / "run.json").write_text(json.dumps(about))
    with pytest.raises(IfpError, match="holds another run"):
        setup.folder(tmp_path / "run")


def test_options_out_of_range() -> None:
    with pytest.raises(IfpError, match="hidden_rate must be a positive number"):
        BetaVae(hidden_rate=0.0)
    with pytest.raises(IfpError, match="reseed_nats must be a number of at least 0"):
        BetaVae(reseed_nats=-1.0)
