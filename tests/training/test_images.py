"""The images of a training: packed, drawn alike or by probability, subsets, correlated pairs, too many to hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.datasets import mpi3d
from ifp.datasets.catalog import load_dataset
from ifp.datasets.factors import FactorSpace
from ifp.errors import IfpError
from ifp.likelihood import Bernoulli
from ifp.training import images as images_module
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages, load_images
from ifp.training.run import train
from ifp.training.setup import set_up

from .small_runs import config_for, setup_for


def test_batches_are_the_data_sets_images(bars: str) -> None:
    dataset = load_dataset(bars)
    images = load_images(dataset, 0, 0, "cpu")
    assert len(images) == 18
    index_MB = torch.tensor([[3, 17, 3], [0, 1, 2]])
    positions_NF = images.positions_NF[index_MB.flatten().numpy()]
    expected = dataset.render(positions_NF, np.zeros(6, dtype=np.int64)).reshape(2, 3, -1) / 255
    np.testing.assert_array_equal(images.at(index_MB).numpy(), expected.astype(np.float32))


def test_packed_images_are_the_same(rng: np.random.Generator) -> None:
    bits_NP = rng.integers(2, size=(20, 64), dtype=np.uint8)
    positions_NF = np.arange(20)[:, None]
    plain = TrainingImages(torch.from_numpy(bits_NP * 255), (1, 8, 8), positions_NF)
    packed = TrainingImages(torch.from_numpy(np.packbits(bits_NP, axis=1)), (1, 8, 8), positions_NF, packed=True)
    index = torch.arange(20).reshape(4, 5)
    assert torch.equal(plain.at(index), packed.at(index))
    assert torch.equal(plain.statistics(Bernoulli()).mean_P, packed.statistics(Bernoulli()).mean_P)
    np.testing.assert_allclose(plain.statistics(Bernoulli()).mean_P, bits_NP.mean(0), rtol=1e-6)


def test_images_of_a_large_file_are_read_batch_by_batch_and_are_the_same(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = FactorSpace(mpi3d.SPACE.names, (1, 1, 2, 1, 1, 3, 4))
    pixels = rng.integers(0, 256, (len(space), 64, 64, 3), dtype=np.uint8)
    np.savez(tmp_path / "mpi3d_toy.npz", images=pixels)
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "cache"))
    dataset = mpi3d.Mpi3d("mpi3d-toy", tmp_path, space=space)
    for count in (0, 7):
        held = load_images(dataset, count, 0, "cpu")
        with monkeypatch.context() as patch:
            patch.setattr(images_module, "STORED_BYTES", 1000)
            read = load_images(dataset, count, 0, "cpu")
        assert (held.stored, len(read.bytes_NP)) == (None, 0)
        assert len(read) == len(held) == (count or len(space))
        index_MB = torch.randint(len(held), (3, 5), generator=torch.Generator().manual_seed(0))
        assert torch.equal(read.at(index_MB), held.at(index_MB))
        assert torch.equal(read.statistics(Bernoulli()).mean_P, held.statistics(Bernoulli()).mean_P)
        assert read.describe() == f"{len(read)} images, read batch by batch from {tmp_path / 'mpi3d_toy.npz'}"


def test_all_images_are_drawn_alike_or_as_their_probabilities_say() -> None:
    pixels, positions_NF = torch.zeros(5, 4, dtype=torch.uint8), np.arange(5)[:, None]
    probability_N = np.array([0.1, 0.0, 0.2, 0.3, 0.4])
    draws = 50_000
    for given, expected_N in [(None, np.full(5, 0.2)), (probability_N, probability_N)]:
        images = TrainingImages(pixels, (1, 2, 2), positions_NF, probability_N=given)
        drawn = images.draw(torch.Generator().manual_seed(1), 5, draws // 5)
        share_N = np.bincount(drawn.flatten().numpy(), minlength=5) / draws
        standard_error_N = np.sqrt(expected_N * (1 - expected_N) / draws)
        assert (np.abs(share_N - expected_N) <= 4 * standard_error_N).all()


def test_a_subset_is_drawn_by_the_seed(bars: str) -> None:
    dataset = load_dataset(bars)
    first, again, other = (load_images(dataset, 7, seed, "cpu") for seed in (0, 0, 1))
    assert len(first) == 7
    assert len({tuple(row) for row in first.positions_NF}) == 7
    np.testing.assert_array_equal(first.positions_NF, again.positions_NF)
    assert not np.array_equal(first.positions_NF, other.positions_NF)


def test_correlated_pairs_change_what_is_trained_on_and_not_what_is_evaluated(bars: str, tmp_path: Path) -> None:
    sigma = 0.15
    config = config_for(bars, correlate=(("width", "place", sigma),))
    setup = setup_for(config)
    assert setup.probability is not None
    images = load_images(setup.dataset, 0, 0, "cpu", probability=setup.probability)
    drawn = images.positions_NF[images.draw(torch.Generator().manual_seed(0), 20, 1000).flatten().numpy()]
    width, place = np.meshgrid(np.arange(3) / 2, np.arange(6) / 5, indexing="ij")
    weight = np.exp(-((width - place) ** 2) / (2 * sigma**2))
    expected = weight / weight.sum()
    share = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=[np.arange(4), np.arange(7)])[0] / len(drawn)
    assert (np.abs(share - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / len(drawn))).all()

    seen: list[np.ndarray] = []

    def nmi(mean_ND: np.ndarray, factors_NF: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
        seen.append(np.corrcoef(factors_NF.T)[0, 1])
        return np.zeros((4, 2))

    train(setup, setup.folder(tmp_path / "plain"), nmi=nmi)
    assert abs(seen[-1]) < 1e-12  # the whole grid, once each
    correlated = setup_for(replace(config, evaluate_correlated=True))
    train(correlated, correlated.folder(tmp_path / "correlated"), nmi=nmi)
    assert seen[-1] > 0.7


def test_images_that_do_not_fit_are_refused_with_a_number_that_does(bars: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifp.training.images.free_bytes", lambda device: 1600)
    with pytest.raises(IfpError, match="`images=10`"):
        load_images(load_dataset(bars), 0, 0, "cpu")


def test_arrow_is_trained_on_its_own_distribution_unless_told_otherwise() -> None:
    from ifp.datasets.arrow import Arrow

    dataset = Arrow()
    settings = {"dataset": "arrow", "architecture": "mlp", "hidden": 32, "steps": 10, "records": 1, "latents": 4}
    positions_NF = dataset.sample_images(500, seed=0)[0]
    found = set_up(dataset, TrainConfig(**settings), device="cpu").probability
    assert found is not None
    expected = dataset.correlated_sampler().image_probabilities(positions_NF)
    np.testing.assert_allclose(found(positions_NF), expected)
    assert expected.max() > 10 * expected.min()
    uniform = TrainConfig(**settings, correlate=(("posX", "posY", float("inf")),))
    told = set_up(dataset, uniform, device="cpu").probability
    assert told is not None
    np.testing.assert_allclose(told(positions_NF), 1 / 500)
