"""Bhattacharyya and KL coefficients against integrals, closed forms and float64 by pairs; what they must not mind.

Shapes: C channels, K dimensions of all of them, N points.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ifp.errors import IfpError
from ifp.fingerprints.blocks import SHARDS, sum_over_points
from ifp.fingerprints.fingerprints import (
    LARGEST_EXPONENT,
    Fingerprints,
    GaussianFingerprints,
    JoinedFingerprints,
    LabelFingerprints,
    gaussian_exponents,
)
from ifp.seeds import numpy_generator

NOTHING = np.exp(-LARGEST_EXPONENT)
"""What stands for 0."""
DOUBLE, SINGLE = torch.float64, torch.float32


def posteriors(points: int, dimensions: int, *, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = numpy_generator(0, "tests", "fingerprints", points, dimensions)
    return rng.normal(size=(points, dimensions)) * 2 * scale, rng.normal(size=(points, dimensions)) + 2 * np.log(scale)


def one(mean_ND: np.ndarray, logvar_ND: np.ndarray, dtype: torch.dtype = DOUBLE) -> GaussianFingerprints:
    """All dimensions as one channel."""
    return GaussianFingerprints([mean_ND], [logvar_ND], dtype=dtype)


def whole(fingerprints: Fingerprints) -> tuple[np.ndarray, np.ndarray]:
    """Both matrices of all channels, [N, C, N]."""
    points = fingerprints.points
    return fingerprints.coefficients(0, points).numpy(), fingerprints.kl_coefficients(0, points).numpy()


def by_pairs(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BC and exp(-KL), [N, N], from the textbooks' formulas with standard deviations, pair by pair."""
    sigma_ND = np.exp(logvar_ND / 2)
    bc_NN, kl_NN = np.empty((2, len(mean_ND), len(mean_ND)))
    for i, j in product(range(len(mean_ND)), repeat=2):
        (m, s), (n, t) = (mean_ND[i], sigma_ND[i]), (mean_ND[j], sigma_ND[j])
        middle = (s**2 + t**2) / 2
        bc_NN[i, j] = np.exp(-((m - n) ** 2 / (8 * middle) + np.log(middle / (s * t)) / 2).sum())
        kl_NN[i, j] = np.exp(-(np.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5).sum())
    return bc_NN, kl_NN


def test_coefficients_are_the_integrals_that_define_them() -> None:
    mean_ND, logvar_ND = posteriors(4, 1)
    bc_NCN, kl_NCN = whole(one(mean_ND, logvar_ND))
    u = np.linspace(-40, 40, 20_001)  # sums over an even grid are all but exact for densities that die out on it
    width = u[1] - u[0]
    log_density_NU = norm.logpdf(u, mean_ND, np.exp(logvar_ND / 2))
    for (i, p_U), (j, q_U) in product(enumerate(log_density_NU), repeat=2):
        overlap = np.exp((p_U + q_U) / 2).sum() * width
        kl_nats = (np.exp(p_U) * (p_U - q_U)).sum() * width
        assert bc_NCN[i, 0, j] == pytest.approx(overlap, rel=1e-12)
        assert kl_NCN[i, 0, j] == pytest.approx(np.exp(-kl_nats), rel=1e-10, abs=NOTHING)


@pytest.mark.parametrize("dimensions", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-12), (SINGLE, 1e-6)])
def test_dimensions_of_a_channel_multiply(dimensions: int, dtype: torch.dtype, tolerance: float) -> None:
    mean_ND, logvar_ND = posteriors(30, dimensions)
    bc_NCN, kl_NCN = whole(one(mean_ND, logvar_ND, dtype))
    bc_NN, kl_NN = by_pairs(mean_ND, logvar_ND)
    np.testing.assert_allclose(bc_NCN[:, 0], bc_NN, rtol=0, atol=tolerance)
    np.testing.assert_allclose(kl_NCN[:, 0], kl_NN, rtol=0, atol=tolerance)


def test_channels_of_different_sizes_keep_their_places() -> None:
    spaces = [posteriors(10, dimensions) for dimensions in (2, 1, 3)]
    together = GaussianFingerprints([m for m, _ in spaces], [v for _, v in spaces], dtype=DOUBLE)
    bc_NCN, kl_NCN = whole(together)
    for channel, space in enumerate(spaces):
        alone_bc, alone_kl = whole(one(*space))
        np.testing.assert_allclose(bc_NCN[:, channel], alone_bc[:, 0], rtol=1e-12)
        np.testing.assert_allclose(kl_NCN[:, channel], alone_kl[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(together.coefficients(3, 7).numpy(), bc_NCN[3:7])
    np.testing.assert_array_equal(together.kl_coefficients(3, 7).numpy(), kl_NCN[3:7])


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-12), (SINGLE, 2e-6)])
@pytest.mark.parametrize(("shift", "factor"), [(0, -1), (5, 1), (-300, 0.01), (7, -1e6), (1e-3, 1e-6)])
def test_sign_flip_shift_and_scale_change_nothing(
    shift: float, factor: float, dtype: torch.dtype, tolerance: float
) -> None:
    mean_ND, logvar_ND = posteriors(40, 2)
    plain = whole(one(mean_ND, logvar_ND, dtype))
    moved = whole(one(factor * mean_ND + shift, logvar_ND + 2 * np.log(abs(factor)), dtype))
    # a mean of -300 with a sigma of 0.01 has lost digits in float64 before anything is measured
    np.testing.assert_allclose(moved, plain, rtol=0, atol=max(tolerance, 1e-15 * abs(shift / factor) * 100))


