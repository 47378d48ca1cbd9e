"""Freezing points against curves whose crossing is known."""

from __future__ import annotations

import time
from types import ModuleType

import numpy as np
import pytest

from ifp.analysis.freezing.points import COLUMNS, freezing_points, hysteresis, running_median
from ifp.errors import IfpError
from ifp.trace import AnnealTrace

FALLING = np.geomspace(200, 5, 120)[None, :]


def point(synthetic: ModuleType, beta: np.ndarray, kl: np.ndarray, **labels: object) -> dict[str, object]:
    """The one row of a one-curve trace."""
    trace = synthetic.one_curve(np.atleast_2d(beta), np.atleast_2d(kl), **labels)
    return dict(freezing_points(trace).iloc[0])


@pytest.mark.parametrize("method", ["exact", "train"])
@pytest.mark.parametrize("direction", ["cool", "heat", "equilibrium"])
def test_the_linear_latent_crosses_at_its_analytic_beta(synthetic: ModuleType, method: str, direction: str) -> None:
    """KL = 0.5 ln(beta_c / beta) reaches 0.1 nat at beta_c exp(-0.2)."""
    onsets = np.array([11.0, 50.0, 130.0])
    beta = np.repeat(FALLING, 3, axis=0)
    kl = synthetic.curve_kl(beta, onsets[:, None])
    if direction == "heat":
        beta, kl = beta[:, ::-1], kl[:, ::-1]
    points = freezing_points(synthetic.one_curve(beta, kl, method=method, direction=direction))
    # records 3 % apart: interpolating ln KL in ln beta is exact to about 1e-3
    np.testing.assert_allclose(points["beta_ifp"], onsets * np.exp(-0.2), rtol=2e-3)
    assert set(points["status"]) == {"frozen"}
    assert (points["beta_bracket_low"] <= points["beta_ifp"]).all()
    assert (points["beta_ifp"] <= points["beta_bracket_high"]).all()
    np.testing.assert_allclose(points["beta_bracket_high"] / points["beta_bracket_low"], 40 ** (1 / 119), rtol=1e-9)


@pytest.mark.parametrize("threshold", [0.02, 0.1, 0.5])
def test_the_threshold_is_on_the_total_over_latents(synthetic: ModuleType, threshold: float) -> None:
    total = synthetic.curve_kl(FALLING, 60.0)
    split = np.stack([0.3 * total, 0.45 * total, 0.25 * total], axis=2)
    points = freezing_points(synthetic.one_curve(FALLING, split), threshold_nats=threshold)
    assert points["beta_ifp"][0] == pytest.approx(60 * np.exp(-2 * threshold), rel=2e-3)
    assert points["threshold_nats"][0] == threshold


def test_cooling_takes_the_last_upward_crossing(synthetic: ModuleType) -> None:
    beta = np.array([64.0, 32.0, 16.0, 8.0, 4.0])
    row = point(synthetic, beta, np.array([0.01, 0.5, 0.01, 0.5, 1.0]))
    assert (row["beta_bracket_low"], row["beta_bracket_high"]) == pytest.approx((8, 16))


def test_heating_takes_the_last_downward_crossing(synthetic: ModuleType) -> None:
    beta = np.array([4.0, 8.0, 16.0, 32.0, 64.0])
    row = point(synthetic, beta, np.array([1.0, 0.01, 0.5, 0.01, 0.01]), direction="heat")
    assert row["status"] == "frozen"
    assert (row["beta_bracket_low"], row["beta_bracket_high"]) == pytest.approx((16, 32))


def test_interpolation_is_linear_in_the_logarithms(synthetic: ModuleType) -> None:
    row = point(synthetic, np.array([100.0, 10.0]), np.array([0.01, 1.0]))
    assert row["beta_ifp"] == pytest.approx(np.sqrt(1000))  # 0.1 is half way between 0.01 and 1 in ln KL


@pytest.mark.parametrize("collapsed", [0.0, -1e-15, 1e-18])
def test_a_jump_from_a_collapsed_latent_stays_in_its_bracket(synthetic: ModuleType, collapsed: float) -> None:
    row = point(synthetic, np.array([40.0, 39.0, 38.0]), np.array([collapsed, collapsed, 0.8]))
    assert 38 <= row["beta_ifp"] <= 39


