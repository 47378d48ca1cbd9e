"""Arrays as users have them become the same data set, and one line says what was done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ifp
from ifp.datasets.arrays import ArrayDataset
from ifp.datasets.npz import NpzDataset

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, size=(24, 5, 6, 3), dtype=np.uint8)
FACTORS = np.stack(np.unravel_index(np.arange(24), (4, 3, 2)), axis=1)
ALPHA = np.full((24, 5, 6, 1), 255, np.uint8)
LETTERS = np.array(["a", "b", "c", "d"])


def pixels(data: ArrayDataset) -> np.ndarray:
    return data.render(FACTORS, np.zeros(24, dtype=int)).transpose(0, 2, 3, 1)


SAME = {
    "uint8": (IMAGES, ""),
    "int64": (IMAGES.astype(np.int64), "int64 cast to uint8"),
    "big-endian": (IMAGES.astype(">i2"), "cast to uint8"),
    "fractions": (IMAGES / 255, "float64 in 0..1 rounded to 256 grey levels"),
    "half precision": ((IMAGES / 255).astype(np.float16), "float16 in 0..1"),
    "whole numbers as fractions": (IMAGES.astype(np.float32), "float32 in 0..255 cast"),
    "channels first": (IMAGES.transpose(0, 3, 1, 2), "channels moved last"),
    "opaque": (np.concatenate([IMAGES, ALPHA], axis=3), "opaque everywhere, left out"),
    "opaque fractions, channels first": (
        np.concatenate([IMAGES, ALPHA], axis=3).transpose(0, 3, 1, 2) / 255,
        "grey levels; channels moved last; the channel of transparency",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_images_of_any_kind_are_the_same_images(name: str) -> None:
    images, says = SAME[name]
    data = ifp.dataset(images, FACTORS)
    # half precision keeps 11 bits, enough for 256 levels
    np.testing.assert_array_equal(pixels(data), IMAGES)
    assert says in "; ".join(data.done)
    assert bool(data.done) == bool(says)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32, np.float64])
def test_zero_and_one_are_black_and_white(kind: type) -> None:
    ones = IMAGES[..., :1] > 128
    np.testing.assert_array_equal(pixels(ifp.dataset(ones.astype(kind), FACTORS)), ones * 255)


def test_transparent_pixels_are_laid_on_black() -> None:
    half = np.concatenate([IMAGES, np.where(ALPHA > 0, 51, 0).astype(np.uint8)], axis=3)
    data = ifp.dataset(half, FACTORS)
    np.testing.assert_allclose(pixels(data), IMAGES * 0.2, atol=0.5)
    assert data.done == ("transparent pixels laid on black",)


LABELS = {
    "text": (LETTERS[FACTORS[:, 0]], LETTERS, "text numbered"),
    "bytes": (LETTERS.astype("S")[FACTORS[:, 0]], LETTERS, "text numbered"),
    "fractions": (FACTORS[:, 0] / 3, np.arange(4) / 3, "numbered by size"),
    "whole fractions": (FACTORS[:, 0] * 2.0, np.arange(4) * 2, ""),
    "unsigned": (FACTORS[:, 0].astype(np.uint64), np.arange(4), ""),
    "bool": (FACTORS[:, 0] > 1, np.arange(2), ""),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_kind_are_numbered_in_their_order(name: str) -> None:
    labels, values, says = LABELS[name]
    data = ifp.dataset(IMAGES, labels)
    np.testing.assert_array_equal(data.factor_values[0], values)
    assert says in "; ".join(data.done)
    assert data.space.names == ("factor_0",)


def test_the_names_of_other_programs_are_understood(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", imgs=IMAGES, latents_values=FACTORS / 2, latents_classes=FACTORS)
    data = NpzDataset(tmp_path / "d.npz")
    np.testing.assert_array_equal(pixels(data), IMAGES)
    assert data.done == ("'imgs' read as 'images'", "'latents_classes' read as 'factors'")
    assert data.describe()["taken as"] == "; ".join(data.done)


def test_a_home_folder_may_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "d.npz", images=IMAGES)
    assert ifp.load_dataset("npz:~/d.npz").image_shape == (3, 5, 6)


def test_a_path_without_a_prefix_says_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=IMAGES)
    with pytest.raises(ifp.IfpError, match=r"the path of a file; write npz:"):
        ifp.load_dataset(str(tmp_path / "d.npz"))
    with pytest.raises(ifp.IfpError, match=r"the path of a folder; write images:"):
        ifp.load_dataset(str(tmp_path))


def test_data_in_memory_go_through_the_annealing_test() -> None:
    config = ifp.preset_config("quick", dataset="letters", contexts=1, method="closed-form")
    trace = ifp.anneal(ifp.dataset(IMAGES, FACTORS, ["a", "b", "c"], name="letters"), config)
    assert set(trace.factor_M) == {"a", "b", "c"}


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.float64, str])
def test_a_seed_draws_the_same_contexts_however_the_data_are_wrapped(kind: type, tmp_path: Path) -> None:
    order = RNG.permutation(24)
    wrapped = ifp.dataset(IMAGES[order] / 255, FACTORS[order].astype(kind), ["a", "b", "c"])
    np.savez(tmp_path / "d.npz", images=IMAGES, factors=FACTORS + 7, factor_names=["x", "b", "c"])
    want = NpzDataset(tmp_path / "d.npz").sample_traversals("b", 4, seed=0)
    assert wrapped.sample_traversals("b", 4, seed=0) == want


def test_what_is_in_memory_has_a_checksum_of_its_content() -> None:
    same, other = ifp.dataset(IMAGES, FACTORS), ifp.dataset(IMAGES, FACTORS[::-1])
    assert same.checksum() == ifp.dataset(IMAGES / 255, FACTORS, name="else").checksum()
    assert same.checksum() != other.checksum()
