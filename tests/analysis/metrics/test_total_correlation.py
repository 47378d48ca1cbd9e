"""Dependence among latents against closed forms of Gaussians."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.metrics import pairwise_mi, total_correlation, wasserstein_correlation
from ifp.analysis.metrics.total_correlation import gaussian_tc_bias_nats
from ifp.errors import IfpError


def with_covariance(covariance_DD: np.ndarray, num_images: int, generator: np.random.Generator) -> np.ndarray:
    """Codes whose sample covariance (divisor N - 1) is exactly this."""
    codes_ND = generator.normal(size=(num_images, len(covariance_DD)))
    codes_ND -= codes_ND.mean(axis=0)
    white_ND = codes_ND @ np.linalg.inv(np.linalg.cholesky(np.cov(codes_ND, rowvar=False))).T
    return white_ND @ np.linalg.cholesky(covariance_DD).T + 3


@pytest.mark.parametrize(("r", "expected"), [(0.9, 0.8304), (0.0, 0.0), (-0.5, -0.5 * np.log(0.75))])
def test_two_correlated_latents(rng: np.random.Generator, r: float, expected: float) -> None:
    covariance = np.array([[4.0, 2 * 0.1 * r], [2 * 0.1 * r, 0.01]])
    score = total_correlation(with_covariance(covariance, 5000, rng))
    assert score.value == pytest.approx(expected, abs=5e-5)
    assert np.signbit(score.value) == 0
    if r:  # at 0 exactly the estimate is as low as it can be, and so is the interval
        assert score.low_nats < expected < score.high_nats
    assert score.corrected_nats == pytest.approx(score.value - score.bias_nats)


def test_the_bias_is_the_mean_error(rng: np.random.Generator) -> None:
    """400 small samples of 4 independent Gaussians: the true value is 0, the mean of the estimates is the bias."""
    values = [total_correlation(rng.normal(size=(40, 4)), min_samples=40, resamples=1).value for _ in range(400)]
    expected = gaussian_tc_bias_nats(40, 4)
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 20)
    assert expected == pytest.approx(4 * 3 / (4 * 40), rel=0.1)
    assert gaussian_tc_bias_nats(10_000, 10) == pytest.approx(10 * 9 / 4e4, rel=0.01)


@pytest.mark.parametrize(("r", "most"), [(0.5, 0.99), (0.0, 1.0)])
def test_the_interval_covers_as_it_says(rng: np.random.Generator, r: float, most: float) -> None:
    """95 % intervals of 3 latents hold the truth in 95 % of 200 samples (1.5 % standard error), or more at 0."""
    covariance = np.full((3, 3), r) + (1 - r) * np.eye(3)
    truth = -0.5 * np.log(np.linalg.det(covariance))
    root = np.linalg.cholesky(covariance)
    hits = 0
    for seed in range(200):
        score = total_correlation(rng.normal(size=(400, 3)) @ root.T, min_samples=400, seed=seed)
        hits += score.low_nats <= truth <= score.high_nats
    assert 0.90 <= hits / 200 <= most


def test_scale_does_not_matter(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 4)) @ rng.normal(size=(4, 4))
    scaled = codes_ND * [1e-6, 1.0, 1e6, 5.0] + [0, 1e3, 0, 0]
    assert float(total_correlation(scaled)) == pytest.approx(float(total_correlation(codes_ND)), rel=1e-6)


def test_copies_are_infinitely_dependent(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 2))
    score = total_correlation(np.hstack([codes_ND, codes_ND]))
    assert score.value == np.inf
    assert score.reason


def test_dead_latents_are_left_out(rng: np.random.Generator) -> None:
    codes_ND = with_covariance(np.array([[1.0, 0.9], [0.9, 1.0]]), 1000, rng)
    score = total_correlation(np.hstack([np.full((1000, 1), 0.1), codes_ND]))
    assert score.value == pytest.approx(0.8304, abs=5e-5)
    assert score.active == (1, 2)
    for few in (np.zeros((1000, 3)), codes_ND[:, :1]):
        nothing = total_correlation(few)
        assert (nothing.value, nothing.low_nats, nothing.high_nats) == (0, 0, 0)
        assert nothing.reason


def test_a_latent_that_moves_once_is_constant_in_some_resamples(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 3))
    codes_ND[:, 0] = np.arange(1000) == 0
    score = total_correlation(codes_ND)
    assert np.isfinite([score.value, score.low_nats, score.high_nats]).all()
    assert total_correlation(codes_ND * 1e-170).value == 0


def test_wasserstein_of_two_correlated_latents(rng: np.random.Generator) -> None:
    s, r = 2.5, 0.8
    score = wasserstein_correlation(with_covariance(s * np.array([[1, r], [r, 1]]), 2000, rng))
    expected = 4 * s - 2 * s * (np.sqrt(1 + r) + np.sqrt(1 - r))
    assert score.value == pytest.approx(expected)
    assert score.normalised == pytest.approx(expected / (2 * s))


@pytest.mark.parametrize("latents", [2, 5])
def test_wasserstein_of_copies_is_the_most_there_is(rng: np.random.Generator, latents: int) -> None:
    codes_ND = np.repeat(rng.normal(size=(1000, 1)), latents, axis=1)
    assert wasserstein_correlation(codes_ND).normalised == pytest.approx(2 - 2 / np.sqrt(latents))
    assert wasserstein_correlation(3 * codes_ND).normalised == pytest.approx(2 - 2 / np.sqrt(latents))


def test_wasserstein_of_unequal_variances(rng: np.random.Generator) -> None:
    """Against the matrix square root of the definition."""
    from scipy.linalg import sqrtm

    half = rng.normal(size=(3, 3))
    covariance = half @ half.T
    expected = 2 * np.trace(covariance) - 2 * np.trace(sqrtm(covariance @ np.diag(np.diag(covariance)))).real
    assert wasserstein_correlation(with_covariance(covariance, 2000, rng)).value == pytest.approx(expected)
    assert wasserstein_correlation(with_covariance(np.diag([1.0, 2, 3]), 2000, rng)).value == pytest.approx(0, abs=1e-9)
    assert wasserstein_correlation(np.zeros((1000, 2))).value == 0
    assert wasserstein_correlation(rng.normal(size=(1000, 1))).value == pytest.approx(0, abs=1e-12)


def test_pairwise_mi(rng: np.random.Generator) -> None:
    value_N = np.arange(10_000) % 10
    score = pairwise_mi(np.stack([value_N, -value_N, value_N // 5], axis=1))
    assert score.value == pytest.approx((np.log(10) + 2 * np.log(2)) / 3)
    assert np.diag(score.mi_nats_DD) == pytest.approx(np.log([10, 10, 2]))
    assert pairwise_mi(np.zeros((1000, 3))).value == pytest.approx(0, abs=1e-12)
    assert pairwise_mi(value_N[:, None]).value == 0
    uniform = pairwise_mi(rng.uniform(size=(10_000, 5)))
    assert uniform.value == pytest.approx(19**2 / 20_000, rel=0.1)


@pytest.mark.parametrize(("name", "bad"), [("resamples", 0), ("level", 1.0), ("level", 95)])
def test_what_total_correlation_refuses(rng: np.random.Generator, name: str, bad: float) -> None:
    with pytest.raises(IfpError, match=f"{name} must be"):
        total_correlation(rng.normal(size=(1000, 2)), **{name: bad})