def test_exponents_of_posteriors_that_change() -> None:
    mean_ND, logvar_ND = posteriors(20, 3)
    mean, logvar = torch.from_numpy(mean_ND), torch.from_numpy(logvar_ND)
    exponents_NKN = gaussian_exponents(mean, logvar, mean.T, logvar.T).numpy()
    np.testing.assert_allclose(np.exp(-exponents_NKN.sum(1)), by_pairs(mean_ND, logvar_ND)[0], rtol=1e-12)
    np.testing.assert_array_equal(np.einsum("iki->ik", exponents_NKN), 0)


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
@pytest.mark.parametrize("logvar", [-1500.0, -200.0, -100.0, 100.0])
def test_widths_beyond_single_precision(logvar: float, dtype: torch.dtype) -> None:
    mean_ND = np.repeat([-1e7, 1e7], 2)[:, None]
    bc_NCN, kl_NCN = whole(one(mean_ND, np.full((4, 1), logvar), dtype))
    # so wide that 1e7 apart is nothing, or so narrow that it is everything
    beyond = 1.0 if logvar > 0 else NOTHING
    expected_NN = np.where(mean_ND == mean_ND.T, 1.0, beyond)
    np.testing.assert_allclose(bc_NCN[:, 0], expected_NN, rtol=1e-5)
    np.testing.assert_allclose(kl_NCN[:, 0], expected_NN, rtol=1e-5)
    points = whole(one(np.zeros((3, 1)), np.full((3, 1), logvar), dtype))
    np.testing.assert_allclose(points, np.ones_like(points), rtol=1e-6)


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
def test_one_dimension_with_points_and_fogs(dtype: torch.dtype) -> None:
    """Widths that differ by more than single precision can hold the ratio of: nothing overflows, nothing is NaN."""
    mean_ND, logvar_ND = np.array([[0.0], [0.0], [1.0]]), np.array([[-150.0], [150.0], [-150.0]])
    bc_NCN, kl_NCN = whole(one(mean_ND, logvar_ND, dtype))
    np.testing.assert_allclose(bc_NCN[:, 0], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(kl_NCN[:, 0], np.eye(3), atol=1e-9)


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
def test_a_coefficient_is_no_more_than_1_and_1_with_itself(dtype: torch.dtype) -> None:
    mean_ND, logvar_ND = posteriors(200, 3)
    mean_CN, logvar_CN = (list(array_ND.T[:, :, None]) for array_ND in (mean_ND, logvar_ND))
    for matrix_NCN in whole(GaussianFingerprints(mean_CN, logvar_CN, dtype=dtype)):
        assert matrix_NCN.max() <= 1
        assert matrix_NCN.min() >= 0
        np.testing.assert_allclose(np.einsum("ici->ic", matrix_NCN), 1, rtol=4 * torch.finfo(dtype).eps)


def test_labels_and_joined_fingerprints() -> None:
    labels_NF = np.array([[0, 2], [0, 0], [1, 2]])
    labels = LabelFingerprints(labels_NF, dtype=DOUBLE)
    same_NFN = labels_NF[:, :, None] == labels_NF.T
    np.testing.assert_array_equal(whole(labels), [same_NFN, same_NFN])
    latents = one(*posteriors(3, 2))
    joined = JoinedFingerprints([latents, labels])
    assert (joined.channels, joined.points) == (3, 3)
    for together, *apart in zip(whole(joined), whole(latents), whole(labels), strict=True):
        np.testing.assert_array_equal(together, np.concatenate(apart, axis=1))
    with pytest.raises(IfpError, match="on the same points"):
        JoinedFingerprints([one(*posteriors(4, 1)), labels])


@pytest.mark.parametrize("points", [1, SHARDS - 1, SHARDS, 3 * SHARDS + 1])
@pytest.mark.parametrize("row_bytes", [1, 1_000_000, 10**12])
def test_blocks_cover_each_point_once(points: int, row_bytes: int) -> None:
    """However few points and however little memory, also with threads that end in another order."""
    labels = LabelFingerprints(np.zeros((points, 1), dtype=int))
    seen: list[int] = []
    (count, squares) = sum_over_points(
        labels,
        lambda start, stop: (torch.tensor(stop - start), torch.arange(start, stop).square().sum()),
        row_bytes=row_bytes,
        progress=lambda text, done, total: seen.append(done),
    )
    assert (int(count), int(squares)) == (points, sum(i * i for i in range(points)))
    assert seen == sorted(seen)
    assert seen[-1] == points


@pytest.mark.parametrize(
    ("mean_CN", "logvar_CN", "message"),
    [
        ([], [], "got 0 and 0"),
        ([np.zeros((3, 1))], [], "got 1 and 0"),
        ([np.zeros((3, 1)), np.zeros((4, 1))], [np.zeros((3, 1)), np.zeros((4, 1))], "of the same points"),
        ([np.zeros((3, 1))], [np.zeros((3, 2))], "of the same points"),
        ([np.zeros(3)], [np.zeros(3)], "points, dimensions"),
        ([np.zeros((3, 0))], [np.zeros((3, 0))], "points, dimensions"),
        ([np.array([[0.0], [np.nan]])], [np.zeros((2, 1))], "NaN or infinite"),
        ([np.zeros((2, 1))], [np.array([[0.0], [np.inf]])], "NaN or infinite"),
    ],
)
def test_bad_input(mean_CN: list[np.ndarray], logvar_CN: list[np.ndarray], message: str) -> None:
    with pytest.raises(IfpError, match=message):
        GaussianFingerprints(mean_CN, logvar_CN)
