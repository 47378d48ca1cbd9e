"""Histogram MI against scikit-learn's, pair by pair, and against NumPy's own bins."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from ifp.analysis.information.mutual_information import (
    factor_entropy_nats,
    histogram_cells,
    histogram_mi_nats,
    stacked_rows,
    table_mi_nats,
)
from ifp.errors import IfpError

SIZES = (3, 6, 40, 32, 32)


def one_by_one(codes_ND: np.ndarray, factors_NF: np.ndarray, bins: int) -> np.ndarray:
    """What disentanglement_lib computes, one pair at a time."""
    binned = [np.digitize(z_N, np.histogram(z_N, bins)[1][:-1]) for z_N in codes_ND.T]
    return np.array([[mutual_info_score(v_N, b_N) for v_N in factors_NF.T] for b_N in binned])


def sample_codes(rng: np.random.Generator, num_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Random, tied, constant, copied, skewed and two-valued codes; factors in which some values never occur."""
    factors_NF = np.stack([rng.integers(size, size=num_images) for size in SIZES], axis=1)
    factors_NF[factors_NF == 2] = 1
    normal_N = rng.normal(size=num_images)
    columns = [
        normal_N, normal_N.round(1), np.full(num_images, -3.7), factors_NF[:, 3], np.exp(3 * normal_N),
        factors_NF[:, 1] > 2, factors_NF[:, 2] + 0.3 * normal_N, 1e-6 * normal_N + 5,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float64), factors_NF


@pytest.mark.parametrize("bins", [1, 2, 15, 20, 300])
def test_equals_scikit_learn_on_every_pair(rng: np.random.Generator, bins: int) -> None:
    codes_ND, factors_NF = sample_codes(rng, 2000)
    expected_DF = one_by_one(codes_ND, factors_NF, bins)
    np.testing.assert_allclose(histogram_mi_nats(codes_ND, factors_NF, bins=bins), expected_DF, rtol=0, atol=1e-9)
    with_sizes_DF = histogram_mi_nats(codes_ND, factors_NF, bins=bins, sizes=[50, 50, 50, 50, 50])
    np.testing.assert_allclose(with_sizes_DF, expected_DF, rtol=0, atol=1e-9)
    assert (with_sizes_DF[2] == 0).all()  # a constant latent holds nothing, to the last bit


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_bins_are_numpys(rng: np.random.Generator, dtype: type) -> None:
    for scale in (1e-3, 1.0, 1e5):
        codes_ND = (scale * rng.normal(size=(500, 3)) + 7).astype(dtype)
        codes_ND[:, 1] = codes_ND[0, 1]
        codes_ND[:, 2] = (codes_ND[:, 2] / scale).round() * scale  # many codes on or near edges
        for bins in (7, 20):
            for z_N, cells_N in zip(codes_ND.T, histogram_cells(codes_ND, bins), strict=True):
                np.testing.assert_array_equal(np.digitize(z_N, np.histogram(z_N, bins)[1][:-1]), cells_N + 1)


def test_ranges_too_small_for_numpys_bins_are_still_binned() -> None:
    codes_ND = np.array([[1.0], [np.nextafter(1.0, 2.0)], [1.0]])
    factors_NF = np.array([[0], [1], [0]])
    np.testing.assert_allclose(histogram_mi_nats(codes_ND, factors_NF)[0], factor_entropy_nats(factors_NF), atol=1e-12)


def test_bias_at_independence_is_the_textbook_one(rng: np.random.Generator) -> None:
    factors_NF = rng.integers(32, size=(10_000, 20))
    mi_nats_DF = histogram_mi_nats(rng.uniform(size=(10_000, 10)), factors_NF)
    degrees = 19 * 31
    # 2N MI is a chi-square: mean `degrees`, variance 2 degrees, here averaged over 200 pairs
    error = np.sqrt(2 * degrees / 200) / 20_000
    assert mi_nats_DF.mean() == pytest.approx(degrees / 20_000, abs=4 * error + 0.03 * degrees / 20_000)


def test_entropy_is_of_the_images(rng: np.random.Generator) -> None:
    factors_NF = np.stack([np.arange(1200) % 3, np.arange(1200) % 40, np.zeros(1200, int), np.arange(1200) // 900], 1)
    expected_F = [np.log(3), np.log(40), 0, -0.75 * np.log(0.75) - 0.25 * np.log(0.25)]
    np.testing.assert_allclose(factor_entropy_nats(factors_NF), expected_F, atol=1e-12)
    np.testing.assert_allclose(factor_entropy_nats(factors_NF, [9, 99, 1, 2]), expected_F, atol=1e-12)


def test_tables_of_several_factors_and_latents_are_kept_apart(rng: np.random.Generator) -> None:
    table_RC = rng.uniform(size=(4, 3 + 5, 2 + 4))  # four stacks of two factors by two latents
    mi_nats_DF = table_mi_nats(table_RC, np.array([0, 3]), np.array([0, 2]))
    for factor, rows in enumerate((slice(0, 3), slice(3, 8))):
        for latent, columns in enumerate((slice(0, 2), slice(2, 6))):
            joint = table_RC[:, rows, columns] / table_RC[:, rows, columns].sum(axis=(1, 2), keepdims=True)
            apart = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
            expected = (joint * np.log(joint / apart)).sum(axis=(1, 2))
            np.testing.assert_allclose(mi_nats_DF[:, latent, factor], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (np.zeros((3, 1)), np.zeros((2, 1), int), "one row per image"),
        (np.zeros(3), np.zeros((3, 1), int), r"\[images, latents\]"),
        (np.full((3, 1), np.nan), np.zeros((3, 1), int), "NaN"),
        (np.zeros((3, 1)), np.zeros((3, 1)), "integer positions, got float64"),
        (np.zeros((3, 1)), -np.ones((3, 1), int), "outside"),
        (np.zeros((3, 1)), np.zeros(3, int), r"\[images, factors\]"),
    ],
)
def test_bad_arrays_are_refused_in_a_sentence(codes: np.ndarray, factors: np.ndarray, message: str) -> None:
    with pytest.raises(IfpError, match=message):
        histogram_mi_nats(codes, factors)


def test_bad_settings_are_refused_in_a_sentence() -> None:
    with pytest.raises(IfpError, match="bins must be"):
        histogram_mi_nats(np.zeros((3, 1)), np.zeros((3, 1), int), bins=0)
    with pytest.raises(IfpError, match="outside"):
        stacked_rows(np.array([[4]]), [4])
    with pytest.raises(IfpError, match="one number of values per factor"):
        stacked_rows(np.array([[4]]), [5, 5])


def test_no_factors_give_an_empty_matrix() -> None:
    assert histogram_mi_nats(np.zeros((3, 2)), np.zeros((3, 0), int)).shape == (2, 0)
