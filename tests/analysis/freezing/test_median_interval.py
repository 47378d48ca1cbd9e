"""The interval of a median: known ranks, coverage by simulation, clusters, censored members."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.freezing.median_interval import FEWEST_CLUSTERS, median_interval
from ifp.errors import IfpError

REPETITIONS = 1000
Draw = Callable[[np.random.Generator, int], np.ndarray]
# distributions with their medians: symmetric, skewed, with very heavy tails, of two groups far apart
DRAWS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "lognormal": (lambda rng, n: np.exp(1.5 * rng.normal(size=n)), 1.0),
    "exponential": (lambda rng, n: rng.exponential(size=n), float(np.log(2))),
    "cauchy": (lambda rng, n: rng.standard_cauchy(size=n), 0.0),
    "two groups": (lambda rng, n: np.where(rng.random(n) < 0.3, 20.0, 0.0) + rng.random(n), 5 / 7),
}


@pytest.mark.parametrize(
    ("clusters", "rank"),
    # Gibbons and Chakraborti's table of the sign test: with 9 values the 2nd to the 8th, with 15 the 4th to the 12th
    [(5, 0), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (40, 14)],
)
def test_the_ends_are_those_of_the_sign_test(clusters: int, rank: int) -> None:
    found = median_interval(np.arange(1.0, clusters + 1), np.arange(clusters))
    assert found.median == (clusters + 1) / 2
    if rank == 0:
        assert np.isnan([found.low, found.high]).all()
    else:
        assert (found.low, found.high) == (rank, clusters + 1 - rank)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("clusters", [6, 7, 8, 12, 32])
def test_the_interval_covers(clusters: int, name: str) -> None:
    """1000 repetitions: the standard error of .95 is .007, so .93 is three of them below."""
    rng = np.random.default_rng(clusters)
    draw, truth = DRAWS[name]
    intervals = [median_interval(draw(rng, clusters), np.arange(clusters)) for _ in range(REPETITIONS)]
    coverage = np.mean([one.low <= truth <= one.high for one in intervals])
    assert coverage >= 0.93
    if clusters == 6:
        assert coverage == pytest.approx(1 - 2 / 64, abs=0.017)  # exactly; three standard errors


@pytest.mark.parametrize("shared", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(("clusters", "members"), [(6, 5), (10, 32), (25, 60)])
def test_the_interval_covers_when_members_share_a_nuisance(clusters: int, members: int, shared: float) -> None:
    """Members fall to clusters at random, and differ by what their cluster has in common and by their own part.

    exp of a symmetric sum, so that the median of members and that of clusters are both 1. By member, not by cluster,
    the interval would miss it in most cases where the common part is the larger one.
    """
    rng = np.random.default_rng(members)
    by_cluster, by_member, drawn = 0, 0, 0
    for _ in range(REPETITIONS // 2):
        cluster_M = rng.integers(clusters, size=members)
        values_M = np.exp(shared * rng.normal(size=clusters)[cluster_M] + rng.normal(size=members))
        found = median_interval(values_M, cluster_M)
        if np.isnan(found.low):
            assert len(np.unique(cluster_M)) < FEWEST_CLUSTERS
            continue
        drawn += 1
        by_cluster += found.low <= 1 <= found.high
        apart = median_interval(values_M, np.arange(members))
        by_member += apart.low <= 1 <= apart.high
    if members == 5:
        assert drawn == 0
        return
    assert by_cluster / drawn >= 0.93
    if (clusters, shared) == (10, 3.0):
        assert by_member / drawn < 0.85


def test_seeds_of_one_context_tell_no_more_than_one(rng: np.random.Generator) -> None:
    values = rng.normal(size=12)
    one = median_interval(values, np.arange(12))
    ten = median_interval(np.repeat(values, 10), np.repeat(np.arange(12), 10))
    assert one == ten
    apart = median_interval(np.repeat(values, 10), np.arange(120))
    assert apart.high - apart.low < ten.high - ten.low


def test_a_cluster_gives_the_median_of_its_members() -> None:
    found = median_interval(np.array([1.0, 3.0, 100.0, 7.0]), np.array(["a", "a", "a", "b"]))
    assert found.median == 5.0


def test_censored_members_keep_their_place() -> None:
    """Nine values, of which the lowest 3 and the highest 2 are known by order only."""
    values = np.arange(9.0)
    censored = values.copy()
    censored[:3], censored[-2:] = -np.inf, np.inf
    found = median_interval(censored, np.arange(9))
    assert (found.median, found.low, found.high) == (4.0, -np.inf, np.inf)
    found = median_interval(np.concatenate([values, [np.inf]]), np.arange(10))
    assert (found.median, found.low, found.high) == (4.5, 1.0, 8.0)  # 2nd to 9th of 10


def test_the_interval_covers_when_members_are_censored() -> None:
    """Values above 1.2 x the median are known to lie above, no more: at least as many intervals cover as before."""
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(REPETITIONS):
        values = np.exp(rng.normal(size=24))
        values[values > 1.2] = np.inf
        found = median_interval(values, np.repeat(np.arange(12), 2))
        hits += found.low <= 1 <= found.high
    assert hits / REPETITIONS >= 0.93


@pytest.mark.parametrize(
    ("values", "median"),
    [
        ([-np.inf, -np.inf, 1.0], -np.inf),
        ([1.0, np.inf, np.inf], np.inf),
        ([-np.inf, -np.inf, 1.0, 2.0], -np.inf),
        ([1.0, 2.0, np.inf, np.inf], np.inf),
        ([-np.inf, 1.0, 2.0, np.inf], 1.5),
        ([np.inf, np.inf], np.inf),
        ([-np.inf, np.inf], np.nan),
    ],
)
def test_a_median_among_censored_members_is_infinite(values: list[float], median: float) -> None:
    np.testing.assert_equal(median_interval(np.array(values), np.arange(len(values))).median, median)


def test_a_cluster_between_a_number_and_a_censored_member_is_bounded_by_the_number() -> None:
    """Of seven clusters, the first has 5 and "above": its value is 5 or more, which the lower end must allow for."""
    values = np.array([5.0, np.inf, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    found = median_interval(values, np.array([0, 0, 1, 2, 3, 4, 5, 6]))
    assert (found.low, found.high) == (5.0, np.inf)
    assert found.median == 13.0


def test_a_cluster_of_which_nothing_is_known_may_lie_on_either_side() -> None:
    half = np.array([-np.inf, np.inf])
    with_it = median_interval(np.concatenate([half, [1.0, 3.0, 3.0, 3.0, 4.0]]), np.array([0, 0, 1, 2, 3, 4, 5]))
    assert with_it.median == 3.0  # on either side
    assert np.isnan(median_interval(np.concatenate([half, [1.0, 2.0]]), np.array([0, 0, 1, 2])).median)


def test_what_is_not_known_is_left_out() -> None:
    assert median_interval(np.array([1.0, np.nan, 3.0]), np.arange(3)).median == 2.0
    found = median_interval(np.array([np.nan]), np.array(["a"]))
    assert np.isnan([found.median, found.low, found.high]).all()
    assert np.isnan(median_interval(np.array([]), np.array([])).median)


def test_few_clusters_have_an_interval_at_a_lower_level_only() -> None:
    assert median_interval(np.arange(5.0), np.arange(5), level=0.9).low == 0
    assert np.isnan(median_interval(np.arange(7.0), np.arange(7), level=0.99).low)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(IfpError, match="level must be between 0 and 1"):
        median_interval(np.arange(9.0), np.arange(9), level=level)


def test_values_without_their_clusters_are_refused() -> None:
    with pytest.raises(IfpError, match="Each value needs its cluster"):
        median_interval(np.arange(9.0), np.arange(8))
