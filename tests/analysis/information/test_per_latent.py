"""Both estimators against closed forms, a fine grid and scikit-learn; floor and intervals against simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr, ndtri
from scipy.stats import norm
from sklearn.metrics import mutual_info_score

from ifp.analysis.information import per_latent as information_module
from ifp.analysis.information.assignments import cell_counts, posterior_assignments, quantile_edges
from ifp.analysis.information.mutual_information import (
    factor_entropy_nats,
    histogram_cells,
    histogram_mi_nats,
    stacked_rows,
    table_mi_nats,
)
from ifp.analysis.information.per_latent import ESTIMATORS, Information, measure_information
from ifp.analysis.information.resampling import bootstrap_mi_nats, observed_mi_nats, permuted_mi_nats
from ifp.codes import Codes
from ifp.errors import IfpError

REPEATS = 200


def codes_of(mean_ND: np.ndarray, sigma: np.ndarray | float, factors_NF: np.ndarray, sizes: tuple[int, ...]) -> Codes:
    logvar_ND = np.array(np.broadcast_to(2 * np.log(sigma), mean_ND.shape), dtype=np.float64)
    names = tuple(f"factor{at}" for at in range(len(sizes)))
    return Codes(np.asarray(mean_ND, dtype=np.float64), logvar_ND, factors_NF, names, sizes)


def posterior_mi_nats(mean_N: np.ndarray, sigma: np.ndarray | float, factor_N: np.ndarray) -> float:
    """The posterior estimator on one latent and one factor, without resamples."""
    mean_ND = mean_N[:, None].astype(np.float64)
    sigma_ND = np.broadcast_to(np.reshape(sigma, (-1, 1)), mean_ND.shape)
    shares_NC, starts_D = posterior_assignments(mean_ND, 2 * np.log(sigma_ND))
    return float(observed_mi_nats(shares_NC, starts_D, *stacked_rows(factor_N[:, None]))[0, 0])


def grid_mi_nats(mean_N: np.ndarray, sigma: np.ndarray | float, factor_N: np.ndarray) -> float:
    """The same by counting on 8,000 equal cells."""
    sigma_N = np.broadcast_to(sigma, mean_N.shape)
    edges_E = np.linspace((mean_N - 8 * sigma_N).min(), (mean_N + 8 * sigma_N).max(), 8001)
    table = [
        sum(np.diff(ndtr((edges_E - m) / s)) for m, s in zip(mean_N[of], sigma_N[of], strict=True))
        for of in (factor_N == value for value in np.unique(factor_N))
    ]
    return float(table_mi_nats(np.array(table), np.array([0]), np.array([0]))[0, 0])


# -- the estimators


def test_histogram_is_the_plain_one(rng: np.random.Generator) -> None:
    factors_NF = np.stack([rng.integers(3, size=900), rng.integers(40, size=900)], axis=1)
    codes = codes_of(rng.normal(size=(900, 4)) + factors_NF[:, :1], 0.1, factors_NF, (3, 41))
    measured = measure_information(codes, "histogram", permutations=2, bootstraps=2)
    expected_DF = histogram_mi_nats(codes.mean_ND, factors_NF)
    np.testing.assert_allclose(measured.mi_nats_DF, expected_DF, atol=1e-12)
    np.testing.assert_allclose(measured.nmi_DF, expected_DF / factor_entropy_nats(factors_NF), atol=1e-12)


@pytest.mark.parametrize("distance", [0.0, 0.1, 1.0, 2.0, 4.0, 8.0])
def test_posterior_of_two_classes_apart(distance: float) -> None:
    def integrand(z: float) -> float:
        log_mixture = np.logaddexp(norm.logpdf(z), norm.logpdf(z, distance)) - np.log(2)
        return float(norm.pdf(z) * (norm.logpdf(z) - log_mixture))

    expected = quad(integrand, -12, 12, epsabs=1e-12)[0]
    factor_N = np.arange(400) % 2
    measured = posterior_mi_nats(distance * factor_N, 1.0, factor_N)
    assert expected - 0.003 <= measured <= expected + 1e-6


@pytest.mark.parametrize("sigma", [0.95, 0.4, 0.1, 0.03])
@pytest.mark.parametrize(("values", "loss"), [(3, 0.003), (40, 0.03)])
def test_posterior_of_a_gaussian_channel(sigma: float, values: int, loss: float) -> None:
    mean_N = np.sqrt(1 - sigma**2) * ndtri((np.arange(1200) + 0.5) / 1200)
    factor_N = np.arange(1200) * values // 1200
    expected = grid_mi_nats(mean_N, sigma, factor_N)
    assert expected - loss <= posterior_mi_nats(mean_N, sigma, factor_N) <= expected + 1e-6


def test_fine_factor_reads_the_capacity_of_the_channel() -> None:
    mean_N = np.sqrt(0.75) * ndtri((np.arange(800) + 0.5) / 800)
    # a factor that numbers the images tells all there is: I(x; z) = -ln(sigma)
    assert posterior_mi_nats(mean_N, 0.5, np.arange(800)) == pytest.approx(np.log(2), abs=0.015)


def test_posterior_with_unequal_variances_and_heavy_tails(rng: np.random.Generator) -> None:
    for values in (3, 40):
        factor_N = rng.integers(values, size=1500)
        mean_N = np.sin(6.3 * factor_N / values) + 0.2 * rng.standard_t(3, size=1500)
        sigma_N = np.exp(rng.normal(-1.5, 0.7, size=1500))
        expected = grid_mi_nats(mean_N, sigma_N, factor_N)
        assert expected - 0.02 <= posterior_mi_nats(mean_N, sigma_N, factor_N) <= expected + 1e-6


@pytest.mark.parametrize("values", [2, 3, 6, 32, 40, 60])
@pytest.mark.parametrize("sigma", [1e-100, 1e-12, 1e-3])
def test_a_perfect_code_reads_the_entropy_of_its_factor(rng: np.random.Generator, values: int, sigma: float) -> None:
    factor_N = rng.integers(values, size=4000)
    places_V = np.linspace(-2, 2, values) if values < 4 else np.sort(rng.permutation(10 * values)[:values]) / values
    entropy_nats = factor_entropy_nats(factor_N[:, None])[0]
    assert posterior_mi_nats(places_V[factor_N], sigma, factor_N) == pytest.approx(entropy_nats, abs=1e-4)


def test_clusters_rarer_than_a_cell_may_merge(rng: np.random.Generator) -> None:
    factor_N = rng.integers(120, size=4000)  # 128 cells at most, so some clusters share one
    entropy_nats = factor_entropy_nats(factor_N[:, None])[0]
    assert entropy_nats - 0.15 < posterior_mi_nats(factor_N, 1e-3, factor_N) < entropy_nats - 1e-3


@pytest.mark.parametrize("sigma", [1e-6, 1.0, 1e6])
def test_a_collapsed_latent_reads_nothing(sigma: float) -> None:
    factor_N = np.arange(600) % 6
    assert posterior_mi_nats(np.full(600, 0.3), sigma, factor_N) == pytest.approx(0, abs=1e-12)


def test_extreme_variances_stay_finite() -> None:
    factor_N = np.arange(600) % 6
    codes = Codes(
        np.tile(factor_N[:, None], 4).astype(np.float64),
        np.tile([-2000.0, 36.0, 30.0, -700.0], (600, 1)),
        factor_N[:, None],
        ("f",),
        (6,),
    )
    measured = measure_information(codes, "posterior", permutations=2, bootstraps=2)
    np.testing.assert_allclose(measured.nmi_DF[:, 0], [1, 0, 0, 1], atol=1e-6)


def test_posterior_does_not_depend_on_scale_and_place(rng: np.random.Generator) -> None:
    factor_N = rng.integers(6, size=500)
    mean_N, sigma_N = factor_N + rng.normal(size=500), rng.uniform(0.3, 1, size=500)
    base = posterior_mi_nats(mean_N, sigma_N, factor_N)
    assert posterior_mi_nats(1e3 * mean_N + 7, 1e3 * sigma_N, factor_N) == pytest.approx(base, abs=1e-6)


def test_mean_that_moves_under_a_wide_posterior_is_seen_by_the_histogram_alone() -> None:
    factor_N = np.arange(1200) % 6
    codes = codes_of(0.01 * factor_N[:, None], 1.0, factor_N[:, None], (6,))
    histogram, posterior = (measure_information(codes, e, permutations=2, bootstraps=2) for e in ESTIMATORS)
    assert histogram.nmi_DF[0, 0] == pytest.approx(1)
    assert posterior.nmi_DF[0, 0] < 1e-3


# -- the resamples


def test_resamples_equal_counting_one_by_one(rng: np.random.Generator) -> None:
    factors_NF = np.stack([rng.integers(3, size=700), rng.integers(12, size=700)], axis=1)
    mean_ND = rng.normal(size=(700, 3)) + factors_NF[:, :1]
    cells_DN = histogram_cells(mean_ND)
    shares_NC = (cells_DN.T[:, :, None] == np.arange(20)).reshape(700, 60).astype(np.float32)
    starts_D, stacked = np.array([0, 20, 40]), stacked_rows(factors_NF, (5, 12))
    drawn_BN = rng.integers(700, size=(4, 700))
    times_BN = np.stack([np.bincount(drawn_N, minlength=700) for drawn_N in drawn_BN]).astype(np.float32)
    bootstrap_BDF = bootstrap_mi_nats(shares_NC, starts_D, *stacked, times_BN)
    permuted_PDF = permuted_mi_nats(shares_NC, starts_D, *stacked, permutations=4, generator=np.random.default_rng(3))
    generator = np.random.default_rng(3)
    for at in range(4):
        dealt_N = generator.permutation(700)
        for latent in range(3):
            for factor in range(2):
                expected = mutual_info_score(factors_NF[drawn_BN[at], factor], cells_DN[latent, drawn_BN[at]])
                assert bootstrap_BDF[at, latent, factor] == pytest.approx(expected, abs=1e-9)
                expected = mutual_info_score(factors_NF[dealt_N, factor], cells_DN[latent])
                assert permuted_PDF[at, latent, factor] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_blocks_of_latents_change_nothing(
    rng: np.random.Generator, estimator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    factors_NF = rng.integers(6, size=(400, 2))
    codes = codes_of(rng.normal(size=(400, 5)) + factors_NF[:, :1], 0.4, factors_NF, (6, 6))
    told: list[tuple[str, int, int]] = []
    whole = measure_information(codes, estimator, permutations=3, bootstraps=4, progress=lambda *a: told.append(a))
    assert told[-1] == (f"{estimator} information", 3 + 2 * 4, 3 + 2 * 4)
    monkeypatch.setattr(information_module, "_SHARES", 400 * 128 * 2)
    parts = measure_information(codes, estimator, permutations=3, bootstraps=4)
    for name in ("mi_nats_DF", "floor_nats_DF", "floor_high_nats_DF", "bootstrap_nats_BDF"):
        # float32 sums in another order
        np.testing.assert_allclose(getattr(whole, name), getattr(parts, name), atol=1e-6)


def test_same_images_and_seed_are_paired(rng: np.random.Generator) -> None:
    factors_NF = rng.integers(6, size=(500, 1))
    one_ND, other_ND = rng.normal(size=(2, 500, 2)) + factors_NF
    other_ND[:, 0] = one_ND[:, 0]
    one, other = (
        measure_information(codes_of(mean_ND, 0.3, factors_NF, (6,)), "histogram", permutations=3, bootstraps=5)
        for mean_ND in (one_ND, other_ND)
    )
    np.testing.assert_array_equal(one.bootstrap_nats_BDF[:, 0], other.bootstrap_nats_BDF[:, 0])
    np.testing.assert_array_equal(one.floor_nats_DF[0], other.floor_nats_DF[0])
    np.testing.assert_array_equal(one.bootstrap_entropy_nats_BF, other.bootstrap_entropy_nats_BF)
    assert one.settings == other.settings
    seeded = measure_information(
        codes_of(one_ND, 0.3, factors_NF, (6,)), "histogram", permutations=3, bootstraps=5, seed=1
    )
    assert (one.bootstrap_nats_BDF != seeded.bootstrap_nats_BDF).any()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_noise_passes_the_high_floor_as_often_as_it_should(rng: np.random.Generator, estimator: str) -> None:
    factors_NF = np.stack([rng.integers(size, size=1000) for size in (3, 6, 12, 20)], axis=1)
    codes = codes_of(rng.normal(size=(1000, 100)), 0.3, factors_NF, (3, 6, 12, 20))
    measured = measure_information(codes, estimator, permutations=100, bootstraps=2)
    share = (measured.mi_nats_DF > measured.floor_high_nats_DF).mean()
    # 400 pairs; the quantile of 100 permutations is itself passed 0.05 to 0.06 of the time
    assert 0.01 <= share <= 0.1
    excess_DF = measured.mi_nats_DF - measured.floor_nats_DF
    assert abs(excess_DF.mean()) <= 4 * excess_DF.std() / np.sqrt(excess_DF.size)


# -- intervals: 200 repeats, each with its own sample


def discrete(values: int, strength: float) -> tuple[Callable[[np.random.Generator, int], Codes], float]:
    """Codes on 20 places whose joint table with the factor is known: diagonal blocks mixed with noise."""
    table_VB = np.full((values, 20), (1 - strength) / (20 * values))
    table_VB[np.arange(20) * values // 20, np.arange(20)] += strength / 20

    def draw(rng: np.random.Generator, num_images: int) -> Codes:
        cell_N = rng.choice(table_VB.size, size=num_images, p=table_VB.ravel())
        return codes_of((cell_N % 20)[:, None], 0.01, (cell_N // 20)[:, None], (values,))

    entropy_nats = -(table_VB.sum(axis=1) * np.log(table_VB.sum(axis=1))).sum()
    return draw, float(table_mi_nats(table_VB, np.array([0]), np.array([0]))[0, 0] / entropy_nats)


def repeats(
    draw: Callable[[np.random.Generator, int], Codes], num_images: int, estimator: str
) -> list[tuple[Codes, Information]]:
    measured = []
    for at in range(REPEATS):
        codes = draw(np.random.default_rng(at), num_images)
        measured.append((codes, measure_information(codes, estimator, permutations=10, bootstraps=60, seed=at)))
    return measured


def assert_covers(measured: list[tuple[Codes, Information]], truths: list[float], at_least: float = 0.9) -> None:
    intervals = [one.nmi_interval_DF() for _, one in measured]
    held = [low[0, 0] <= truth <= high[0, 0] for (low, high), truth in zip(intervals, truths, strict=True)]
    assert np.mean(held) >= at_least  # 95 % less three standard errors of 200 repeats is 0.90


@pytest.mark.parametrize(
    ("values", "strength", "num_images"),
    [(5, 0.0, 500), (5, 0.2, 500), (5, 0.6, 500), (20, 0.6, 800), (20, 0.97, 500), (4, 1.0, 300)],
)
def test_intervals_cover_a_known_table(values: int, strength: float, num_images: int) -> None:
    draw, truth = discrete(values, strength)
    measured = repeats(draw, num_images, "histogram")
    assert_covers(measured, [truth] * REPEATS)
    if strength in (0.2, 0.6):
        # the excess over the floor, which reports use, is the truth to within a hundredth where information is moderate
        excess = np.mean([one.nmi_DF[0, 0] - one.floor_nmi_DF[0, 0] for _, one in measured])
        assert excess == pytest.approx(truth, abs=0.01)


def test_intervals_of_a_nearly_perfect_code_cover_nearly_as_often() -> None:
    # some strays in cells that expect less than one: the resamples' spread is a fifth too small, coverage 91 % (of 400)
    draw, truth = discrete(5, 0.95)
    assert_covers(repeats(draw, 1000, "histogram"), [truth] * REPEATS, at_least=0.91 - 3 * 0.02)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_intervals_cover_a_gaussian_pair(estimator: str, correlation: float) -> None:
    values, sigma = 8, 0.3
    spread = np.sqrt(1 - correlation**2)

    def draw(rng: np.random.Generator, num_images: int) -> Codes:
        cause_N = rng.normal(size=num_images)
        mean_N = correlation * cause_N + spread * rng.normal(size=num_images)
        factor_N = np.minimum((values * ndtr(cause_N)).astype(int), values - 1)
        return codes_of(mean_N[:, None], sigma, factor_N[:, None], (values,))

    cause_K = ndtri((np.arange(1600) + 0.5) / 1600)

    def truth(codes: Codes) -> float:
        """Of infinitely many images in this sample's cells."""
        mean_N, sigma_N = codes.mean_ND[:, 0], np.exp(0.5 * codes.logvar_ND[:, 0])
        if estimator == "histogram":
            edges_E, width = np.histogram_bin_edges(mean_N, 20)[1:-1], spread
        else:
            cells = int(cell_counts(codes.mean_ND, codes.logvar_ND)[0])
            edges_E, width = quantile_edges(mean_N, sigma_N, cells), np.hypot(spread, sigma)
        below_KE = ndtr((edges_E - correlation * cause_K[:, None]) / width)
        shares_KC = np.diff(below_KE, axis=1, prepend=0.0, append=1.0)
        table_VC = shares_KC.reshape(values, -1, shares_KC.shape[1]).sum(axis=1)
        return float(table_mi_nats(table_VC, np.array([0]), np.array([0]))[0, 0] / np.log(values))

    measured = repeats(draw, 500, estimator)
    assert_covers(measured, [truth(codes) for codes, _ in measured])


