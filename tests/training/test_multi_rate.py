"""Multi-rate training: a linear VAE's known curve from one training; the same bits alone, among others, resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import ifp
from ifp.errors import IfpError
from ifp.networks.fully_connected import LinearNetwork
from ifp.networks.gated import GatedNetwork
from ifp.objectives.multi_rate import MultiRate
from ifp.training.config import TrainConfig
from ifp.training.multi_rate import MultiRateTrainer, set_up_multi_rate
from ifp.training.multi_rate_folder import GRID, MultiRateFolder
from ifp.training.run import train
from ifp.training.setup import Setup, load_training_images
from ifp.training.trainer import fresh_member

SIGMA = 0.08
OPTIONS = {"beta_start": 12.0, "beta_end": 0.5, "betas": 24}


def gaussian_data(images: int = 1500) -> tuple[ifp.FactorDataset, np.ndarray]:
    """Images of 4 pixels, Gaussian in one direction, and the edges: eigenvalues of what was drawn over sigma^2."""
    generator = np.random.default_rng(0)
    rotation = np.linalg.qr(generator.standard_normal((4, 4)))[0]
    drawn = generator.standard_normal((images, 4)) * (SIGMA * np.sqrt([6.0, 0.02, 0.02, 0.02]))
    pixels = np.round(np.clip(0.5 + drawn @ rotation, 0, 1) * 255).astype(np.uint8)
    data = ifp.dataset(pixels.reshape(images, 2, 2), np.arange(images)[:, None] // 50, ["block"])
    scaled = pixels.reshape(images, -1) / 255
    return data, np.sort(np.linalg.eigvalsh(np.cov(scaled.T, bias=True)))[::-1] / SIGMA**2


def config(**settings: object) -> TrainConfig:
    usual = {
        "dataset": "arrays", "objective": "multi-rate", "options": OPTIONS, "architecture": "mlp", "latents": 4,
        "hidden": 32, "batch": 64, "steps": 2000, "records": 20, "learning_rate": 1e-2, "likelihood": "gaussian",
        "sigma": SIGMA,
    }  # fmt: skip
    return TrainConfig(**{**usual, **settings})  # type: ignore[arg-type]


def linear(setup: Setup) -> Setup:
    assert isinstance(setup.objective, MultiRate)
    return replace(setup, network=GatedNetwork(LinearNetwork(setup.config.latents), setup.objective.range))


def test_one_linear_training_gives_the_exact_curve_and_the_freezing_point(tmp_path: Path) -> None:
    """KL is 1/2 ln(L / beta) below the edge L, 0 above (probabilistic PCA at beta sigma^2), at every beta.

    Over 8 seeds the largest error was .036 nat, crossings .976 to 1.018 of the exact one; with several directions
    latents compete for the strongest first, which takes longer (experiments/multi_rate).
    """
    dataset, edges = gaussian_data()
    settings = config(latents=1, batch=1024, steps=500, records=2, learning_rate=2e-2)
    setup = linear(set_up_multi_rate(dataset, settings, threads=1))
    folder = MultiRateFolder(tmp_path / "run", setup)
    assert train(setup, folder).finished == [0]
    found = list(folder.at_betas(0))
    beta_G = np.array([one.beta for one in found])
    kl_G = np.array([one.codes.kl_nats_D()[0] for one in found])
    assert_allclose(kl_G, np.maximum(0, 0.5 * np.log(edges[0] / beta_G)), atol=0.05)
    crossing = np.exp(np.interp(0.1, kl_G, np.log(beta_G)))
    assert_allclose(crossing, edges[0] * np.exp(-0.2), rtol=0.04)
    # the objective of the optimum: beta (1 + ln(L / beta)) / 2 below the edge and L / 2 above it, as for the rest
    below_G = beta_G < edges[0]
    least_G = 0.5 * np.where(below_G, beta_G * (1 + np.log(edges[0] / beta_G)), edges[0]) + 0.5 * edges[1:].sum()
    # one draw per image leaves 1 % of noise; nothing is below the optimum by more
    excess_G = np.array([one.objective_nats for one in found]) / least_G - 1
    assert -0.02 < excess_G.min() < excess_G.max() < 0.03


def test_a_member_is_the_same_alone_and_among_others() -> None:
    dataset, _ = gaussian_data(400)
    setup = set_up_multi_rate(dataset, config(seeds=3, steps=40), threads=1)
    images = load_training_images(setup)
    statistics = images.statistics(setup.config.pixel_likelihood)

    def trained(seeds: list[int]) -> MultiRateTrainer:
        fresh = [fresh_member(setup.config, setup.objective, setup.network, statistics, seed) for seed in seeds]
        trainer = MultiRateTrainer(setup.config, setup.objective, setup.network, images, seeds, fresh)
        trainer.run(40)
        return trainer

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        together, alone = trained([0, 1, 2]), trained([1])
    finally:
        torch.set_num_threads(before)
    of_both = (together.state_of(1).parameters, alone.state_of(0).parameters)
    assert any(name.startswith("latent.gate") for name in of_both[0])
    for name, value in of_both[0].items():
        assert torch.equal(value, of_both[1][name]), name


class _Killed(Exception):
    """Stands for a run that is killed."""


def test_a_run_that_was_killed_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    dataset, _ = gaussian_data(400)
    settings = config(seeds=2, steps=150, records=3, learning_rate=3e-3)
    setup = set_up_multi_rate(dataset, settings, threads=1)
    whole = MultiRateFolder(tmp_path / "whole", setup)
    train(setup, whole)
    cut = MultiRateFolder(tmp_path / "cut", setup)

    def stop_at(text: str, done: int, total: int) -> None:
        if text.startswith("Training") and done >= 2 * 80:
            raise _Killed

    with pytest.raises(_Killed):
        train(setup, cut, progress=stop_at)
    assert 0 < cut.step(0) < 150
    again = MultiRateFolder(tmp_path / "cut", setup)
    assert train(setup, again).finished == [0, 1]
    for seed in (0, 1):
        first, second = whole.state(seed), again.state(seed)
        assert first is not None
        assert second is not None
        assert all(torch.equal(value, second.parameters[name]) for name, value in first.parameters.items())
        assert_allclose(whole.kept_curve(seed, 150)[1], again.kept_curve(seed, 150)[1], rtol=0)
        assert whole.last_checkpoint(seed).read_bytes() == again.last_checkpoint(seed).read_bytes()
    # a checkpoint is a plain VAE, what the network is at the lowest beta
    stored = torch.load(whole.last_checkpoint(0), weights_only=True)
    assert (stored["hyper_parameters"]["format"], stored["hyper_parameters"]["beta"]) == ("ifp-vae", 0.5)
    assert not any("gate" in name for name in stored["state_dict"])


def test_latents_that_find_nothing_start_anew_with_open_gates(tmp_path: Path) -> None:
    dataset, _ = gaussian_data(400)
    setup = set_up_multi_rate(dataset, config(steps=40, records=4), threads=1)
    network = setup.network
    assert isinstance(network, GatedNetwork)
    images = load_training_images(setup)
    fresh = network.initial(images.statistics(setup.config.pixel_likelihood), torch.Generator().manual_seed(0))
    closed = {**fresh, "latent.gate.offset": fresh["latent.gate.offset"] + 50}
    opened = network.reopened(closed, fresh, [2])
    assert torch.equal(opened["latent.gate.offset"][0, 2], fresh["latent.gate.offset"][0, 2])
    assert torch.equal(opened["latent.gate.offset"][0, :2], closed["latent.gate.offset"][0, :2])
    objective = setup.objective
    assert [objective.reseeded_nats(step, 100) > 0 for step in (10, 40, 50)] == [True, True, False]
    rates = [objective.rates(step, 1000) for step in (0, 500, 600, 900)]
    assert [rate.get("latent.", 1.0) for rate in rates] == [1.0, 1.0, pytest.approx(0.8), pytest.approx(0.2)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beta_start": 1.0, "beta_end": 2.0}, "beta_start must lie above beta_end"),
        ({"beta_start": 0.0}, "beta_start must be a positive number"),
        ({"settle": 1.5}, "settle must be from 0 to 1"),
        ({"law": "geometric"}, "Unknown option of multi-rate 'law'"),
    ],
)
def test_options_out_of_range_are_one_sentence(options: dict[str, object], words: str) -> None:
    dataset, _ = gaussian_data(100)
    with pytest.raises(IfpError, match=words):
        set_up_multi_rate(dataset, config(options={**OPTIONS, **options}))


@pytest.mark.parametrize("kl_nats", [np.full((GRID, 2), "x"), np.full((GRID, 2), np.inf), np.zeros((GRID, 2), bool)])
def test_kept_curves_that_are_no_numbers_are_refused(kl_nats: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "step-000001.npz"
    np.savez(path, beta=np.ones(GRID), kl_nats=kl_nats)
    folder: Any = SimpleNamespace(curve_path=lambda seed, step: path, config=SimpleNamespace(latents=2))
    with pytest.raises(IfpError, match=r"The array 'kl_nats' of .* must"):
        MultiRateFolder.kept_curve(folder, 0, 1)
