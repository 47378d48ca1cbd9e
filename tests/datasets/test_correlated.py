"""Correlated factors: exact tables against published numbers, draws against the tables, and every bad pair."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets.correlated import CorrelatedSampler, Pair, make_pairs, parse_pair, parse_sigma
from ifp.datasets.factors import FactorSpace
from ifp.datasets.joint_sampler import JointSampler
from ifp.datasets.npz import NpzDataset
from ifp.datasets.sprites import SPACE
from ifp.errors import IfpError

SMALL = FactorSpace(("a", "b", "c", "d", "one"), (3, 4, 2, 3, 1))

# pair, sigma: Pearson, I, H(a), H(b) (nats), 1 - I/H(a), 1 - I/H(b), effective share of the cells, total variation from
# the uniform table; computed apart from this code, to 4 digits
ORACLES: list[tuple[str, str, float, list[float]]] = [
    ("posX", "scale", 0.04, [0.9925, 1.7423, 3.2433, 1.7747, 0.4628, 0.0182, 0.1189, 0.8267]),
    ("posX", "scale", 0.1, [0.9487, 1.0764, 3.4654, 1.7615, 0.6894, 0.3889, 0.2873, 0.6397]),
    ("posX", "scale", 0.2, [0.8085, 0.5011, 3.4605, 1.7615, 0.8552, 0.7155, 0.5195, 0.4354]),
    ("posX", "scale", 0.4, [0.4574, 0.1149, 3.4591, 1.7763, 0.9668, 0.9353, 0.8150, 0.2088]),
    ("posX", "posY", 0.04, [0.9908, 1.8699, 3.4616, 3.4616, 0.4598, 0.4598, 0.1320, 0.8141]),
    ("posX", "posY", 0.1, [0.9419, 1.0163, 3.4552, 3.4552, 0.7059, 0.7059, 0.3094, 0.6218]),
    ("posX", "posY", 0.2, [0.7824, 0.4498, 3.4499, 3.4499, 0.8696, 0.8696, 0.5513, 0.4095]),
    ("shape", "scale", 0.1, [0.9777, 1.0737, 1.0978, 1.5880, 0.0219, 0.3238]),
    ("shape", "posY", 0.1, [0.9671, 1.0265, 1.0588, 3.2433, 0.0305, 0.6835]),
]


def pearson(table: np.ndarray) -> float:
    at_a, at_b = (np.arange(size) for size in table.shape)
    da, db = at_a - table.sum(1) @ at_a, at_b - table.sum(0) @ at_b
    return float(da @ table @ db / math.sqrt((table.sum(1) @ da**2) * (table.sum(0) @ db**2)))


def entropy(table: np.ndarray) -> float:
    p = table[table > 0]
    return float(-(p * np.log(p)).sum())


def measures(table: np.ndarray) -> list[float]:
    h_a, h_b = entropy(table.sum(1)), entropy(table.sum(0))
    information = h_a + h_b - entropy(table)
    effective = 1 / (table.size * (table**2).sum())
    distance = 0.5 * float(abs(table - 1 / table.size).sum())
    return [pearson(table), information, h_a, h_b, 1 - information / h_a, 1 - information / h_b, effective, distance]


def brute_table(space: FactorSpace, pairs: list[Pair], inverse: bool = False) -> np.ndarray:
    """The joint probabilities of all factors by one loop over all cells."""
    table = np.empty(space.sizes)
    for cell in np.ndindex(*space.sizes):
        c = dict(
            zip(space.names, (at / max(1, size - 1) for at, size in zip(cell, space.sizes, strict=True)), strict=True)
        )
        weight = 1.0
        for a, b, sigma in pairs:
            weight *= math.exp(-((c[a] - (1 - c[b] if inverse else c[b])) ** 2) / (2 * sigma**2))
        table[cell] = weight
    return table / table.sum()


@pytest.mark.parametrize(("a", "b", "sigma", "published"), ORACLES)
def test_tables_have_the_published_measures(a: str, b: str, sigma: float, published: list[float]) -> None:
    found = measures(CorrelatedSampler(SPACE, [(a, b, sigma)]).joint_table(a, b))
    np.testing.assert_allclose(found[: len(published)], published, rtol=0, atol=0.5001e-4)


def test_the_corners_of_a_table() -> None:
    table = CorrelatedSampler(SPACE, [("posX", "scale", 0.2)]).joint_table("posX", "scale")
    assert table[0, 0] == pytest.approx(0.013559, abs=0.5e-6)
    assert table[0, 5] == pytest.approx(5.1e-8, abs=0.05e-8)


@pytest.mark.parametrize(("a", "b"), list(combinations(SPACE.names, 2)))
def test_a_large_sigma_is_nearly_uniform(a: str, b: str) -> None:
    r, information, h_a, h_b, *_, distance = measures(CorrelatedSampler(SPACE, [(a, b, 10)]).joint_table(a, b))
    assert abs(r) < 0.002
    assert information < 1e-5
    assert (h_a, h_b) == pytest.approx((math.log(SPACE.size_of(a)), math.log(SPACE.size_of(b))), abs=1e-4)
    assert distance < 1e-3


def test_draws_have_the_correlation_and_no_other() -> None:
    draws = CorrelatedSampler(SPACE, [("posX", "scale", 0.2)]).draw(100_000, np.random.default_rng(0))
    assert draws.shape == (100_000, 5)
    r = np.corrcoef(draws.T)
    for a, b in combinations(range(5), 2):
        if (a, b) == (1, 3):
            assert r[a, b] == pytest.approx(0.8085, abs=0.005)
        else:
            assert abs(r[a, b]) < 0.015
    assert draws.min(axis=0).tolist() == [0] * 5
    assert draws.max(axis=0).tolist() == [size - 1 for size in SPACE.sizes]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "b", 0.3)],
        [("d", "a", 0.3), ("b", "c", 0.5)],
        [("c", "d", 0.4), ("b", "a", 0.3), ("b", "d", 0.6)],
        [("a", "b", 0.4), ("b", "d", 0.4), ("d", "a", 0.4)],
    ],
)
def test_linked_pairs_are_drawn_from_the_whole_product(pairs: list[Pair], inverse: bool) -> None:
    whole = brute_table(SMALL, pairs, inverse)
    sampler = CorrelatedSampler(SMALL, pairs, inverse)
    for a, b in combinations(range(5), 2):
        expected = whole.sum(axis=tuple({0, 1, 2, 3, 4} - {a, b}))
        name_a, name_b = SMALL.names[a], SMALL.names[b]
        np.testing.assert_allclose(sampler.joint_table(name_a, name_b), expected, rtol=1e-12)
        np.testing.assert_allclose(sampler.joint_table(name_b, name_a), expected.T, rtol=1e-12)
    count = 50_000
    cell_N = SMALL.ravel(sampler.draw(count, np.random.default_rng(1)))
    expected_K = count * whole.ravel()
    chi2 = ((np.bincount(cell_N, minlength=len(SMALL)) - expected_K) ** 2 / expected_K).sum()
    # 71 degrees of freedom: mean 71, standard deviation 12
    assert chi2 < 71 + 5 * 12
    # all cells in any order: the probabilities of stored images are those of the grid
    order = np.random.default_rng(2).permutation(len(SMALL))
    found = sampler.image_probabilities(SMALL.unravel(order))
    np.testing.assert_allclose(found, whole.ravel()[order], rtol=1e-12)


def test_no_sigma_draws_the_same_uniform_positions_bit_by_bit() -> None:
    off = CorrelatedSampler(SPACE, [("posX", "scale", math.inf)], inverse=True)
    plain = CorrelatedSampler(SPACE, [])
    draws = [sampler.draw(20_000, np.random.default_rng(0)) for sampler in (off, plain)]
    np.testing.assert_array_equal(*draws)
    for at, size in enumerate(SPACE.sizes):
        counts = np.bincount(draws[0][:, at], minlength=size)
        # a chi-squared of size - 1 degrees of freedom
        assert ((counts - 20_000 / size) ** 2 / (20_000 / size)).sum() < size - 1 + 5 * math.sqrt(2 * (size - 1))
    np.testing.assert_allclose(off.joint_table("posX", "scale"), 1 / 192, rtol=1e-12)
    np.testing.assert_allclose(off.image_probabilities(np.zeros((4, 5), dtype=int)), 0.25, rtol=1e-12)


@pytest.mark.parametrize(("a", "b", "sigma", "published"), ORACLES)
def test_inverse_mirrors_the_table(a: str, b: str, sigma: float, published: list[float]) -> None:
    table, mirrored = (
        CorrelatedSampler(SPACE, [(a, b, sigma)], inverse).joint_table(a, b) for inverse in (False, True)
    )
    np.testing.assert_allclose(mirrored, table[:, ::-1], rtol=1e-11)
    assert pearson(mirrored) == pytest.approx(-pearson(table), rel=1e-12)
    assert pearson(mirrored) == pytest.approx(-published[0], abs=0.5001e-4)


def test_same_generator_same_draws() -> None:
    sampler = CorrelatedSampler(SPACE, [("posX", "scale", 0.2), ("scale", "shape", 0.4)])
    first, second, other = (sampler.draw(1000, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert sampler.draw(0, np.random.default_rng(0)).shape == (0, 5)


def test_a_factor_linked_with_all_others() -> None:
    """The confounder regime: 737,280 combinations in one table; given the factor, the others are independent."""
    sampler = CorrelatedSampler(SPACE, [("posX", other, 0.2) for other in SPACE.names if other != "posX"])
    c_x, marginal = np.arange(32) / 31, np.ones(32)
    kernels = []
    for name, size in zip(SPACE.names, SPACE.sizes, strict=True):
        kernel = np.exp(-((c_x[:, None] - np.arange(size) / (size - 1)) ** 2) / (2 * 0.2**2))
        if name != "posX":
            kernels.append(kernel / kernel.sum(axis=1, keepdims=True))
            marginal = marginal * kernel.sum(axis=1)
    marginal /= marginal.sum()
    np.testing.assert_allclose(sampler.joint_table("posX", "shape"), marginal[:, None] * kernels[0], rtol=1e-9)
    np.testing.assert_allclose(
        sampler.joint_table("scale", "posY"), (marginal[:, None] * kernels[1]).T @ kernels[3], rtol=1e-9
    )


def test_factors_that_are_too_many_to_enumerate() -> None:
    space = FactorSpace(("a", "b", "c"), (200, 200, 200))
    sampler = CorrelatedSampler(space, [("a", "b", 0.1), ("b", "c", 0.1)])
    with pytest.raises(IfpError, match="link a, b, c, which have 8,000,000 combinations, and at most 2,000,000"):
        sampler.draw(1, np.random.default_rng(0))
    # stored images need no table
    found = sampler.image_probabilities(np.array([[0, 0, 0], [199, 0, 0], [100, 100, 100]]))
    np.testing.assert_allclose(found, [0.5, 0, 0.5], atol=1e-20)


def test_stored_images_with_holes_repeats_and_uneven_steps(tmp_path: Path) -> None:
    factors = np.array([[0, 5], [0, 5], [10, 5], [40, 6], [10, 9]])
    images = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)
    np.savez(tmp_path / "a.npz", images=images, factors=factors, factor_names=np.array(["size", "tilt"]))
    data = NpzDataset(tmp_path / "a.npz")
    sampler = CorrelatedSampler(data.space, [("size", "tilt", 0.5)], values=data.factor_values)
    positions = np.array([[0, 0], [0, 0], [1, 0], [2, 1], [1, 2]])
    scaled = np.array([[0, 0], [0, 0], [0.25, 0], [1, 0.25], [0.25, 1]])
    expected = np.exp(-((scaled[:, 0] - scaled[:, 1]) ** 2) / (2 * 0.5**2))
    np.testing.assert_allclose(sampler.image_probabilities(positions), expected / expected.sum(), rtol=1e-12)


def test_images_far_off_the_diagonal_still_have_probabilities() -> None:
    found = CorrelatedSampler(SPACE, [("posX", "posY", 1e-6)]).image_probabilities(
        np.array([[0, 0, 0, 31, 0], [0, 0, 0, 0, 31], [0, 0, 0, 31, 0]])
    )
    np.testing.assert_allclose(found, 1 / 3, rtol=1e-12)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("posx", "scale", 0.2)], r"Unknown factor 'posx': .*did you mean 'posX'\?"),
        ([("posX", "posX", 0.2)], "cannot be correlated with itself, got posX,posX"),
        ([("posX", "scale", 0.2), ("scale", "posX", 0.4)], "The pair scale,posX is given twice"),
        ([("posX", "scale", math.inf), ("posX", "scale", 0.4)], "The pair posX,scale is given twice"),
        ([("posX", "scale", 0.0)], r"sigma must be at least 1e-06, or inf for no correlation, got 0\.0\."),
        ([("posX", "scale", -0.2)], r"sigma must be at least 1e-06, .* got -0\.2\."),
        ([("posX", "scale", math.nan)], r"sigma must be at least 1e-06, .* got nan\."),
    ],
)
def test_bad_pairs_are_one_sentence(pairs: list[Pair], message: str) -> None:
    with pytest.raises(IfpError, match=message) as caught:
        CorrelatedSampler(SPACE, pairs)
    assert "\n" not in str(caught.value)


def test_a_factor_with_one_value_cannot_correlate() -> None:
    with pytest.raises(IfpError, match="The factor 'one' has one value only"):
        CorrelatedSampler(SMALL, [("a", "one", 0.2)])


def test_bad_questions_to_a_sampler() -> None:
    sampler = CorrelatedSampler(SPACE, [("posX", "scale", 0.2)])
    with pytest.raises(IfpError, match="two different factors, got 'posX' twice"):
        sampler.joint_table("posX", "posX")
    with pytest.raises(IfpError, match="Unknown factor 'size'"):
        sampler.joint_table("posX", "size")
    with pytest.raises(IfpError, match="count must be a whole number of at least 0, got -1"):
        sampler.draw(-1, np.random.default_rng(0))


def test_what_is_stored_names_the_family() -> None:
    pairs = [("posX", "scale", 0.2), ("shape", "posY", math.inf)]
    stored = json.loads(json.dumps(CorrelatedSampler(SPACE, pairs, inverse=True).describe(), allow_nan=False))
    assert stored == {
        "family": "gaussian",
        "pairs": [["posX", "scale", 0.2], ["shape", "posY", "inf"]],
        "inverse": True,
    }


def test_options_of_the_command_line() -> None:
    assert parse_pair(" posX , scale ") == ("posX", "scale")
    for text in ("posX", "posX,", ",", "a,b,c", ""):
        with pytest.raises(IfpError, match="two factors and one comma"):
            parse_pair(text)
    assert [parse_sigma(text) for text in ("0.2", "inf", "none", "None")] == [0.2, math.inf, math.inf, math.inf]
    with pytest.raises(IfpError, match="sigma must be a number above 0, or none for no correlation, got 'strong'"):
        parse_sigma("strong")
    assert make_pairs([], []) == []
    assert make_pairs(["a,b", "c,d"], [0.1, 0.2]) == [("a", "b", 0.1), ("c", "d", 0.2)]
    assert make_pairs(["a,b", "c,d"], [0.1]) == [("a", "b", 0.1), ("c", "d", 0.1)]
    for correlate, sigmas in ((["a,b"], []), (["a,b"], [0.1, 0.2]), ([], [0.1]), (["a,b"] * 3, [0.1] * 2)):
        with pytest.raises(IfpError, match=f"got {len(sigmas)} for {len(correlate)} of `correlate`"):
            make_pairs(correlate, sigmas)


def test_cells_of_probability_zero_are_never_drawn() -> None:
    table = np.array([[0.0, 0.0, 0.2], [0.8, 0.0, 0.0]])
    sampler = JointSampler(FactorSpace(("a", "b"), (2, 3)), {("a", "b"): table}, {})
    draws = sampler.draw(10_000, np.random.default_rng(0))
    assert set(map(tuple, draws.tolist())) == {(0, 2), (1, 0)}
    assert (draws[:, 0] == 1).mean() == pytest.approx(0.8, abs=0.02)
    with pytest.raises(IfpError, match="None of these images has a probability above 0"):
        sampler.image_probabilities(np.array([[0, 0], [1, 1]]))