@pytest.mark.parametrize(
    ("direction", "beta", "kl", "status", "low", "high"),
    [
        ("cool", [9, 6, 3], [0.0, 0.0, 0.01], "never_froze", np.nan, 3),
        ("cool", [9, 6, 3], [0.0, 0.5, 0.01], "never_froze", np.nan, 3),
        ("cool", [9, 6, 3], [0.3, 0.5, 0.9], "frozen_at_start", 9, np.nan),
        ("heat", [3, 6, 9], [0.9, 0.5, 0.3], "never_melted", 9, np.nan),
        ("heat", [3, 6, 9], [0.05, 0.0, 0.0], "never_froze", np.nan, 3),
        ("equilibrium", [9, 6, 3], [0.0, 0.0, 0.01], "never_froze", np.nan, 3),
    ],
)
def test_what_is_censored_says_so(
    synthetic: ModuleType, direction: str, beta: list[float], kl: list[float], status: str, low: float, high: float
) -> None:
    row = point(synthetic, np.array(beta, float), np.array(kl), direction=direction)
    assert row["status"] == status
    assert np.isnan(row["beta_ifp"])
    np.testing.assert_allclose((row["beta_bracket_low"], row["beta_bracket_high"]), (low, high))


def test_a_diverged_member_has_no_number(synthetic: ModuleType) -> None:
    row = point(synthetic, FALLING, synthetic.curve_kl(FALLING, 60.0), method="train", status="diverged")
    assert row["status"] == "diverged"
    assert np.isnan(row["beta_ifp"])


def test_closed_form_rows_carry_the_edge_and_nothing_else(synthetic: ModuleType) -> None:
    trace = synthetic.one_curve(
        np.empty((2, 0)), np.empty((2, 0, 1)), method="closed-form", direction="", edges_C=np.array([3.0, 4.0])
    )
    together = AnnealTrace.concatenate([trace, synthetic.one_curve(FALLING, synthetic.curve_kl(FALLING, 60.0))])
    for points in (freezing_points(trace), freezing_points(together).iloc[:2]):
        assert points["beta_ifp"].isna().all()
        assert points["status"].tolist() == points["direction"].tolist() == ["", ""]
        assert points["beta_closed_form"].tolist() == [3.0, 4.0]


def test_a_member_without_records_has_no_status_yet(synthetic: ModuleType) -> None:
    nothing = np.full((1, 120), np.nan)
    assert point(synthetic, nothing, nothing)["status"] == ""


def test_records_after_an_early_stop_do_not_matter(synthetic: ModuleType) -> None:
    kl = synthetic.curve_kl(FALLING, 60.0)
    whole = point(synthetic, FALLING, kl, method="train")
    stopped = np.where(np.arange(120) < 90, kl, np.nan)
    beta = np.where(np.isnan(stopped), np.nan, FALLING)
    assert point(synthetic, beta, stopped, method="train")["beta_ifp"] == whole["beta_ifp"]


def test_refined_exact_records_may_come_out_of_order(synthetic: ModuleType, rng: np.random.Generator) -> None:
    kl = synthetic.curve_kl(FALLING, 60.0)
    shuffled = rng.permutation(120)
    for direction in ("cool", "heat", "equilibrium"):
        expected = point(synthetic, FALLING, kl)["beta_ifp"]
        found = point(synthetic, FALLING[:, shuffled], kl[:, shuffled], direction=direction)["beta_ifp"]
        assert found == pytest.approx(expected, rel=1e-12)


