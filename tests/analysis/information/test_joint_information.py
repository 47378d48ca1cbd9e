"""Joint information against codes whose information is known, and the floor where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

from ifp.analysis.information.joint_information import measure_joint
from ifp.analysis.information.mixture import mixture_bound, permuted_nats
from ifp.codes import Codes
from ifp.errors import IfpError

N, SCORED = 1500, 300
"""One fold of five is scored: fifth the time."""
SHARP = 0.05


def codes_of(mean_ND: np.ndarray, factors_NF: np.ndarray, sd: float | np.ndarray = SHARP) -> Codes:
    logvar_ND = np.broadcast_to(2 * np.log(sd), mean_ND.shape).astype(float)
    names = tuple("abcdef"[: factors_NF.shape[1]])
    sizes = tuple(int(value) + 1 for value in factors_NF.max(axis=0))
    return Codes(mean_ND, logvar_ND, factors_NF, names, sizes)


def row_of(codes: Codes, factor: str = "a") -> pd.Series:
    return measure_joint(codes, permutations=20, scored=SCORED).table.set_index("factor").loc[factor]


def mixture_nats(centre_VK: np.ndarray, sd: float, draws: int = 100_000) -> float:
    """I(value; centre + sd x noise) for equally likely values, by Monte Carlo (standard error below 0.005)."""
    rng = np.random.default_rng(1)
    value = rng.integers(len(centre_VK), size=draws)
    z = centre_VK[value] + sd * rng.normal(size=(draws, centre_VK.shape[1]))
    log_VM = -0.5 * ((z[:, None] - centre_VK) ** 2).sum(axis=2) / sd**2
    return float((log_VM[np.arange(draws), value] - logsumexp(log_VM, axis=1)).mean() + np.log(len(centre_VK)))


def scaled(value_N: np.ndarray) -> np.ndarray:
    return np.asarray((value_N - value_N.mean()) / value_N.std())


def test_a_factor_of_one_latent_beside_noise(rng: np.random.Generator) -> None:
    factors = rng.integers([6, 4], size=(N, 2))
    found = row_of(codes_of(np.c_[scaled(factors[:, 0]), rng.normal(size=N)], factors))

    assert found["joint_nats"] == pytest.approx(np.log(6), abs=0.02)
    assert (found["single_latent"], found["set_latents"]) == (0, "0")
    assert found["diffusion_nats"] < 0.02
    assert found["above_noise"]


def test_xor_is_one_bit_in_two_latents_and_none_in_either(rng: np.random.Generator) -> None:
    bits = rng.integers(2, size=(N, 3))
    factors = (bits[:, 0] ^ bits[:, 1])[:, None]
    found = row_of(codes_of(2.0 * bits - 1, factors))

    assert found["joint_nats"] == pytest.approx(np.log(2), abs=0.02)
    assert found["single_nats"] < 0.01
    assert found["pair_latents"] == found["set_latents"] == "0; 1"
    assert found["synergy_low"] > 0.6
    assert found["diffusion_share"] > 0.97


def test_a_rotated_pair_is_found_and_its_singles_are_gaussian(rng: np.random.Generator) -> None:
    factors = rng.integers(8, size=(N, 2))
    a, b = scaled(factors[:, 0]), scaled(factors[:, 1])
    turned = np.c_[rng.normal(size=N), (a + b) / 2**0.5, (a - b) / 2**0.5]
    found = row_of(codes_of(turned, factors))

    assert found["pair_latents"] == found["set_latents"] == "1; 2"
    assert found["joint_nats"] > 0.95 * np.log(8)
    assert 0.3 < found["single_nats"] < 0.75  # 0.35 for Gaussian factors, more for 8 sharp values
    assert found["synergy_low"] > 0.5


def test_a_copy_adds_nothing(rng: np.random.Generator) -> None:
    factors = rng.integers(6, size=(N, 1))
    found = row_of(codes_of(np.repeat(scaled(factors), 2, axis=1), factors))

    assert found["set_latents"] in ("0", "1")
    assert found["diffusion_nats"] < 0.02


def test_noise_is_within_the_floor_and_never_negative(rng: np.random.Generator) -> None:
    factors = rng.integers([5, 40], size=(N, 2))
    table = measure_joint(codes_of(rng.normal(size=(N, 4)), factors), permutations=20, scored=SCORED).table

    assert not table["above_noise"].any()
    numbers = table.filter(regex="joint|single_nats|pair_nats|set_nats|diffusion|given_others_(nats|low)")
    assert (numbers.drop(columns=["diffusion_share"]).to_numpy(dtype=float) >= 0).all()
    assert (table["joint_nats"] < 0.02).all()


def test_symmetric_shapes_hide_an_angle_until_the_shape_is_known(rng: np.random.Generator) -> None:
    """Shape 0 shows its angle as it is, shape 1 turned by half a turn, and the codes do not say which shape it is."""
    factors = rng.integers([2, 8], size=(N, 2))
    angle = 2 * np.pi * (factors[:, 1] / 8 + factors[:, 0] / 2)
    found = row_of(codes_of(np.c_[np.cos(angle), np.sin(angle)], factors), "b")

    assert found["joint_nats"] == pytest.approx(np.log(4), abs=0.06)
    assert found["given_others_nats"] == pytest.approx(np.log(8), abs=0.08)
    assert found["given_others_low"] > found["joint_high"]
    assert found["entropy_given_others_nats"] == pytest.approx(found["entropy_nats"], abs=0.01)


def test_a_factor_that_another_one_decides_leaves_nothing_to_add(rng: np.random.Generator) -> None:
    first = rng.integers(4, size=N)
    factors = np.c_[first, first // 2]
    found = row_of(codes_of(scaled(first)[:, None], factors), "b")

    assert found["joint_nats"] == pytest.approx(np.log(2), abs=0.02)
    assert found["entropy_given_others_nats"] < 0.02
    assert found["given_others_nats"] < 0.02


def test_a_ring_of_values_has_no_first_and_no_last(rng: np.random.Generator) -> None:
    """Equal neighbours across the seam: what is told of the values near it is told of those in the middle."""
    angle = 2 * np.pi * np.arange(12) / 12
    centre = np.c_[np.cos(angle), np.sin(angle)]
    value = rng.integers(12, size=N)
    found = row_of(codes_of(centre[value], value[:, None], 0.5))
    truth = mixture_nats(centre, 0.5)

    assert truth - 0.1 < found["joint_nats"] < truth + 2 * 0.02
    assert found["set_latents"] == "0; 1"


def test_a_constant_factor_has_no_numbers(rng: np.random.Generator) -> None:
    factors = np.c_[np.full(N, 2), rng.integers(4, size=N)]
    table = measure_joint(
        codes_of(scaled(factors[:, 1])[:, None], factors), permutations=20, scored=SCORED
    ).table.set_index("factor")

    assert table.loc["a", "entropy_nats"] == 0
    assert np.isnan(table.loc["a", "joint_nats"])
    assert not table.loc["a", "above_noise"]
    assert table.loc["b", "joint_nats"] > 1.3


def test_collapsed_latents_alone_hold_nothing(rng: np.random.Generator) -> None:
    value = rng.integers(4, size=(N, 1))
    found = row_of(codes_of(0.01 * scaled(value), value, 1.0))

    assert found["joint_nats"] == found["joint_low"] == found["joint_high"] == 0
    assert found["set_latents"] == ""
    assert found["single_latent"] == -1


@pytest.mark.parametrize("images", [60])
def test_few_images_widen_the_interval_and_invent_nothing(images: int, rng: np.random.Generator) -> None:
    factors = rng.integers([3, 40], size=(images, 2))
    codes = codes_of(np.c_[scaled(factors[:, 0]), rng.normal(size=(images, 3))], factors)
    table = measure_joint(codes, permutations=20, scored=SCORED).table.set_index("factor")

    assert 0.8 * np.log(3) < table.loc["a", "joint_nats"] <= table.loc["a", "entropy_nats"] + 1e-9
    assert not table.loc["b", "above_noise"]


@pytest.mark.parametrize("noise", [0.4, 1.0])
def test_the_bound_is_near_a_known_truth_and_not_above_it(noise: float, rng: np.random.Generator) -> None:
    """A factor of 10 values spread over four latents: the bound must lie below the truth, and not far."""
    direction = np.array([0.5, 0.5, 0.5, 0.5])
    value = rng.integers(10, size=N)
    levels = scaled(np.arange(10.0))
    sd = np.sqrt(noise)
    found = row_of(codes_of(levels[value][:, None] * direction, value[:, None], sd))
    truth = mixture_nats(levels[:, None], sd)

    stderr = (found["joint_high"] - found["joint_low"]) / 2 / 1.96
    assert found["joint_nats"] < truth + 2.6 * stderr
    assert found["joint_nats"] > 0.8 * truth - 2.6 * stderr
    assert found["set_latents"] == "0; 1; 2; 3"


def test_posteriors_that_overlap_agree_with_the_aggregated_posterior(rng: np.random.Generator) -> None:
    value = rng.integers(5, size=N)
    levels = scaled(np.arange(5.0))
    found = row_of(codes_of(levels[value][:, None], value[:, None], 0.8))
    truth = mixture_nats(levels[:, None], 0.8)

    assert found["aggregated_low_nats"] - 0.05 < truth < found["aggregated_high_nats"] + 0.05
    assert found["aggregated_high_nats"] - found["aggregated_low_nats"] < 0.02


def test_the_same_seed_gives_the_same_bits_and_bad_settings_are_refused(rng: np.random.Generator) -> None:
    codes = codes_of(rng.normal(size=(300, 2)), rng.integers(3, size=(300, 1)))
    first, second = (measure_joint(codes, permutations=5, scored=60).table for _ in range(2))

    assert first.equals(second)
    with pytest.raises(IfpError, match="permutations must be a whole number of at least 2, got 1"):
        measure_joint(codes, permutations=1)
    with pytest.raises(IfpError, match="without factors"):
        measure_joint(Codes(codes.mean_ND, codes.logvar_ND, np.zeros((300, 0), dtype=int)))


def test_a_mixture_knows_which_classifier_to_trust(rng: np.random.Generator) -> None:
    value = rng.integers(4, size=4000)
    right = np.full((1, 4000, 4), 0.1)
    right[0, np.arange(4000), np.where(rng.random(4000) < 0.7, value, rng.integers(4, size=4000))] = 0.7
    sure_of_nonsense = np.eye(4)[rng.integers(4, size=4000)][None]
    share = np.full(4, 0.25)

    alone = mixture_bound([right], value, share)
    both = mixture_bound([right, sure_of_nonsense], value, share)
    assert both.nats == pytest.approx(alone.nats, abs=0.005)
    assert abs(mixture_bound([sure_of_nonsense], value, share).nats) < 0.005
    floor = permuted_nats([right, sure_of_nonsense], value, share, permutations=20, generator=rng)
    assert np.abs(floor).max() < 0.01


def test_many_latents_and_a_factor_of_very_many_values(rng: np.random.Generator) -> None:
    """A factor of 600 values in two of 40 latents: neighbours are told apart as groups, which only lowers the bound."""
    value = rng.permutation(N) % 600
    mean_ND = rng.normal(size=(N, 40))
    mean_ND[:, [7, 30]] = np.c_[value // 30, value % 30] / 8.7 - [1.1, 1.7]
    found = row_of(codes_of(mean_ND, value[:, None], np.where(np.isin(np.arange(40), [7, 30]), 0.02, 0.5)))

    assert found["entropy_nats"] == pytest.approx(np.log(600), abs=0.1)
    assert np.log(10) < found["joint_nats"] <= np.log(64)
    assert found["single_latent"] == 7
