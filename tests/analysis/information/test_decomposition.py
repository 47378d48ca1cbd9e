"""The three parts of the KL against closed forms, and against their sum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from ifp.analysis.information.decomposition import KlDecomposition, decompose_kl
from ifp.codes import Codes
from ifp.errors import IfpError


def codes_of(mean_ND: np.ndarray, variance: np.ndarray | float) -> Codes:
    logvar_ND = np.broadcast_to(np.log(variance), mean_ND.shape).astype(np.float64)
    return Codes(mean_ND.astype(np.float64), logvar_ND, np.zeros((len(mean_ND), 0), dtype=int))


def assert_sums(parts: KlDecomposition) -> None:
    total = parts.index_code_mi_nats + parts.total_correlation_nats + parts.dimwise_kl_nats
    assert total == pytest.approx(parts.kl_nats, rel=1e-9, abs=1e-12)
    assert abs(parts.kl_nats - parts.closed_form_kl_nats) <= 4 * parts.kl_stderr_nats


def test_parts_equal_a_sum_written_out(rng: np.random.Generator) -> None:
    mean_ND, sigma_ND = rng.normal(size=(40, 3)), rng.uniform(0.2, 1.5, size=(40, 3))
    parts = decompose_kl(codes_of(mean_ND, sigma_ND**2), samples=40_000, seed=1)
    assert_sums(parts)
    images = np.tile(np.arange(40), 1000)
    z_SD = mean_ND[images] + sigma_ND[images] * rng.normal(size=(40_000, 3))
    each_SND = norm.logpdf(z_SD[:, None], mean_ND, sigma_ND)
    own_S = each_SND[np.arange(len(z_SD)), images].sum(axis=1)
    joint_S = logsumexp(each_SND.sum(axis=2), axis=1) - np.log(40)
    marginals_S = (logsumexp(each_SND, axis=1) - np.log(40)).sum(axis=1)
    prior_S = norm.logpdf(z_SD).sum(axis=1)
    for terms_S, part, error in (
        (own_S - joint_S, parts.index_code_mi_nats, parts.index_code_mi_stderr_nats),
        (joint_S - marginals_S, parts.total_correlation_nats, parts.total_correlation_stderr_nats),
        (marginals_S - prior_S, parts.dimwise_kl_nats, parts.dimwise_kl_stderr_nats),
    ):
        assert abs(part - terms_S.mean()) <= 4 * np.sqrt(2) * error


def test_standard_errors_are_right(rng: np.random.Generator) -> None:
    codes = codes_of(0.9 * rng.normal(size=(300, 4)), 0.19)
    runs = [decompose_kl(codes, samples=100, seed=seed) for seed in range(200)]
    scores = [(run.kl_nats - run.closed_form_kl_nats) / run.kl_stderr_nats for run in runs]
    # 100 of 300 images each: sampling without replacement makes the true spread a little smaller
    assert abs(np.mean(scores)) < 4 / np.sqrt(200)
    assert 0.7 < np.std(scores) < 1.2


def test_independent_latents_have_no_total_correlation(rng: np.random.Generator) -> None:
    parts = decompose_kl(codes_of(np.sqrt(0.75) * rng.normal(size=(10_000, 3)), 0.25))
    assert_sums(parts)
    mi_nats = -0.5 * 3 * np.log(0.25)  # of Gaussian channels whose output is N(0, 1)
    assert parts.index_code_mi_nats == pytest.approx(mi_nats, abs=4 * parts.index_code_mi_stderr_nats + 0.02)
    assert parts.total_correlation_nats == pytest.approx(0, abs=4 * parts.total_correlation_stderr_nats + 0.02)
    assert parts.dimwise_kl_nats == pytest.approx(0, abs=4 * parts.dimwise_kl_stderr_nats + 0.002)


@pytest.mark.parametrize("correlation", [0.5, 0.9])
def test_correlated_gaussian_has_its_total_correlation(rng: np.random.Generator, correlation: float) -> None:
    variance = 0.09
    covariance = np.array([[1 - variance, correlation], [correlation, 1 - variance]])
    mean_ND = rng.multivariate_normal(np.zeros(2), covariance, size=10_000)
    parts = decompose_kl(codes_of(mean_ND, variance), samples=8000)
    assert_sums(parts)
    expected = -0.5 * np.log(1 - correlation**2)
    assert parts.total_correlation_nats == pytest.approx(expected, abs=4 * parts.total_correlation_stderr_nats)
    assert 4 * parts.total_correlation_stderr_nats < 0.06
    entropy_nats = 0.5 * np.log(1 - correlation**2) + np.log(2 * np.pi * np.e)
    noise_nats = np.log(2 * np.pi * np.e * variance)
    assert parts.index_code_mi_nats == pytest.approx(entropy_nats - noise_nats, abs=4 * parts.index_code_mi_stderr_nats)


@pytest.mark.parametrize("sigma", [1.0, 1e-3, 1e-8])
def test_hard_clusters_have_the_entropy_of_their_label(sigma: float) -> None:
    mean_ND = np.repeat(20 * np.eye(5), 40, axis=0)
    parts = decompose_kl(codes_of(mean_ND, sigma**2), samples=200)
    assert_sums(parts)
    assert parts.index_code_mi_nats == pytest.approx(np.log(5), abs=1e-6)
    # each marginal tells one cluster from the other four
    marginal_nats = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    assert parts.total_correlation_nats == pytest.approx(5 * marginal_nats - np.log(5), abs=1e-6)
    assert not parts.near_cap


def test_collapsed_codes_hold_nothing() -> None:
    parts = decompose_kl(codes_of(np.zeros((50, 6)), 1.0), samples=100)
    values = [
        parts.index_code_mi_nats, parts.total_correlation_nats, parts.dimwise_kl_nats, parts.kl_nats,
        parts.closed_form_kl_nats, parts.index_code_mi_upper_nats,
    ]  # fmt: skip
    np.testing.assert_allclose(values, 0, atol=1e-12)


def test_separate_codes_reach_the_cap_and_say_so(rng: np.random.Generator) -> None:
    parts = decompose_kl(codes_of(rng.normal(size=(100, 8)), 1e-6), samples=300)
    assert parts.index_code_mi_nats == pytest.approx(np.log(100), abs=1e-9)
    assert parts.near_cap
    assert parts.index_code_mi_upper_nats > 100


def test_the_information_lies_between_with_and_without_the_own_posterior(rng: np.random.Generator) -> None:
    truth = -0.5 * 6 * np.log(0.19)
    parts = decompose_kl(codes_of(0.9 * rng.normal(size=(2000, 6)), 0.19))
    error = 4 * parts.index_code_mi_stderr_nats
    assert parts.index_code_mi_nats < truth - 0.1
    assert parts.index_code_mi_nats - error < truth < parts.index_code_mi_upper_nats + error


def test_same_seed_same_bits(rng: np.random.Generator) -> None:
    codes = codes_of(rng.normal(size=(50, 2)), 0.3)
    assert decompose_kl(codes, samples=60, seed=4) == decompose_kl(codes, samples=60, seed=4)
    assert decompose_kl(codes, samples=60, seed=4) != decompose_kl(codes, samples=60, seed=5)


def test_bad_counts_are_refused_in_a_sentence() -> None:
    with pytest.raises(IfpError, match="samples must be"):
        decompose_kl(codes_of(np.zeros((5, 1)), 1.0), samples=1)
    with pytest.raises(IfpError, match="images must be"):
        decompose_kl(codes_of(np.zeros((1, 1)), 1.0))
