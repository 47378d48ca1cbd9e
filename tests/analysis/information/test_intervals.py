"""Intervals: the formula, and how often they contain the truth."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.information.intervals import (
    corrected_interval,
    largest_deviation,
    simultaneous_interval,
    within_noise,
)


def test_corrected_interval_takes_the_bias_off_and_adds_the_normal_reach() -> None:
    bootstrap_B1 = np.array([[1.3], [1.5], [1.4]])  # mean 1.4, sd 0.1

    low, high = corrected_interval(np.array([1.2]), bootstrap_B1)

    np.testing.assert_allclose([low[0], high[0]], [1.0 - 0.1959964, 1.0 + 0.1959964], atol=1e-7)


def test_simultaneous_band_is_as_wide_as_independent_numbers_need(rng: np.random.Generator) -> None:
    # of 20 independent normals the largest deviation has its 95 % point where (2 Phi(x) - 1)^20 = 0.95: x = 3.016
    assert largest_deviation(rng.normal(size=(20_000, 20)) * np.arange(1, 21)) == pytest.approx(3.016, abs=0.05)


def test_simultaneous_band_of_numbers_that_move_together_is_no_wider_than_one(rng: np.random.Generator) -> None:
    together_BK = rng.normal(size=(20_000, 1)) * np.arange(1, 6)

    assert largest_deviation(together_BK) == pytest.approx(1.96, abs=0.05)


def test_simultaneous_band_contains_all_truths_together(rng: np.random.Generator) -> None:
    held = 0
    for _ in range(300):
        estimate_K = 0.2 + rng.normal(size=12)  # bias 0.2, truth 0
        low_K, high_K = simultaneous_interval(estimate_K, estimate_K + 0.2 + rng.normal(size=(200, 12)))
        held += bool(((low_K <= 0) & (high_K >= 0)).all())

    assert 0.91 <= held / 300 <= 0.98  # 0.95 within 3 standard errors of 300 repeats, 200 resamples included


def test_what_does_not_vary_and_what_is_unknown_leave_the_others_alone(rng: np.random.Generator) -> None:
    varying_B = rng.normal(size=500)
    bootstrap_BK = np.stack([varying_B, np.full(500, 3.0), np.full(500, np.nan)], axis=1)

    low_K, high_K = simultaneous_interval(np.array([0.0, 3.0, np.nan]), bootstrap_BK)

    assert (low_K[1], high_K[1]) == (3.0, 3.0)
    assert np.isnan([low_K[2], high_K[2]]).all()
    assert largest_deviation(bootstrap_BK) == largest_deviation(varying_B[:, None])


def test_within_noise_forgives_rounding_only() -> None:
    assert within_noise(1e-15, 3e-15) is True
    assert within_noise(1e-6, 1e-3) is False
    assert within_noise(-1e-3, -1e-6) is False
