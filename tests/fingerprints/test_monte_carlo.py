"""Monte Carlo information against grids, closed forms and hard clusters, and its stated errors against its spread."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.fingerprints import monte_carlo
from ifp.fingerprints.comparisons import SpaceComparison, SpaceComparisons
from ifp.fingerprints.estimates import Estimate, Ratio, average
from ifp.fingerprints.monte_carlo import Posteriors, compare_all
from ifp.seeds import numpy_generator

from .spaces import NAMES, NMI, TRUE_INFORMATION_BITS, TRUE_NMI, VI_BITS, nine_spaces

PAIRS = tuple(combinations(range(9), 2))


def space(mean_ND: np.ndarray, logvar: np.ndarray | float) -> Codes:
    mean_ND = np.atleast_2d(np.asarray(mean_ND, dtype=float).T).T
    return Codes(mean_ND, np.zeros_like(mean_ND) + logvar, np.empty((len(mean_ND), 0), dtype=int))


def compared(first: Posteriors, second: Posteriors, **options: Any) -> SpaceComparison:
    return compare_all([first, second], **options).pair(0, 1)


def information(codes: Posteriors, **options: Any) -> Estimate:
    return compare_all([codes], **options).information[0]


@cache
def of_the_nine() -> SpaceComparisons:
    return compare_all(list(nine_spaces().values()), generator=numpy_generator(0, "tests", "nine spaces"))


def numbers(comparison: SpaceComparison) -> tuple[np.ndarray, np.ndarray]:
    """What a comparison says and the errors of it, in the order of its fields."""
    found = [comparison.first, comparison.second, comparison.first_two_looks, comparison.second_two_looks]
    bits = [*found, comparison.joint, comparison.vi]
    return (
        np.array([*(e.bits for e in bits), comparison.nmi.value]),
        np.array([*(e.error_bits for e in bits), comparison.nmi.error]),
    )


def test_the_nine_spaces() -> None:
    """The known values have errors of their own, 0.007 bits and 0.01."""
    found = of_the_nine()
    for estimate, known in zip(found.information, TRUE_INFORMATION_BITS, strict=True):
        assert abs(estimate.bits - known) < 3 * np.hypot(estimate.error_bits, 0.007)
        assert estimate.error_bits < 0.015
    for (first, second), known_nmi in TRUE_NMI.items():
        nmi = found.pair(NAMES.index(first), NAMES.index(second)).nmi
        assert abs(nmi.value - known_nmi) < 0.01 + 2 * nmi.error
        assert nmi.error < 0.01


def test_fingerprints_order_the_pairs_as_monte_carlo_does() -> None:
    found = [of_the_nine().pair(first, second) for first, second in PAIRS]
    assert spearmanr([f.nmi.value for f in found], NMI)[0] > 0.95
    assert spearmanr([f.vi.bits for f in found], VI_BITS)[0] > 0.95


def on_a_grid(first: Codes, second: Codes) -> np.ndarray:
    """The seven numbers of two spaces of one dimension, by integration over both."""

    def densities(codes: Codes) -> tuple[np.ndarray, float, float]:
        sigma_N = np.exp(codes.logvar_ND[:, 0] / 2)
        step = sigma_N.min() / 2
        grid_G = np.arange(
            (codes.mean_ND[:, 0] - 9 * sigma_N).min(), (codes.mean_ND[:, 0] + 9 * sigma_N).max() + step, step
        )
        noise_bits = float(np.mean(np.log2(sigma_N * np.sqrt(2 * np.pi * np.e))))
        return norm.pdf(grid_G, codes.mean_ND, sigma_N[:, None]), step, noise_bits

    def together(a: tuple[np.ndarray, float, float], b: tuple[np.ndarray, float, float]) -> float:
        density_GG = a[0].T @ b[0] / len(a[0])
        logs_GG = np.log2(np.maximum(density_GG, 1e-300))
        return float(-(density_GG * logs_GG).sum() * a[1] * b[1]) - a[2] - b[2]

    def alone(a: tuple[np.ndarray, float, float]) -> float:
        density_G = a[0].mean(axis=0)
        return float(-(density_G * np.log2(np.maximum(density_G, 1e-300))).sum() * a[1]) - a[2]

    u, v = densities(first), densities(second)
    i_u, i_v, uu, vv, uv = alone(u), alone(v), together(u, u), together(v, v), together(u, v)
    nmi = (i_u + i_v - uv) / np.sqrt((2 * i_u - uu) * (2 * i_v - vv))
    return np.array([i_u, i_v, uu, vv, uv, 2 * uv - uu - vv, nmi])


def test_errors_are_as_large_as_they_say(rng: np.random.Generator) -> None:
    """300 small runs: (estimate - truth) / stated error has mean 0 and standard deviation 1 in all seven numbers."""
    first = space([-3, -2, -1, 0, 0.5, 1, 2, 4], np.log(np.array([[0.3, 1, 0.2, 0.5, 0.1, 2, 0.4, 0.6]]).T))
    second = space([0, 1.5, 0, 1.5, 3, 3, -1, 0.5], -1.0)
    truth = on_a_grid(first, second)
    pulls = []
    for _ in range(300):
        value, error = numbers(compared(first, second, samples=500, generator=rng))
        pulls.append((value - truth) / error)
    # standard errors of 300 pulls: 0.058 of the mean, 0.041 of the deviation; the rest is for the errors' own noise
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.25
    assert np.abs(np.std(pulls, axis=0) - 1).max() < 0.15


def test_a_gaussian_channel() -> None:
    """Means that are the quantiles of N(0, 0.9), variance 0.1: half log2(1 + 9) bits, two looks half log2(1 + 18)."""
    means_N = np.sqrt(0.9) * norm.ppf((np.arange(2000) + 0.5) / 2000)
    alike = space(means_N, np.log(0.1))
    found = compared(alike, alike, samples=8000, generator=numpy_generator(0, "tests", "gaussian channel"))
    for estimate, truth in [
        (found.first, 0.5 * np.log2(10)),
        (found.second_two_looks, 0.5 * np.log2(19)),
        (found.joint, 0.5 * np.log2(19)),
    ]:
        assert abs(estimate.bits - truth) < 3 * estimate.error_bits < 0.06
    assert abs(found.nmi.value - 1) < 3 * found.nmi.error < 0.02
    assert abs(found.vi.bits) < 3 * found.vi.error_bits


@pytest.mark.parametrize("dimensions", [1, 1000])
def test_hard_clusters(dimensions: int) -> None:
    """Halves and quarters of 64 points hold 1 and 2 bits; densities in 1000 dimensions are below e^-1400."""
    halves = space(np.repeat(np.arange(64) // 32, dimensions).reshape(64, -1) * 100, 0.0)
    quarters = space(np.repeat(np.arange(64) // 16, dimensions).reshape(64, -1) * -100, 0.0)
    parity = space(np.repeat(np.arange(64) % 2, dimensions).reshape(64, -1) * 100, 0.0)
    both = compare_all([halves, quarters, parity], samples=50, generator=numpy_generator(0, "tests", "clusters"))
    value, error = numbers(both.pair(0, 1))
    np.testing.assert_allclose(value, [1, 2, 1, 2, 2, 1, 0.5**0.5], rtol=1e-8)
    np.testing.assert_allclose(numbers(both.pair(0, 2))[0], [1, 1, 1, 1, 2, 2, 0], atol=1e-8)
    assert error.max() < 1e-6


def test_units_and_places_do_not_matter(rng: np.random.Generator) -> None:
    mean_ND, logvar_ND = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) - 2
    other = space(rng.normal(size=(40, 2)), -1.0)
    scale, shift = np.array([1e-6, 3.0, 1e6]), np.array([5.0, 1e4, -1e7])
    mapped = space(mean_ND * scale + shift, logvar_ND + 2 * np.log(scale))
    found, again = (
        numbers(compared(codes, other, samples=200, generator=numpy_generator(0, "tests", "scale")))[0]
        for codes in (space(mean_ND, logvar_ND), mapped)
    )
    np.testing.assert_allclose(again, found, atol=1e-6)


@pytest.mark.parametrize("logvar", [-1000.0, -50.0, -28.0])
def test_posteriors_narrower_than_rounding(logvar: float) -> None:
    """Points: all 64 are told apart, but for those that are the same.

    Four terms of (1 / 1e-5)^2, each rounded by 2^-53 of itself, are known to 4.4e-6 nats or 6.4e-6 bits.
    """
    distinct, doubled = space(np.arange(64) * 0.37, logvar), space(np.arange(64) // 2 * 0.37, logvar)
    for codes, bits in ((distinct, 6), (doubled, 5)):
        found = information(codes, samples=500, generator=numpy_generator(0, "narrow"))
        assert found.bits == pytest.approx(bits, abs=6.4e-6)
        assert found.error_bits < 1e-6


@pytest.mark.parametrize("narrow", [0.0, -1000.0])
def test_posteriors_wider_than_any_number(narrow: float) -> None:
    """Half of the images have a posterior of variance e^690, half a narrow one: a bit that one draw shows."""
    mean_ND, logvar_ND = np.zeros((8, 1)), np.repeat([690.0, narrow], 4)[:, None]
    found = information(
        SimpleNamespace(mean_ND=mean_ND, logvar_ND=logvar_ND), samples=100, generator=numpy_generator(0, "wide")
    )
    assert found.bits == pytest.approx(1, abs=1e-9)


def test_a_space_without_information_has_no_nmi() -> None:
    dead, live = space(np.zeros(16), 0.0), space(np.arange(16), -1.0)
    found = compared(dead, live, samples=300, generator=numpy_generator(0, "dead"))
    assert np.isnan([found.nmi.value, found.nmi.error]).all()
    assert found.first.bits == pytest.approx(0, abs=1e-9)
    assert found.vi.bits == pytest.approx(2 * found.second.bits - found.second_two_looks.bits, abs=0.3)
    assert np.isfinite(found.vi.error_bits)


def test_blocks_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    codes = [space(rng.normal(size=(50, size)), -1.5) for size in (1, 4, 2)]
    whole = compare_all(codes, samples=150, generator=numpy_generator(0, "blocks"))
    monkeypatch.setattr(monte_carlo, "CHUNK_IMAGES", 7)
    monkeypatch.setattr(monte_carlo, "BLOCK_ENTRIES", 1)
    monkeypatch.setattr(monte_carlo, "LEAST_ROWS", 11)
    told: list[tuple[str, int, int]] = []
    parts = compare_all(
        codes, samples=150, generator=numpy_generator(0, "blocks"), progress=lambda *done: told.append(done)
    )
    np.testing.assert_allclose(parts.mean_PQ, whole.mean_PQ, rtol=1e-11)
    np.testing.assert_allclose(parts.covariance_PQQ, whole.covariance_PQQ, rtol=1e-9)
    assert len(told) == 14
    assert told[-1] == ("Monte Carlo (draws)", 150, 150)


def test_pairs_are_found_in_either_order(rng: np.random.Generator) -> None:
    codes = [space(rng.normal(size=(30, 2)) * scale, 0.0) for scale in (0.5, 1, 2, 4)]
    found = compare_all(codes, samples=100, generator=rng)
    for low, high in combinations(range(4), 2):
        value, error = numbers(found.pair(low, high))
        turned, turned_error = numbers(found.pair(high, low))
        order = [1, 0, 3, 2, 4, 5, 6]
        np.testing.assert_allclose(turned, value[order], rtol=1e-12)
        np.testing.assert_allclose(turned_error, error[order], rtol=1e-12)
        for at, model in enumerate((low, high)):
            assert value[at] == pytest.approx(found.information[model].bits)
            assert error[at] == pytest.approx(found.information[model].error_bits)
            assert value[2 + at] == pytest.approx(found.two_looks[model].bits)
    with pytest.raises(IfpError, match=r"two different spaces of 0 \.\.\. 3, got 2 and 2"):
        found.pair(2, 2)
    with pytest.raises(IfpError, match="got 0 and 4"):
        found.pair(0, 4)


def test_the_same_seed_gives_the_same_bits() -> None:
    codes = nine_spaces()["v"]
    first, again, other = (
        information(codes, samples=100, generator=numpy_generator(seed, "again")) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"samples": 1}, "samples must be at least 2, got 1"),
        ({"second": space(np.arange(5), 0.0)}, "only on the same images"),
    ],
)
def test_what_cannot_be_compared(change: dict[str, object], sentence: str) -> None:
    given = {"first": space(np.arange(4), 0.0), "second": space(np.arange(4), 0.0), "samples": 10} | change
    with pytest.raises(IfpError, match=sentence):
        compared(given.pop("first"), given.pop("second"), generator=numpy_generator(0), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mean_ND", "sentence"),
    [
        (np.array([[0.0], [np.nan]]), "NaN or infinite"),
        (np.zeros(2), r"must both be \[images, dimensions\]"),
        (np.zeros((2, 0)), r"must both be \[images, dimensions\]"),
    ],
)
def test_what_is_no_space(mean_ND: np.ndarray, sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        information(SimpleNamespace(mean_ND=mean_ND, logvar_ND=np.zeros_like(mean_ND)), generator=numpy_generator(0))


def test_no_spaces() -> None:
    with pytest.raises(IfpError, match="no spaces"):
        compare_all([], generator=numpy_generator(0))


def test_the_average_has_at_most_the_error_of_one() -> None:
    """The same estimate three times is no better than once."""
    assert average([Ratio(0.7, 0.02)] * 3) == Ratio(pytest.approx(0.7), pytest.approx(0.02))


@pytest.mark.parametrize(("estimates", "sentence"), [([], "no estimates"), ([Ratio(np.nan, np.nan)], "finite")])
def test_what_cannot_be_averaged(estimates: list[Ratio], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        average(estimates)


def test_the_share_of_the_data() -> None:
    """Of hard quarters of 64 points: 2 bits of 6."""
    assert Estimate(2.0, 0.06).share(64) == Ratio(pytest.approx(1 / 3), pytest.approx(0.01))
    with pytest.raises(IfpError, match="images must be at least 2, got 1"):
        Estimate(0.0, 0.0).share(1)