def test_factor_that_does_not_vary_has_an_nmi_of_zero(rng: np.random.Generator) -> None:
    codes = codes_of(rng.normal(size=(200, 2)), 0.3, np.zeros((200, 1), int), (1,))
    measured = measure_information(codes, "posterior", permutations=3, bootstraps=3)
    assert (measured.nmi_DF == 0).all()
    assert all((bound == 0).all() for bound in measured.nmi_interval_DF())


def test_bad_settings_are_refused_in_a_sentence(rng: np.random.Generator) -> None:
    codes = codes_of(rng.normal(size=(20, 1)), 0.3, np.zeros((20, 1), int), (2,))
    with pytest.raises(IfpError, match="did you mean 'histogram'"):
        measure_information(codes, "histogramm")
    with pytest.raises(IfpError, match="permutations must be"):
        measure_information(codes, "histogram", permutations=0)
    with pytest.raises(IfpError, match="bootstraps must be"):
        measure_information(codes, "histogram", bootstraps=1)
    with pytest.raises(IfpError, match="level must be"):
        measure_information(codes, "histogram", level=1.0)
    with pytest.raises(IfpError, match="without factors"):
        measure_information(Codes(codes.mean_ND, codes.logvar_ND, np.zeros((20, 0), int)), "histogram")