def test_smoothing_survives_the_noise_of_training(synthetic: ModuleType, rng: np.random.Generator) -> None:
    """Without smoothing a third of these would be late by a dip below the threshold, or early by a spike."""
    beta = np.repeat(np.geomspace(200, 5, 150)[None, :], 200, axis=0)
    kl = synthetic.curve_kl(beta, 60.0)
    spikes = rng.random(kl.shape) < 0.03
    noisy = np.where(spikes, np.where(kl > 0.1, 0.02, 0.3), kl * np.exp(0.05 * rng.normal(size=kl.shape)))
    trained = freezing_points(synthetic.one_curve(beta, noisy, method="train"))["beta_ifp"]
    unsmoothed = freezing_points(synthetic.one_curve(beta, noisy, method="exact"))["beta_ifp"]
    ratio = np.abs(np.log(trained / (60 * np.exp(-0.2))))
    assert np.quantile(ratio, 0.95) < 0.06
    assert np.quantile(np.abs(np.log(unsmoothed / (60 * np.exp(-0.2)))).fillna(9), 0.5) > 0.3


def test_running_median_keeps_monotone_curves_and_gaps() -> None:
    kl = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, np.nan, np.nan]])
    np.testing.assert_array_equal(running_median(kl), [[1.0, 1.5, 2.0, 2.5, 3.0, np.nan, np.nan]])


def test_columns_and_labels(synthetic: ModuleType, rng: np.random.Generator) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=2)
    points = freezing_points(trace, dataset="sprites", likelihood="gaussian", factor_names=synthetic.FACTORS)
    assert tuple(points.columns) == COLUMNS
    assert len(points) == len(trace)
    assert points["context"].str.count(r"\*").eq(1).all()
    first = trace.context_MF[0].tolist()
    assert points["context"][0] == "-".join("*" if value == -1 else str(value) for value in first)
    assert set(points["likelihood"]) == {"gaussian"}


def test_hysteresis_lists_the_first_order_transitions(synthetic: ModuleType) -> None:
    beta = np.repeat(FALLING, 3, axis=0)
    late = np.array([1.0, 1.01, 1.2])[:, None]  # the heating branch crosses this much later
    parts = [
        synthetic.one_curve(beta, synthetic.curve_kl(beta, 60 * ratio), direction=direction)
        for direction, ratio in (("cool", 1.0), ("heat", late), ("equilibrium", np.sqrt(late)))
    ]
    table = hysteresis(freezing_points(AnnealTrace.concatenate(parts)))
    assert table["context"].tolist() == ["2-2-2-*-2"]
    assert table["heat_over_cool"][0] == pytest.approx(1.2, rel=3e-3)
    assert table["beta_equilibrium"][0] == pytest.approx(60 * np.exp(-0.2) * np.sqrt(1.2), rel=3e-3)
    assert not table["heat_is_bound"][0]


def test_hysteresis_beyond_the_range_is_a_bound(synthetic: ModuleType) -> None:
    cool = synthetic.one_curve(FALLING, synthetic.curve_kl(FALLING, 60.0))
    heat = synthetic.one_curve(FALLING[:, ::-1], np.ones((1, 120)), direction="heat")
    table = hysteresis(freezing_points(AnnealTrace.concatenate([cool, heat])))
    assert table["heat_is_bound"].tolist() == [True]
    assert table["beta_heat"][0] == pytest.approx(200)
    assert np.isnan(table["beta_equilibrium"][0])


def test_no_hysteresis_without_exact_curves(synthetic: ModuleType) -> None:
    trained = synthetic.one_curve(FALLING, synthetic.curve_kl(FALLING, 60.0), method="train")
    assert len(hysteresis(freezing_points(trained))) == 0


def test_ten_thousand_members_within_two_seconds(synthetic: ModuleType) -> None:
    beta = np.repeat(FALLING, 10_000, axis=0)
    trace = synthetic.one_curve(beta, synthetic.curve_kl(beta, 60.0), method="train")
    start = time.process_time()
    freezing_points(trace)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), float("inf")])
def test_a_threshold_that_is_not_positive_is_refused(synthetic: ModuleType, threshold: float) -> None:
    with pytest.raises(IfpError, match="threshold_nats must be a positive number"):
        freezing_points(synthetic.one_curve(FALLING, FALLING), threshold_nats=threshold)


def test_a_factor_the_data_set_has_not_is_refused(synthetic: ModuleType) -> None:
    with pytest.raises(IfpError, match="holds the factor 'posX', which the data set has not"):
        freezing_points(synthetic.one_curve(FALLING, FALLING), factor_names=("azimuth",))
