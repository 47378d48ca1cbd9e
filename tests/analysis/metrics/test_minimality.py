"""Minimality and sufficiency against exact answers and the table of the identity, noise and rotated codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.metrics import mig, minimality
from ifp.analysis.metrics.posterior_information import posterior_information_nats
from ifp.errors import IfpError

DSPRITES = (3, 6, 40, 32, 32)
Draw = Callable[..., np.ndarray]


def test_identity_is_minimal_but_not_sufficient_in_15_bins(grid: Draw) -> None:
    factors_NF = grid(DSPRITES)
    score = minimality(factors_NF, factors_NF)
    assert score.value == pytest.approx(1, abs=1e-9)
    assert score.sufficiency == pytest.approx(0.85716, abs=5e-6)
    assert score.sufficiency_DF.max(axis=0) == pytest.approx([1, 1, 0.7297, 0.7781, 0.7781], abs=5e-5)
    assert minimality(factors_NF, factors_NF, bins=40).sufficiency == pytest.approx(1, abs=1e-9)


def test_identity_on_shapes3d_is_both(grid: Draw) -> None:
    factors_NF = grid((10, 10, 10, 8, 4, 15))
    score = minimality(factors_NF, factors_NF)
    assert (score.value, score.sufficiency) == pytest.approx((1, 1), abs=1e-9)


def test_duplicates_are_still_minimal_and_sufficient(draw: Draw) -> None:
    factors_NF = draw(DSPRITES, 2000)
    score = minimality(np.hstack([factors_NF, factors_NF]), factors_NF)
    assert score.value == pytest.approx(1, abs=0.001)
    assert score.sufficiency == pytest.approx(0.857, abs=0.003)


@pytest.mark.parametrize(("num_images", "expected", "within"), [(2000, 0.530, 0.006), (20_000, 0.503, 0.001)])
def test_noise_codes_cost_minimality_only(draw: Draw, num_images: int, expected: float, within: float) -> None:
    factors_NF = draw(DSPRITES, num_images)
    noise_ND = np.random.default_rng(1).normal(size=(num_images, 5))
    score = minimality(np.hstack([factors_NF, noise_ND]), factors_NF)
    assert score.value == pytest.approx(expected, abs=within)
    assert score.sufficiency == pytest.approx(0.857, abs=0.003)


@pytest.mark.parametrize(
    ("num_images", "minimal", "sufficient", "within"), [(2000, 0.059, 0.025, 0.006), (20_000, 0.006, 0.003, 0.001)]
)
def test_noise_codes_alone(draw: Draw, num_images: int, minimal: float, sufficient: float, within: float) -> None:
    noise_ND = np.random.default_rng(1).normal(size=(num_images, 5))
    score = minimality(noise_ND, draw(DSPRITES, num_images))
    assert score.value == pytest.approx(minimal, abs=within)
    assert score.sufficiency == pytest.approx(sufficient, abs=within)


@pytest.mark.parametrize(("num_images", "minimal", "sufficient"), [(2000, 0.682, 0.607), (20_000, 0.671, 0.599)])
def test_rotating_the_positions(draw: Draw, num_images: int, minimal: float, sufficient: float) -> None:
    factors_NF = draw(DSPRITES, num_images)
    codes_ND = factors_NF.astype(float)
    codes_ND[:, 3:] = codes_ND[:, 3:] @ np.array([[1.0, 1.0], [-1.0, 1.0]]).T / np.sqrt(2)
    score = minimality(codes_ND, factors_NF)
    assert score.value == pytest.approx(minimal, abs=0.005)
    assert score.sufficiency == pytest.approx(sufficient, abs=0.005)


def test_correlated_factors_lower_mig_but_neither_of_these() -> None:
    """posX and posY drawn with weight exp(-(x - y)^2 / (2 * .1^2)), positions in 0 ... 1."""
    generator = np.random.default_rng(0)
    place = np.linspace(0, 1, 32)
    weight = np.exp(-((place[:, None] - place) ** 2) / (2 * 0.1**2)).ravel()
    pair_N = generator.choice(32 * 32, size=20_000, p=weight / weight.sum())
    others = [generator.integers(0, size, 20_000) for size in DSPRITES[:3]]
    factors_NF = np.stack([*others, pair_N // 32, pair_N % 32], axis=1)
    score = minimality(factors_NF, factors_NF)
    assert score.value == pytest.approx(1, abs=0.001)
    assert score.sufficiency == pytest.approx(0.860, abs=0.003)
    gap_F = mig(factors_NF, factors_NF, bins=40).gap_F
    assert gap_F[3:] == pytest.approx([0.7059, 0.7059], abs=0.02)


def test_dead_latents_are_named_and_left_out(draw: Draw) -> None:
    factors_NF = draw((3, 4), 2000)
    noise_ND = np.random.default_rng(0).normal(size=(2000, 1)) * 1e-3
    codes_ND = np.hstack([factors_NF, noise_ND, np.full((2000, 1), 0.1)])
    logvar_ND = np.tile([-4.0, -4.0, 0.0, 0.0], (2000, 1))
    for estimator in ("histogram", "posterior"):
        score = minimality(codes_ND, factors_NF, logvar_ND=logvar_ND, estimator=estimator)
        assert score.active_D.tolist() == [True, True, False, False]
        assert score.kl_nats_D[2] < 0.01 < score.kl_nats_D[0]
        assert score.value > 0.95
        assert np.isnan(score.minimality_DF[2:]).all()
    assert minimality(codes_ND, factors_NF).active_D.tolist() == [True, True, True, False]


@pytest.mark.parametrize("estimator", ["histogram", "posterior"])
def test_without_an_active_latent_minimality_is_void(draw: Draw, estimator: str) -> None:
    score = minimality(np.zeros((1000, 3)), draw((3, 4), 1000), logvar_ND=np.zeros((1000, 3)), estimator=estimator)
    assert np.isnan(score.value)
    assert score.sufficiency == 0
    assert "no latent is active" in score.reason


def test_sharp_posteriors_hold_all_40_values(grid: Draw) -> None:
    """No bins in the way: codes whose posteriors do not overlap are minimal and sufficient."""
    factors_NF = grid((3, 40, 32))
    codes_ND = factors_NF / np.array([3, 40, 32]) * 4 - 2
    score = minimality(
        codes_ND, factors_NF, logvar_ND=np.full(codes_ND.shape, 2 * np.log(0.008)), estimator="posterior"
    )
    assert score.value == pytest.approx(1, abs=1e-6)
    assert score.sufficiency == pytest.approx(1, abs=1e-6)
    assert score.image_mi_nats_D == pytest.approx(np.log([3, 40, 32]), abs=1e-6)
    assert np.diag(score.mi_nats_DF) == pytest.approx(np.log([3, 40, 32]), abs=1e-6)


@pytest.mark.parametrize(("spread", "variance"), [(0.90, 0.10), (0.5, 0.5), (0.99, 0.01)])
def test_a_gaussian_channel(spread: float, variance: float) -> None:
    """Means at the quantiles of N(0, spread): I(z; x) is close to log(1 + spread / variance) / 2."""
    from scipy.special import ndtri

    mean_N = np.sqrt(spread) * ndtri((np.arange(4000) + 0.5) / 4000)
    factor_N1 = (mean_N > 0).astype(int)[:, None]
    image_nats, factor_nats_F = posterior_information_nats(mean_N, np.full(4000, np.log(variance)), factor_N1)
    assert image_nats == pytest.approx(0.5 * np.log(1 + spread / variance), abs=2e-3)
    # the sign of the mean through noise of angle a: the error rate at code z is known, integrate it
    z = np.linspace(-8, 8, 20_001) * np.sqrt(spread + variance)
    from scipy.special import ndtr

    density = np.exp(-0.5 * z**2 / (spread + variance)) / np.sqrt(2 * np.pi * (spread + variance))
    p = np.clip(ndtr(z * np.sqrt(spread / (variance * (spread + variance)))), 1e-300, 1)
    other = np.clip(1 - p, 1e-300, 1)
    conditional = -(p * np.log(p) + other * np.log(other))
    expected = np.log(2) - (density * conditional).sum() * (z[1] - z[0])
    assert factor_nats_F[0] == pytest.approx(expected, abs=2e-3)


def test_posterior_information_against_monte_carlo(rng: np.random.Generator) -> None:
    """Mixtures of unequal widths, by sampling the definition: E log q(z|x) - log q(z) and E log q(z|y) - log q(z)."""
    mean_N, sigma_N = rng.normal(size=300), np.exp(rng.normal(size=300) - 1.5)
    factors_NF = np.stack([(mean_N > 0.3).astype(int), rng.integers(0, 3, 300)], axis=1)
    image_nats, factor_nats_F = posterior_information_nats(mean_N, 2 * np.log(sigma_N), factors_NF)
    from_K = np.tile(np.arange(300), 200)
    z_K = mean_N[from_K] + sigma_N[from_K] * rng.normal(size=len(from_K))
    density_KN = np.exp(-0.5 * ((z_K[:, None] - mean_N) / sigma_N) ** 2) / sigma_N
    log_whole_K = np.log(density_KN.mean(axis=1))
    terms_K = np.log(density_KN[np.arange(len(z_K)), from_K]) - log_whole_K
    assert image_nats == pytest.approx(terms_K.mean(), abs=4 * terms_K.std() / np.sqrt(len(z_K)))
    for f in range(2):
        same_KN = factors_NF[from_K, f][:, None] == factors_NF[:, f]
        terms_K = np.log((density_KN * same_KN).sum(axis=1) / same_KN.sum(axis=1)) - log_whole_K
        assert factor_nats_F[f] == pytest.approx(terms_K.mean(), abs=4 * terms_K.std() / np.sqrt(len(z_K)))


def test_very_narrow_posteriors_cost_no_more(draw: Draw) -> None:
    """A code that is next to exact tells its image apart as far as the grid resolves it."""
    factors_NF = draw((3, 40), 2000)
    codes_ND = factors_NF + 0.0
    score = minimality(codes_ND, factors_NF, logvar_ND=np.full((2000, 2), -40.0), estimator="posterior")
    assert score.value == pytest.approx(1, abs=1e-6)
    assert score.sufficiency == pytest.approx(1, abs=1e-6)


def test_what_minimality_refuses(draw: Draw) -> None:
    factors_NF = draw((3, 4), 1000)
    with pytest.raises(IfpError, match="needs logvar_ND"):
        minimality(factors_NF, factors_NF, estimator="posterior")
    with pytest.raises(IfpError, match="Unknown estimator 'hist'"):
        minimality(factors_NF, factors_NF, estimator="hist")
    with pytest.raises(IfpError, match="mean and logvar must both be"):
        minimality(factors_NF, factors_NF, logvar_ND=np.zeros((1000, 3)))
    with pytest.raises(IfpError, match="NaN"):
        minimality(factors_NF, factors_NF, logvar_ND=np.full((1000, 2), np.nan))
