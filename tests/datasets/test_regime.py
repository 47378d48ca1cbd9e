"""Images drawn with correlated factors: rendered ones from the table, stored ones as likely as their factor values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ifp.checkpoints.posteriors import draw_regime, draw_sample
from ifp.datasets.catalog import load_dataset
from ifp.datasets.npz import NpzDataset
from ifp.datasets.regime import correlated_sampler, shared_nats
from ifp.errors import IfpError


def silent(text: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


def test_rendered_images_are_those_of_the_drawn_factors() -> None:
    dataset = load_dataset("sprites")
    sampler = correlated_sampler(dataset, [("posX", "scale", 0.2)])
    sample = draw_regime(dataset, sampler, 300, 5, silent)
    assert (sample.images_NCHW == dataset.render(sample.positions_NF, np.zeros(300, dtype=int))).all()
    assert sample.regime == {"family": "gaussian", "pairs": [["posX", "scale", 0.2]], "inverse": False}
    assert (draw_regime(dataset, sampler, 300, 5, silent).positions_NF == sample.positions_NF).all()
    assert (draw_regime(dataset, sampler, 300, 6, silent).positions_NF != sample.positions_NF).any()
    assert draw_sample(dataset, 10, 0, silent).regime == {}
    positions_NF, _ = dataset.draw_images(sampler, 40_000, 0)
    pearson = np.corrcoef(positions_NF.T)
    # the exact value of the table, and of the others 0, within 4 standard errors
    assert pearson[3, 1] == pytest.approx(0.8085, abs=0.01)
    assert np.abs(pearson - np.diag(np.diag(pearson)))[[0, 2, 4]].max() < 0.02
    assert shared_nats(positions_NF, 3, 1) == pytest.approx(0.5011, abs=0.015)
    assert shared_nats(positions_NF, 0, 4) < 0.002


def test_stored_images_are_drawn_by_their_weight(tmp_path: Path) -> None:
    """Three images, of which two share their factor values, and a hole in the grid: the weights are exp(-2) and 1."""
    values = np.array([[0, 0], [0, 5], [0, 5], [1, 5]])
    images = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 2, 2), np.uint8)
    np.savez(tmp_path / "few.npz", images=images, factors=values, factor_names=np.array(["a", "b"]))
    dataset = NpzDataset(tmp_path / "few.npz")
    sample = draw_regime(dataset, correlated_sampler(dataset, [("a", "b", 0.5)]), 8000, 0, silent)
    share_4 = np.bincount(sample.images_NCHW[:, 0, 0, 0], minlength=4) / 8000
    weight_4 = np.array([1, np.exp(-2), np.exp(-2), 1])
    assert share_4 == pytest.approx(weight_4 / weight_4.sum(), abs=0.02)


def test_what_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", images=np.random.default_rng(0).integers(0, 255, (9, 2, 2), np.uint8))
    with pytest.raises(IfpError, match="has no factors, so none can be correlated"):
        correlated_sampler(NpzDataset(tmp_path / "plain.npz"), [("a", "b", 0.2)])
    dataset = load_dataset("sprites")
    with pytest.raises(IfpError, match="images must be a whole number of at least 1"):
        dataset.draw_images(correlated_sampler(dataset, [("posX", "scale", 0.2)]), 0, 0)
