"""Models of no known family: a function of the user's own, and codes as arrays."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints import custom
from ifp.checkpoints.custom import encode_by_function, read_codes, read_encoder
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.datasets.npz import NpzDataset
from ifp.errors import IfpError

from . import exact_vaes as exact

CALLS = itertools.count(2)


def silent(text: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    exact.write_grid(tmp_path / "grid.npz")
    return draw_sample(NpzDataset(tmp_path / "grid.npz"), 1000, 0, silent)


def encoded(function: Any, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(custom, "read_encoder", lambda name: function)
    return encode_by_function("module:function", sample, "cpu", silent)


def test_the_function_sees_pixels_in_0_to_1_and_gives_the_codes(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []

    def encode(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(images)
        return images.flatten(1)[:, :2], images.flatten(1)[:, :2] - 3

    record = encoded(encode, sample, monkeypatch)
    images = torch.cat(seen)
    assert images.dtype == torch.float32
    assert images.shape == (1000, 1, 3, 6)
    np.testing.assert_allclose(images.numpy() * 255, sample.images_NCHW, atol=1e-4)
    np.testing.assert_array_equal(record.codes.mean_ND, images.flatten(1)[:, :2].double().numpy())
    np.testing.assert_array_equal(record.codes.logvar_ND, (images.flatten(1)[:, :2] - 3).double().numpy())
    assert np.array_equal(record.codes.factors_NF, sample.positions_NF)
    assert (record.label, record.step, record.choice) == ("module:function", None, None)


def test_arrays_lists_and_gradients_are_taken_too(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.ones(18, 2, requires_grad=True)
    for encode in (
        lambda x: (x.flatten(1).numpy(), x.flatten(1).numpy()),
        lambda x: (x.flatten(1).tolist(), x.flatten(1).tolist()),
        lambda x: [x.flatten(1) @ weight, x.flatten(1) @ weight],
    ):
        assert len(encoded(encode, sample, monkeypatch).codes) == 1000


@pytest.mark.parametrize(
    ("encode", "words"),
    [
        (lambda x: None, "returned a NoneType; return"),
        (lambda x: (1, 2, 3), "returned 3 values; return"),
        (lambda x: x.no_such, "take a float tensor"),
        (lambda x: (x, x), r"of shape \[250, latents\], got \[250, 1, 3, 6\]"),
        (lambda x: (x.flatten(1), x.flatten(1)[:, :1]), r"got \[250, 18\] and \[250, 1\]"),
        (lambda x: (x.flatten(1)[:, :0],) * 2, "must both be"),
        (lambda x: (x.flatten(1) / 0,) * 2, "NaN or infinite"),
        (lambda x: (x.flatten(1)[:, : min(next(CALLS), 3)],) * 2, "2 latents for some images, 3 for others"),
    ],
)
def test_what_is_no_encoder_is_refused(
    encode: Any, words: str, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IfpError, match=words):
        encoded(encode, sample, monkeypatch)


def test_an_interrupt_is_no_fault_of_the_encoder(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(images: torch.Tensor) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoded(encode, sample, monkeypatch)


def test_functions_are_found_by_name() -> None:
    assert read_encoder("os.path:join") is __import__("os").path.join
    for name in ("join", "os.path:", ":join", "", "os.path:sep", "os.path:missing", "no_such_module:join", "..:join"):
        with pytest.raises(IfpError, match=r"model=|named as package\.module:function"):
            read_encoder(name)


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path / "codes.npz", **arrays)
    return path / "codes.npz"


@pytest.fixture
def arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"mean": rng.normal(size=(6, 2)), "logvar": rng.normal(size=(6, 2))}


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.uint64])
def test_factors_of_any_integers_are_numbered(dtype: Any, tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    factors = np.array([[5, 1], [7, 1], [5, 100], [9, 1], [7, 100], [9, 100]], dtype=dtype)
    record = read_codes(written(tmp_path, **arrays, factors=factors))
    assert record.codes.factors_NF.tolist() == [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [2, 1]]
    assert (record.codes.factor_names, record.codes.factor_sizes) == (("factor_0", "factor_1"), (3, 2))


def test_labels_far_apart_or_below_zero_are_numbered(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    factors = np.array([[-3], [10**18], [-3], [0], [0], [10**18]])
    record = read_codes(written(tmp_path, **arrays, factors=factors))
    assert record.codes.factors_NF[:, 0].tolist() == [0, 2, 0, 1, 1, 2]


def test_sizes_that_are_given_hold(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    factors = np.array([[0], [2], [0], [2], [0], [2]])
    record = read_codes(written(tmp_path, **arrays, factors=factors, factor_sizes=[4], factor_names=["shape"], step=3))
    assert record.codes.factors_NF[:, 0].tolist() == [0, 2, 0, 2, 0, 2]
    assert (record.codes.factor_names, record.codes.factor_sizes, record.step) == (("shape",), (4,), 3)
    with pytest.raises(IfpError, match="outside 0"):
        read_codes(written(tmp_path, **arrays, factors=factors, factor_sizes=[2]))


def test_more_values_than_are_measured(tmp_path: Path) -> None:
    mean = np.zeros((custom.MAX_VALUES + 1, 1))
    with pytest.raises(IfpError, match=r"'factor_0' .* 10,001 values, and at most 10,000"):
        read_codes(written(tmp_path, mean=mean, logvar=mean, factors=np.arange(len(mean))[:, None]))


@pytest.mark.parametrize(("step", "read"), [(5, 5), (0, 0), ([[5]], 5), (1.5, None), ("a", None), ([1, 2], None)])
def test_the_step_is_a_whole_number_or_unknown(
    step: Any, read: int | None, tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    assert read_codes(written(tmp_path, **arrays, step=step)).step == read
