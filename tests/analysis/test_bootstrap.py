"""The bootstrap of a median: exact medians, coverage, clusters, censoring."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.bootstrap import cluster_bootstrap_median


@pytest.mark.parametrize("members", [1, 2, 5, 8])
def test_the_median_is_the_median(rng: np.random.Generator, members: int) -> None:
    values = rng.normal(size=members)
    found = cluster_bootstrap_median(values, np.arange(members), generator=rng)
    assert found.median == np.median(values)
    assert (members < 2) == np.isnan(found.low)
    if members > 1:
        assert values.min() <= found.low <= found.median <= found.high <= values.max()


def test_the_interval_covers_as_it_says(rng: np.random.Generator) -> None:
    """95 % intervals over 30 contexts hold the true median, 0, in 95 % of 300 repetitions (2 % standard error)."""
    hits = 0
    for _ in range(300):
        found = cluster_bootstrap_median(rng.normal(size=30), np.arange(30), generator=rng, resamples=400)
        hits += found.low <= 0 <= found.high
    assert 0.90 <= hits / 300 <= 0.99


def test_seeds_of_one_context_are_drawn_together(rng: np.random.Generator) -> None:
    """Ten seeds of the same 12 values tell no more than one: the interval is the same, not sqrt(10) narrower."""
    values = rng.normal(size=12)
    one = cluster_bootstrap_median(values, np.arange(12), generator=np.random.default_rng(1))
    ten = cluster_bootstrap_median(
        np.repeat(values, 10), np.repeat(np.arange(12), 10), generator=np.random.default_rng(1)
    )
    apart = cluster_bootstrap_median(np.repeat(values, 10), np.arange(120), generator=np.random.default_rng(1))
    assert (one.low, one.median, one.high) == (ten.low, ten.median, ten.high)
    assert apart.high - apart.low < 0.8 * (ten.high - ten.low)


def test_censored_members_keep_their_place(rng: np.random.Generator) -> None:
    """The median of 9 values, of which the lowest 3 and the highest 2 are known by order only, is unharmed."""
    values = np.arange(9.0)
    censored = values.copy()
    censored[:3], censored[-2:] = -np.inf, np.inf
    found = cluster_bootstrap_median(censored, np.arange(9), generator=rng)
    assert found.median == 4.0
    assert np.isneginf(found.low) or found.low >= 3
    without = values[3:-2]
    assert np.median(without) != 4.0 or len(without) % 2 == 0  # dropping them would not do


@pytest.mark.parametrize(
    ("values", "median"),
    [
        ([-np.inf, -np.inf, 1.0], -np.inf),
        ([1.0, np.inf, np.inf], np.inf),
        ([-np.inf, -np.inf, 1.0, 2.0], -np.inf),
        ([1.0, 2.0, np.inf, np.inf], np.inf),
        ([-np.inf, 1.0, 2.0, np.inf], 1.5),
    ],
)
def test_a_median_among_censored_members_is_infinite(values: list[float], median: float) -> None:
    found = cluster_bootstrap_median(np.array(values), np.arange(len(values)), generator=np.random.default_rng(0))
    assert found.median == median


def test_diverged_members_are_left_out() -> None:
    found = cluster_bootstrap_median(np.array([1.0, np.nan, 3.0]), np.arange(3), generator=np.random.default_rng(0))
    assert found.median == 2.0


def test_nothing_known_gives_nothing() -> None:
    found = cluster_bootstrap_median(np.array([np.nan]), np.array(["a"]), generator=np.random.default_rng(0))
    assert np.isnan([found.median, found.low, found.high]).all()


def test_equal_generators_give_equal_intervals(rng: np.random.Generator) -> None:
    values = rng.normal(size=20)
    first, again = (
        cluster_bootstrap_median(values, np.arange(20), generator=np.random.default_rng(7)) for _ in range(2)
    )
    assert first == again
