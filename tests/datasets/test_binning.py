"""Bins of equally many values, and the texts that ask for them."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.datasets.binning import by_quantiles, parse_bins, parse_counts
from ifp.errors import IfpError


def test_bins_hold_equally_many_values_in_order(rng: np.random.Generator) -> None:
    values = rng.lognormal(size=1000)
    bins = by_quantiles(values, 8)
    assert (np.bincount(bins) == 125).all()
    assert all(values[bins == at].max() < values[bins == at + 1].min() for at in range(7))


def test_equal_values_share_a_bin() -> None:
    np.testing.assert_array_equal(by_quantiles(np.array([0.0, 0, 0, 0, 0, 1]), 3), [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(by_quantiles(np.array([0.0, 1, 1, 1, 1, 1]), 3), [0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(by_quantiles(np.full(5, 2.5), 4), 0)


@pytest.mark.parametrize(
    "text", ["1", "0", "1001", "age:1", "age", "age:", ":5", "age:5;size:3", "age:5,age:6", "", "-3"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(IfpError):
        parse_bins(text)


def test_names_may_hold_colons() -> None:
    assert parse_counts("a:b:3,c:2", "grid") == {"a:b": 3, "c": 2}
