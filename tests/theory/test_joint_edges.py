"""The closed form of a whole data set against NumPy's covariance, formulas, and the edges of traversals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ifp.analysis.joint.edges import affordable_images, edge_tables
from ifp.datasets.cache import PackedGrid
from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.joint_edges import joint_edges
from tests.analysis.joint.known_joint import EDGES, SIGMA, known_arrays


def dataset(path: Path, **arrays: np.ndarray):  # type: ignore[no-untyped-def]
    np.savez(path / "data.npz", **arrays)
    return load_dataset(f"npz:{path / 'data.npz'}")


def test_the_known_answer_set_has_its_four_edges(tmp_path: Path) -> None:
    edges = joint_edges(dataset(tmp_path, **known_arrays()), "gaussian", sigma=SIGMA)
    assert_allclose(edges.spectrum_K[:4], EDGES, atol=6e-4)  # they are given to three places
    assert edges.spectrum_K[4] < 1e-3  # rounding to 255 grey values
    # the factors add up in the image: alone, in company, all the same
    assert_allclose(edges.alone_F, edges.spectrum_K[:4], rtol=1e-5)
    assert_allclose(np.nanmedian(edges.given_rest_FC, axis=1), edges.spectrum_K[:4], rtol=1e-5)
    tables = edge_tables(edges)
    assert list(tables["joint_edges"]["factor"]) == ["a", "b", "c", "d"]
    assert_allclose(tables["spectrum"]["beta_edge"][:4], EDGES, atol=6e-4)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_equal_to_the_covariance_of_scaled_images(tmp_path: Path, rng: np.random.Generator, likelihood: str) -> None:
    factors = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), axis=1)
    images = rng.integers(0, 256, size=(60, 5, 6), dtype=np.uint8)
    images[:, 0, 0], images[:, 1, 1] = 0, 37  # constant pixels say nothing, black or grey
    found = joint_edges(dataset(tmp_path, images=images, factors=factors), likelihood, sigma=0.3)
    x = np.delete(images.reshape(60, -1) / 255, [0, 7], axis=1)
    m = x.mean(axis=0)
    scaled = (x - m) / (np.sqrt(m * (1 - m)) if likelihood == "bernoulli" else 0.3)
    assert found.pixels == 28
    assert_allclose(found.spectrum_K, np.linalg.eigvalsh(scaled.T @ scaled / 60)[::-1], rtol=1e-5, atol=1e-7)
    for at in range(3):
        means = np.stack([scaled[factors[:, at] == value].mean(0) for value in range(3 + at)])
        assert_allclose(found.alone_F[at], np.linalg.eigvalsh(means.T @ means / len(means))[-1], rtol=1e-5)
    # all images as one traversal
    whole = freezing_bounds(images, likelihood, sigma=0.3, upper=False).beta_closed_form_M[0]
    assert_allclose(found.joint_edge, whole, rtol=1e-6)


def test_weights_of_images_count(tmp_path: Path, rng: np.random.Generator) -> None:
    factors = np.stack(np.unravel_index(np.arange(12), (3, 4)), axis=1)
    images = rng.integers(0, 256, size=(12, 3, 3), dtype=np.uint8)
    weights = rng.uniform(0.1, 1, 12)
    weights /= weights.sum()
    found = joint_edges(
        dataset(tmp_path, images=images, factors=factors),
        "gaussian",
        probability=lambda positions_NF: weights[positions_NF @ [4, 1]],
    )
    x = images.reshape(12, -1) / 255
    assert_allclose(found.spectrum_K[:9], np.linalg.eigvalsh(np.cov(x.T, aweights=weights, bias=True))[::-1], atol=1e-7)
    parts = [np.average(x[factors[:, 0] == v], axis=0, weights=weights[factors[:, 0] == v]) for v in range(3)]
    share = [weights[factors[:, 0] == v].sum() for v in range(3)]
    assert_allclose(
        found.alone_F[0], np.linalg.eigvalsh(np.cov(np.array(parts).T, aweights=share, bias=True))[-1], rtol=1e-5
    )


def test_packed_binary_images_in_blocks_equal_rendered_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr("ifp.theory.image_moments.BLOCK", 7)
    images = rng.integers(0, 2, size=(60, 8, 8), dtype=np.uint8) * 255
    factors = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), axis=1)
    rendered = dataset(tmp_path, images=images, factors=factors)
    packed = dataset(tmp_path, images=images, factors=factors)
    packed.packed = PackedGrid(np.packbits(images.reshape(60, -1), axis=1), (1, 8, 8), tmp_path)
    monkeypatch.setattr(packed, "render", None)
    found, same = joint_edges(packed, contexts=0), joint_edges(rendered, contexts=0)
    assert_allclose(found.spectrum_K, same.spectrum_K, rtol=1e-12)
    assert_allclose(found.alone_F, same.alone_F, rtol=1e-12)
    some = joint_edges(rendered, images=40, seed=3, contexts=0)
    drawn = rendered.render(*rendered.sample_images(40, 3))
    assert (some.images, some.everything) == (40, 60)
    assert_allclose(some.joint_edge, freezing_bounds(drawn, upper=False).beta_closed_form_M[0], rtol=1e-5)


def test_data_without_factors_have_a_spectrum_alone(tmp_path: Path, rng: np.random.Generator) -> None:
    found = joint_edges(dataset(tmp_path, images=rng.integers(0, 256, size=(20, 4, 4), dtype=np.uint8)))
    assert len(found.alone_F) == len(found.factor_names) == found.given_rest_FC.size == 0
    assert found.joint_edge > 0
    assert len(edge_tables(found)["joint_edges"]) == 0


def test_equal_images_and_a_flat_traversal(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match=r"All 6 images of .* are equal"):
        joint_edges(dataset(tmp_path, images=np.full((6, 2, 2), 9, dtype=np.uint8)))
    images = np.zeros((4, 2, 2), dtype=np.uint8)
    images[2:] = 255  # the first factor moves all pixels, the second none
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = joint_edges(dataset(tmp_path, images=images, factors=factors), "gaussian")
    assert_allclose(np.nanmedian(found.given_rest_FC, axis=1), [1, 0])
    assert_allclose(found.alone_F, [1, 0], atol=1e-12)


def test_what_minutes_allow() -> None:
    assert affordable_images(load_dataset("sprites")) == affordable_images(load_dataset("toys")) == 0
    assert 20_000 <= affordable_images(load_dataset("sprites-color")) < 737_280
