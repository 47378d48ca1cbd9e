"""Codes: what they take, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from ifp.codes import Codes
from ifp.errors import IfpError


def make(mean: object = 0.0, logvar: object = 0.0, factors: object = None, sizes: tuple[int, ...] = (2,)) -> Codes:
    shape = np.zeros((4, 2))
    factors_NF = np.array([[0], [1], [0], [1]]) if factors is None else np.asarray(factors)
    return Codes(shape + mean, shape + logvar, factors_NF, ("a",), sizes)


def test_kl_is_the_closed_form() -> None:
    codes = make(mean=np.array([1.0, 0.0]), logvar=np.array([0.0, np.log(0.25)]))
    np.testing.assert_allclose(codes.kl_nats_D(), [0.5, 0.5 * (0.25 - 1 + np.log(4))])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mean": np.nan}, "NaN or infinite"),
        ({"mean": 1e200}, "beyond 1e\\+08"),
        ({"logvar": 800.0}, "beyond 1e\\+08"),
        ({"logvar": 80.0}, "deviations lie beyond 1e\\+08"),
        ({"logvar": -1e308}, "beyond any number"),
        ({"factors": [[0], [1]]}, "images, factors"),
        ({"factors": [[0], [1], [0], [2]]}, "outside 0"),
        ({"sizes": (2, 2)}, "number of values"),
    ],
)
def test_what_cannot_be_measured_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(IfpError, match=said):
        make(**wrong)  # type: ignore[arg-type]


MEAN = [[0.5, -0.5], [1.0, 0.0], [-1.0, 2.0], [0.0, 0.25]]


@pytest.mark.parametrize(
    "convert",
    [
        np.array,
        lambda rows: np.array(rows, dtype=np.float32),
        lambda rows: torch.tensor(rows, requires_grad=True),
        lambda rows: torch.tensor(rows).bfloat16(),
        lambda rows: torch.tensor(rows).half().tolist(),
        tuple,
    ],
)
def test_any_kind_of_numbers_becomes_float64(convert: Any) -> None:
    codes = Codes(convert(MEAN), convert(MEAN))
    assert codes.mean_ND.dtype == codes.logvar_ND.dtype == np.float64
    assert codes.mean_ND.tolist() == MEAN  # all of these are exact in 8 bits
    assert (codes.factors_NF.shape, codes.factor_names, codes.has_factors) == ((4, 0), (), False)
    assert repr(codes) == "<Codes: 4 images, 2 latents, no factors>"


@pytest.mark.parametrize(
    ("factors", "positions", "sizes"),
    [
        (["heart", "square", "heart", "ellipse"], [[1], [2], [1], [0]], (3,)),
        ([0.5, 1.0, 0.5, 2.0], None, None),
        ([[7, 3], [5, 3], [7, 9], [5, 9]], [[1, 0], [0, 0], [1, 1], [0, 1]], (2, 2)),
        (torch.tensor([[2.0], [1.0], [2.0], [1.0]]), [[1], [0], [1], [0]], (2,)),
        ([True, False, True, True], [[1], [0], [1], [1]], (2,)),
    ],
)
def test_factors_of_any_values_are_numbered(factors: Any, positions: Any, sizes: Any) -> None:
    if positions is None:
        with pytest.raises(IfpError, match="continuous"):
            Codes(MEAN, MEAN, factors)
        return
    codes = Codes(MEAN, MEAN, factors)
    assert codes.factors_NF.dtype == np.int64
    assert (codes.factors_NF.tolist(), codes.factor_sizes) == (positions, sizes)
    assert codes.factor_names == tuple(f"factor_{place}" for place in range(len(sizes)))


def test_positions_with_their_sizes_stay_as_they_are() -> None:
    codes = Codes(MEAN, MEAN, np.array([3, 0, 3, 1], dtype=np.uint8), np.array(["a"]), [9])
    assert (codes.factors_NF.ravel().tolist(), codes.factor_names, codes.factor_sizes) == ([3, 0, 3, 1], ("a",), (9,))
    assert repr(codes) == "<Codes: 4 images, 2 latents, factors a (9)>"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((object(), MEAN), "mean must be an array, a tensor or lists of equal length, got a object"),
        (([[1.0], [1.0, 2.0]], MEAN), "mean must be an array"),
        (([["a"]], [["b"]]), "mean must be numbers"),
        (([1.0, 2.0], [1.0, 2.0]), "must both be \\[images, latents\\]"),
        ((MEAN, MEAN, None, ("a",)), "without the factors"),
        ((MEAN, MEAN, [1, 2, 1, 2], "a"), "write \\['a'\\]"),
        ((MEAN, MEAN, [1, 2, 1, 2], ("a", "b")), "images, factors"),
        ((MEAN, MEAN, [[1, 2]] * 4, ("a", "a")), "must be different"),
        ((MEAN, MEAN, ["x", "y", "x", "y"], ("a",), (2,)), "leave factor_sizes out"),
    ],
)
def test_a_mistake_is_one_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence) as error:
        Codes(*given)
    assert str(error.value).count("\n") == 0


def test_codes_cost_no_torch() -> None:
    code = "import sys, ifp; ifp.Codes([[0.0]], [[0.0]]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
