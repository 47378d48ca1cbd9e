"""The moment test on posteriors whose moments are known."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.checkpoints.readings.moment_test import FOREIGN_SHARE, laplace_deviation, moment_test, prior_test


def linear_gaussian(rng: np.random.Generator, variances: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The optimal posteriors of a linear VAE: mean ~ N(0, 1 - v), variance v; v = 1 is a collapsed latent."""
    v_D = np.array(variances)
    mean_ND = rng.normal(size=(20_000, len(v_D))) * np.sqrt(1 - v_D)
    return mean_ND, np.log(np.broadcast_to(v_D, mean_ND.shape))


def test_an_optimal_vae_passes(rng: np.random.Generator) -> None:
    test = moment_test(*linear_gaussian(rng, [0.05, 0.5, 1.0]))
    assert test.active_D.tolist() == [True, True, False]
    assert test.deviation < 0.02
    assert test.passed


@pytest.mark.parametrize(("moment", "passed"), [(1.29, True), (0.71, True), (1.31, False), (0.69, False)])
def test_a_median_deviation_of_three_tenths_is_the_limit(moment: float, passed: bool) -> None:
    """Three active latents, of which the middle one by its deviation decides; a collapsed one does not count."""
    sign_N = np.array([-1.0, 1.0] * 50)
    moment_D = np.array([1.0, moment, 3.0, 1.0])
    logvar_D = np.log([0.2, 0.2, 0.2, 1.0])
    mean_ND = sign_N[:, None] * np.sqrt(moment_D - np.exp(logvar_D))
    test = moment_test(mean_ND, np.broadcast_to(logvar_D, mean_ND.shape))
    np.testing.assert_allclose(test.moment_D, moment_D)
    assert test.active_D.tolist() == [True, True, True, False]
    assert test.deviation == pytest.approx(abs(moment - 1))
    assert test.passed == passed


def test_halves_read_as_interleaved_fails(rng: np.random.Generator) -> None:
    mean_ND, logvar_ND = linear_gaussian(rng, [0.01, 0.02, 0.05, 1.0])
    out = np.concatenate([mean_ND, logvar_ND], axis=1)
    assert not moment_test(out[:, 0::2], out[:, 1::2]).passed


def test_log_sigma_read_as_log_variance_fails_for_a_weakly_frozen_latent(rng: np.random.Generator) -> None:
    mean_ND, logvar_ND = linear_gaussian(rng, [0.3, 0.3])
    assert moment_test(mean_ND, logvar_ND / 2).deviation == pytest.approx(np.sqrt(0.3) - 0.3, abs=0.02)


def test_posteriors_that_overflow_fail_without_a_warning() -> None:
    test = moment_test(np.zeros((10, 2)), np.full((10, 2), 1e4))
    assert test.deviation == np.inf
    assert not test.passed


# --- the dimension-wise KL -----------------------------------------------------------------------------------------


def test_posteriors_that_average_to_the_prior_have_no_dimension_wise_kl(rng: np.random.Generator) -> None:
    test = prior_test(*linear_gaussian(rng, [0.05, 0.5, 1.0]))
    # of 2,000 images, so with a standard error of 0.02
    assert test.kl_nats == pytest.approx(-0.5 * np.log([0.05, 0.5]).sum(), abs=0.06)
    assert test.dimwise_kl_nats < 0.05
    assert test.passed


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_the_dimension_wise_kl_of_codes_on_another_scale_is_that_of_two_gaussians(
    scale: float, rng: np.random.Generator
) -> None:
    mean_ND, logvar_ND = linear_gaussian(rng, [0.1, 0.1])
    test = prior_test(scale * mean_ND, logvar_ND + 2 * np.log(scale))
    # all of them together are N(0, scale^2)
    expected = 2 * 0.5 * (scale**2 - 1 - np.log(scale**2))
    assert test.dimwise_kl_nats == pytest.approx(expected, rel=0.1, abs=0.05)
    assert test.passed == (test.share <= FOREIGN_SHARE)


def test_collapsed_latents_pass_whatever_the_share() -> None:
    test = prior_test(np.full((100, 2), 0.3), np.zeros((100, 2)))
    assert test.kl_nats == pytest.approx(0.09)
    assert test.share > 0.5
    assert test.passed
    assert prior_test(np.zeros((100, 2)), np.zeros((100, 2))).share == 0


def test_what_is_far_from_the_prior_fails_and_what_is_not_finite_too() -> None:
    assert not prior_test(np.full((100, 2), 3.0), np.full((100, 2), -1.0)).passed
    assert not prior_test(np.full((100, 2), np.nan), np.zeros((100, 2))).passed
    assert prior_test(np.full((3, 1), 50.0), np.full((3, 1), -600.0)).share <= 1


def test_few_images_are_enough(rng: np.random.Generator) -> None:
    mean_ND, logvar_ND = linear_gaussian(rng, [0.01, 0.02, 0.05, 0.1, 1.0])
    assert prior_test(mean_ND[:100], logvar_ND[:100]).passed


def test_laplace_posteriors_whose_mean_distance_is_that_of_the_prior_pass(rng: np.random.Generator) -> None:
    # z = m + noise of scale b is Laplace(0, 1) for m = 0 with probability b^2, else Laplace(0, 1)
    scale = 0.3
    location_N = rng.laplace(size=20_000) * (rng.uniform(size=20_000) > scale**2)
    location_ND, log_scale_ND = location_N[:, None], np.full((20_000, 1), np.log(scale))
    assert laplace_deviation(location_ND, log_scale_ND) < 0.03
    assert moment_test(location_ND, np.log(2) + 2 * log_scale_ND).deviation == pytest.approx(1, abs=0.1)
    assert laplace_deviation(np.full((9, 1), np.nan), np.zeros((9, 1))) == np.inf
