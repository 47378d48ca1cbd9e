"""Codes: what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

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
        ({"logvar": 800.0}, "beyond any number"),
        ({"factors": [[0], [1]]}, "images, factors"),
        ({"factors": [[0], [1], [0], [2]]}, "outside 0"),
        ({"sizes": (2, 2)}, "number of values"),
    ],
)
def test_what_cannot_be_measured_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(IfpError, match=said):
        make(**wrong)  # type: ignore[arg-type]
