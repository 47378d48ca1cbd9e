"""Peaks and steps of MI against beta: closed forms, transitions of known place, and noise that holds nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ifp.analysis.joint import joint_pressures
from ifp.analysis.joint.peaks import why_empty
from ifp.analysis.joint.smoothing import Noise, Smooth, local_parabolas
from ifp.errors import IfpError

from .known_curves import BETAS, LINEAR, STEEP, linear_mi, peaks_of, steep_mi


def test_linear_gaussian_factors_have_no_peak_but_a_staircase_with_their_edges() -> None:
    peaks = peaks_of(linear_mi(BETAS))
    assert len(peaks.peaks) == 0
    assert_allclose(peaks.steps["beta"], LINEAR, rtol=0.03)
    assert_allclose(peaks.steps["latents_after"], [1, 2, 3], atol=0.02)
    for beta, count in ((150, 0), (40, 1), (10, 2), (2, 3)):  # between the steps: n(beta) and n(beta) / 2 beta
        at = np.argmin(np.abs(np.log(peaks.beta_G / beta)))
        assert_allclose(peaks.latents_G[at], count, atol=1e-6)
        assert_allclose(peaks.slope_G[at], count / (2 * peaks.beta_G[at]), atol=1e-6)


def test_a_noisy_staircase_still_holds_its_edges(rng: np.random.Generator) -> None:
    peaks = peaks_of(linear_mi(BETAS) + 0.01 * rng.normal(size=100))
    assert len(peaks.peaks) == 0
    assert_allclose(peaks.steps["beta"], LINEAR, rtol=0.15)
    assert (peaks.steps["low"].to_numpy() <= LINEAR).all()
    assert (peaks.steps["high"].to_numpy() >= LINEAR).all()
    assert_allclose(peaks.noise_nats_T, 0.01, rtol=0.9)


@pytest.mark.parametrize("order", [1, -1])
def test_steep_transitions_peak_where_they_are(rng: np.random.Generator, order: int) -> None:
    mi_nats = steep_mi(BETAS) + 0.02 * rng.normal(size=100)
    peaks = peaks_of(mi_nats[::order], BETAS[::order])
    # the derivative in beta is that in ln(beta) over beta: it peaks lower, by the square of the smoothed width
    assert_allclose(peaks.peaks["beta"], STEEP, rtol=0.06)
    assert (peaks.peaks["value"] > peaks.peaks["noise"]).all()
    assert (peaks.peaks["low"] <= peaks.peaks["beta"]).all()
    assert (peaks.peaks["high"] >= peaks.peaks["beta"]).all()
    # their onset is where the staircase rises, above the middle
    assert len(peaks.steps) == 3
    assert (peaks.steps["beta"].to_numpy() > STEEP).all()


@pytest.mark.parametrize("order", [1, -1])
def test_the_interval_of_a_peak_is_not_that_of_a_higher_flank_at_the_end(rng: np.random.Generator, order: int) -> None:
    # beyond its dip -dMI/dbeta of a gradual factor rises with 1 / beta, to more than the peak
    peaks = peaks_of(linear_mi(BETAS, (80.0,)) + steep_mi(BETAS, (30.0,)) + 0.01 * rng.normal(size=100))
    assert peaks.slope_G[-1] > 1.5 * peaks.peaks["value"][0]
    assert_allclose(peaks.peaks["beta"], [30], rtol=0.06)
    assert_allclose(peaks.peaks[["low", "high"]].to_numpy()[0], [30, 30], rtol=0.1)
    assert peaks.peaks["low"][0] <= peaks.peaks["beta"][0] <= peaks.peaks["high"][0]
    # of a curve the other way round the flank stands before it
    curve = np.array([9.0, 2.0, 1.0, 3.0, 5.0, 3.0, 1.0])[::order]
    at = int(np.flatnonzero(curve == 5)[0])
    weights = np.eye(7)
    loud = Noise(np.array([0, 0, 0, 9.0, 0.1, 9.0, 0])[::order], 1.0, np.zeros((1, 7)), np.ones((1, 7)), 0.95)
    quiet = Noise(np.full(7, 0.1), 1.0, np.zeros((1, 7)), np.ones((1, 7)), 0.95)
    assert Smooth(weights, curve, quiet).place_interval(at, 0, 6, rng) == (at, at)
    low, high = Smooth(weights, curve, loud).place_interval(at, 0, 6, rng)
    assert (low, high) == (at - 1, at + 1)


def test_why_there_is_no_step_does_not_deny_a_rise(rng: np.random.Generator) -> None:
    beta = np.geomspace(20, 1, 20)
    hump = 2 / (1 + np.exp((np.log(beta) - np.log(6)) / 0.4)) + 0.03 * rng.normal(size=(2, 20))
    found = peaks_of(hump, beta)
    assert not len(found.steps)
    assert (found.latents_G > found.latents_noise_G).any()
    why = why_empty(found, joint_pressures(found))["steps"]
    assert "above its noise" in why
    assert "where it steps is not known" in why
    assert "rises nowhere" not in why
    flat = peaks_of(np.full(100, 0.7))
    assert "rises nowhere by more than noise" in why_empty(flat, joint_pressures(flat))["steps"]


def test_noise_alone_peaks_in_one_case_of_twenty_at_most(rng: np.random.Generator) -> None:
    cases = 40
    peaks = [peaks_of(rng.normal(size=60), np.geomspace(100, 1, 60)) for _ in range(cases)]
    # 5 % each: 8 and more of 40 have probability 0.0005
    assert sum(len(one.peaks) > 0 for one in peaks) < 8
    assert sum(len(one.steps) > 0 for one in peaks) < 8
    beyond = sum(bool((np.abs(one.latents_G) > one.latents_noise_G).any()) for one in peaks)
    assert beyond < 8


def test_a_noisy_rise_is_no_peak(rng: np.random.Generator) -> None:
    found_one = [peaks_of(np.log(200 / BETAS) / 2 + 0.05 * rng.normal(size=100)) for _ in range(12)]
    assert sum(len(one.peaks) > 0 for one in found_one) < 4


def test_the_band_knows_the_noise_of_its_records(rng: np.random.Generator) -> None:
    # half the records are exact zeros, as those of a collapsed network are
    noise = np.where(BETAS > 14, 0, 0.05) * rng.normal(size=100)
    peaks = peaks_of(noise)
    assert peaks.noise_nats_T[:30].max() < 0.005
    assert_allclose(peaks.noise_nats_T[-30:], 0.05, rtol=0.5)
    assert len(peaks.peaks) == 0


def test_constant_information_has_neither() -> None:
    peaks = peaks_of(np.full(100, 0.7))
    assert len(peaks.peaks) == len(peaks.steps) == len(joint_pressures(peaks)) == 0
    assert_allclose(peaks.latents_G, 0, atol=1e-9)


def test_seeds_that_differ_raise_the_noise(rng: np.random.Generator) -> None:
    curve = steep_mi(BETAS)
    alike = peaks_of(np.stack([curve + 0.01 * rng.normal(size=100) for _ in range(4)]))
    assert alike.inflation < 1.5
    assert len(alike.peaks) == 3
    # slow drifts that no residual shows
    drifts = [0.4 * np.sin(np.log(BETAS) * 2 + phase) for phase in (0, 1.5, 3, 4.5)]
    drifting = peaks_of(np.stack([curve + drift + 0.01 * rng.normal(size=100) for drift in drifts]))
    assert drifting.inflation > 5
    assert drifting.slope_noise_G[60] > 3 * alike.slope_noise_G[60]


def test_wandering_of_three_networks_has_no_peak(rng: np.random.Generator) -> None:
    for _ in range(4):
        mi_ST = 0.02 * rng.normal(size=(3, 100))
        for at in range(1, 100):
            mi_ST[:, at] += 0.8 * mi_ST[:, at - 1]
        peaks = peaks_of(mi_ST)
        assert peaks.inflation > 1.2
        assert len(peaks.peaks) == 0


def test_more_seeds_less_noise(rng: np.random.Generator) -> None:
    one = peaks_of(linear_mi(BETAS) + 0.05 * rng.normal(size=100))
    many = peaks_of(linear_mi(BETAS) + 0.05 * rng.normal(size=(16, 100)))
    ratio = np.median(many.noise_nats_T) / np.median(one.noise_nats_T)
    assert 0.15 < ratio < 0.5


def test_a_local_parabola_is_exact_on_one_whatever_the_spacing(rng: np.random.Generator) -> None:
    x = np.sort(rng.uniform(0, 5, 40))
    grid = np.linspace(0.5, 4.5, 9)
    fit = local_parabolas(x, grid, 0.4)
    values = 1 - 2 * x + 3 * x**2
    assert_allclose(fit.value_GT @ values, 1 - 2 * grid + 3 * grid**2, atol=1e-8)
    assert_allclose(fit.slope_GT @ values, -2 + 6 * grid, atol=1e-7)
    assert_allclose(fit.bend_GT @ values, 6, atol=1e-5)


def test_noise_is_estimated_nearby_but_not_from_a_few_records(rng: np.random.Generator) -> None:
    """NOISE_WIDTHS: a window of 10 reads the noisy half into the quiet one (5 times too much), one of 1 is unsteady."""
    quiet, spread = [], []
    for _ in range(12):
        changing = peaks_of(np.where(BETAS > 14, 0.005, 0.05) * rng.normal(size=100))
        quiet.append(np.median(changing.noise_nats_T[:30]) / 0.005)
        spread.append(np.log(peaks_of(rng.normal(size=100)).noise_nats_T))
    assert 0.7 < np.median(quiet) < 1.5
    assert np.std(spread) < 0.24


@pytest.mark.parametrize(
    ("beta", "mi_nats", "more", "words"),
    [
        (BETAS[:11], np.zeros(11), {}, "at least 12 records of MI, got 11"),
        (BETAS, np.zeros(99), {}, "Each record needs its beta"),
        (-BETAS, np.zeros(100), {}, "beta positive"),
        (BETAS, np.full(100, np.nan), {}, "finite"),
        (np.full(20, 3.0), np.zeros(20), {}, "Beta is 3 in all records"),
        (BETAS, np.zeros(100), {"half_width": 3.0}, "below half the range"),
    ],
)
def test_bad_input(beta: np.ndarray, mi_nats: np.ndarray, more: dict[str, float], words: str) -> None:
    with pytest.raises(IfpError, match=words):
        peaks_of(mi_nats, beta, **more)
