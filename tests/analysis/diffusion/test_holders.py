"""What the information means: carriers, noise, holders, purity, status; coverage with the real estimator."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from ifp.analysis.diffusion.diagnosis import diagnose
from ifp.analysis.diffusion.holder_tables import factor_table, latent_table
from ifp.analysis.diffusion.holders import noise_ceiling_nmi_DF
from ifp.analysis.information.per_latent import Information, measure_information
from ifp.codes import Codes
from ifp.errors import IfpError

NAMES = ("shape", "scale", "posX")


def test_carriers_are_one_two_and_the_entropy_between(constructed: ModuleType, rng: np.random.Generator) -> None:
    true_nmi_DF = [[0.8, 0.4, 0.6], [0.0, 0.4, 0.2], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    information = constructed.information_of(true_nmi_DF, rng)

    table = factor_table(information, NAMES, (3, 6, 8)).set_index("factor")

    uneven = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    np.testing.assert_allclose(table["carriers"], [1, 2, uneven], rtol=1e-12)
    np.testing.assert_allclose(table["nmi1"], [0.81, 0.41, 0.61])
    np.testing.assert_allclose(table["excess_nmi2"], [0, 0.4, 0.2], atol=1e-12)
    assert table["carrier1"].tolist() == [0, 0, 0]
    np.testing.assert_allclose(table["gap"], [0.8, 0, 0.4], atol=1e-12)
    assert table["held_by"].tolist() == ["0", "0; 1", "0; 1"]
    assert table["nmi2_above_noise"].tolist() == [False, True, True]
    # the intervals are of the truth, without the bias of the estimate
    assert table.loc["posX", "nmi1_low"] < 0.6 < table.loc["posX", "nmi1_high"] < 0.61
    assert table.loc["posX", "carriers_low"] < uneven < table.loc["posX", "carriers_high"]


def test_carriers_are_ranked_by_what_exceeds_their_own_floor(constructed: ModuleType, rng: np.random.Generator) -> None:
    # latent 1 has many cells and reads high on noise alone: it has the largest NMI, latent 0 the information
    plain = constructed.information_of([[0.10], [0.0]], rng)
    biased_DF = np.array([[0.0], [0.3]])
    information = dataclasses.replace(
        plain,
        mi_nats_DF=plain.mi_nats_DF + biased_DF,
        floor_nats_DF=plain.floor_nats_DF + biased_DF,
        floor_high_nats_DF=plain.floor_high_nats_DF + biased_DF,
        bootstrap_nats_BDF=plain.bootstrap_nats_BDF + 2 * biased_DF,
    )

    row = factor_table(information, ["f0"], [8]).iloc[0]

    assert (row["latent1"], row["carrier1"], row["held_by"]) == (1, 0, "0")
    assert row["excess_nmi1"] == pytest.approx(0.10)
    assert row["excess_nmi1_low"] < 0.10 < row["excess_nmi1_high"]
    assert row["carriers"] == 1
    assert not row["nmi2_above_noise"]


def test_one_latent_has_no_second(constructed: ModuleType, rng: np.random.Generator) -> None:
    table = factor_table(constructed.information_of([[0.8, 0.4, 0.0]], rng), NAMES, (3, 6, 8))

    assert table["nmi2"].tolist() == [0, 0, 0]
    assert table["latent2"].tolist() == [-1, -1, -1]
    assert table["nmi2_above_noise"].tolist() == [False] * 3
    assert table["held_by"].tolist() == ["0", "0", ""]


def test_latents_purity_and_what_they_hold(constructed: ModuleType, rng: np.random.Generator) -> None:
    information = constructed.information_of([[0.8, 0, 0], [0.1, 0.3, 0], [0, 0, 0], [0, 0.02, 0]], rng)
    kl_nats_D = np.array([2.0, 1.0, 0.001, 0.05])

    table = latent_table(kl_nats_D, kl_nats_D + 0 * rng.normal(size=(50, 4)), information, NAMES)

    assert table["holds"].tolist() == ["shape", "scale; shape", "", ""]  # 0.02 is above the noise, but not held
    np.testing.assert_allclose(table["purity"], [1, 0.75, np.nan, 1])
    np.testing.assert_allclose(table["rest_nmi"], [0.02, 0.12, 0.02, 0.02], atol=1e-12)
    assert table["status"].tolist() == ["active", "active", "collapsed", "weak"]


@pytest.mark.parametrize(("degrees", "too_high"), [(1, 0.09), (5, 0.02), (38, 0.005), (741, 0.005)])
def test_noise_ceiling_is_the_chi_square_quantile_of_the_whole_matrix(degrees: int, too_high: float) -> None:
    # the Wilson-Hilferty quantile is an approximation, poorest at 1 degree of freedom, and errs upward
    law, shape = stats.chi2(degrees, scale=1 / 20_000), (10, 5)
    information = Information(
        estimator="histogram",
        mi_nats_DF=np.zeros(shape),
        entropy_nats_F=np.ones(5),
        floor_nats_DF=np.full(shape, law.mean()),
        floor_high_nats_DF=np.full(shape, law.ppf(0.95)),
        bootstrap_nats_BDF=np.zeros((20, *shape)),
        bootstrap_entropy_nats_BF=np.ones((20, 5)),
        sizes_F=np.full(5, 8),
        settings={"level": 0.95},
    )

    ratio_DF = noise_ceiling_nmi_DF(information) / law.ppf(0.95 ** (1 / 50))
    assert (ratio_DF >= 1).all()
    assert (ratio_DF <= 1 + too_high).all()


def test_noise_passes_the_ceiling_about_as_often_as_said(rng: np.random.Generator) -> None:
    passed, repeats, shape = 0, 400, (10, 5)
    for _ in range(repeats):
        permuted = rng.chisquare(133, size=(100, *shape)) / 20_000
        observed_DF = rng.chisquare(133, size=shape) / 20_000
        information = Information(
            estimator="histogram",
            mi_nats_DF=observed_DF,
            entropy_nats_F=np.ones(5),
            floor_nats_DF=permuted.mean(axis=0),
            floor_high_nats_DF=np.quantile(permuted, 0.95, axis=0),
            bootstrap_nats_BDF=np.zeros((20, *shape)),
            bootstrap_entropy_nats_BF=np.ones((20, 5)),
            sizes_F=np.full(5, 8),
            settings={"level": 0.95},
        )
        passed += bool((observed_DF > noise_ceiling_nmi_DF(information)).any())

    assert 0.02 <= passed / repeats <= 0.09  # 5 to 6 % with 100 permutations, within 3 standard errors of the repeats


def test_noise_codes_hold_nothing(constructed: ModuleType, rng: np.random.Generator) -> None:
    codes = constructed.channel_codes(np.zeros((6, 2)), rng, sizes=(8, 8))

    diagnosis = diagnose(codes, permutations=50, bootstraps=50, decompose=False)

    assert not diagnosis.factors["nmi1_above_noise"].any()
    assert diagnosis.factors["carriers"].isna().all()
    assert (diagnosis.factors["held_by"] == "").all()
    assert (diagnosis.latents["holds"] == "").all()


def test_two_equal_latents_are_two_carriers_by_the_real_estimators(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    codes = constructed.channel_codes([[0.8, 0], [0.8, 0], [0, 0.8], [0, 0]], rng, sizes=(8, 8))

    diagnosis = diagnose(codes, permutations=50, bootstraps=50, decompose=False)

    for estimator in diagnosis.information:
        table = diagnosis.factor_rows(estimator)
        np.testing.assert_allclose(table["carriers"], [2, 1], atol=0.01)
        assert [set(held_by.split("; ")) for held_by in table["held_by"]] == [{"0", "1"}, {"2"}]


def test_intervals_contain_the_true_information(constructed: ModuleType, rng: np.random.Generator) -> None:
    # a factor of 8 values; the latents' true NMI are known in closed form; ties are the hard case for NMI1 and NMI2
    repeats, covered = 60, {"apart": np.zeros(2), "tied": np.zeros(2)}
    for case, shares in (("apart", (0.8, 0.4, 0.0)), ("tied", (0.6, 0.6, 0.0))):
        true_nmi = [constructed.channel_mi_nats(share, 8) / np.log(8) for share in shares]
        for repeat in range(repeats):
            codes = constructed.channel_codes(np.array(shares)[:, None], rng)
            information = measure_information(codes, "histogram", permutations=20, bootstraps=100, seed=repeat)
            row = factor_table(information, ["f0"], [8]).iloc[0]
            for rank in (1, 2):
                covered[case][rank - 1] += row[f"nmi{rank}_low"] <= true_nmi[rank - 1] <= row[f"nmi{rank}_high"]

    # 0.90 to 0.95 of 200 repeats were covered; less 3 standard errors of these 60
    assert (covered["apart"] / repeats >= 0.79).all()
    assert (covered["tied"] / repeats >= 0.79).all()


def test_kl_interval_is_the_standard_error_of_a_mean(rng: np.random.Generator) -> None:
    mean_ND = rng.normal(size=(2000, 2)) * [1.0, 0.1]
    codes = Codes(mean_ND, np.full((2000, 2), -1.0), np.zeros((2000, 0), dtype=np.int64))

    table = diagnose(codes, bootstraps=400, decompose=False).latents

    kl_ND = 0.5 * (mean_ND**2 + np.exp(-1) - 1 + 1)
    np.testing.assert_allclose(table["kl_nats"], kl_ND.mean(axis=0))
    reach_D = 1.96 * kl_ND.std(axis=0) / np.sqrt(2000)
    np.testing.assert_allclose((table["kl_high"] - table["kl_low"]) / 2, reach_D, rtol=0.12)
    assert (table["estimator"] == "").all()


def test_same_seed_same_bits(constructed: ModuleType, rng: np.random.Generator) -> None:
    codes = constructed.channel_codes([[0.8], [0.2]], rng, images=1000)
    first, second = (diagnose(codes, permutations=20, bootstraps=20, seed=4, decompose=False) for _ in range(2))

    assert first.factors.equals(second.factors)
    assert first.latents.equals(second.latents)
    assert first.images_key == second.images_key


def test_bad_numbers_are_refused(constructed: ModuleType, rng: np.random.Generator) -> None:
    codes = constructed.channel_codes([[0.8]], rng, images=1000)
    with pytest.raises(IfpError, match="bootstraps must be a whole number of at least 20, got 3"):
        diagnose(codes, bootstraps=3)
    with pytest.raises(IfpError, match="did you mean 'posterior'"):
        diagnose(codes, estimators=("posteror",))
