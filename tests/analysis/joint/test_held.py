"""The joint information on a factor against channels whose information is known, and where it is measured."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp

from ifp.analysis.joint.held import held_nats
from ifp.analysis.joint.search import measure_crossing
from ifp.codes import Codes
from tests.analysis.joint.known_joint import levels

N = 4096
STANDARD_ERROR = 0.008
"""Of the bound at 0.1 nat: the log ratio has a standard deviation of about sqrt(2 x 0.1), over 4,096 images."""


def codes(mean_ND: np.ndarray, variance_D: np.ndarray, value_N: np.ndarray) -> Codes:
    logvar_ND = np.log(np.broadcast_to(variance_D, mean_ND.shape))
    return Codes(mean_ND, logvar_ND, value_N[:, None], ("a",), (int(value_N.max()) + 1,))


def mixture_nats(centre_VK: np.ndarray, sd: float) -> float:
    """I(value; centre + sd x noise) for equally likely values, by 200,000 draws."""
    rng = np.random.default_rng(1)
    value = rng.integers(len(centre_VK), size=200_000)
    z = centre_VK[value] + sd * rng.normal(size=(len(value), centre_VK.shape[1]))
    log_VM = -0.5 * ((z[:, None] - centre_VK) ** 2).sum(axis=2) / sd**2
    return float((log_VM[np.arange(len(value)), value] - logsumexp(log_VM, axis=1)).mean() + np.log(len(centre_VK)))


@pytest.mark.parametrize("target", [0.05, 0.1, 0.5])
def test_a_gaussian_channel_beside_latents_that_hold_something_else(rng: np.random.Generator, target: float) -> None:
    share = 1 - np.exp(-2 * target)
    value = rng.integers(9, size=N)
    mean = np.c_[np.sqrt(share) * levels()[value], 0.9 * rng.normal(size=(N, 3))]
    found = held_nats(codes(mean, np.array([1 - share, 0.19, 0.19, 0.19]), value), 0)
    truth = mixture_nats(np.sqrt(share) * levels()[:, None], np.sqrt(1 - share))
    assert_allclose(found, truth, atol=3 * STANDARD_ERROR * np.sqrt(target / 0.1))


def test_a_ring_of_forty_values_in_two_latents(rng: np.random.Generator) -> None:
    angle = 2 * np.pi * np.arange(40) / 40
    centre = 0.46 * np.c_[np.cos(angle), np.sin(angle)]
    value = rng.integers(40, size=N)
    found = held_nats(codes(centre[value], np.array([1.0, 1.0]), value), 0)
    truth = mixture_nats(centre, 1.0)
    assert 0.09 < truth < 0.12
    # forty values in two coordinates cost about 80 / 2 N nats of the bound
    assert truth - 0.012 - 3 * STANDARD_ERROR < found < truth + 2 * STANDARD_ERROR


def test_a_place_that_depends_on_another_factor(rng: np.random.Generator) -> None:
    value, shape = rng.integers(9, size=N), 2 * rng.integers(2, size=N) - 1
    mean = np.c_[0.6 * levels()[value] * shape, 0.95 * shape]
    found = held_nats(codes(mean, np.array([0.64, 0.0975]), value), 0)
    known = mixture_nats(0.6 * levels()[:, None], 0.8)  # with the shape known exactly
    assert 0.75 * known < found < known + 3 * STANDARD_ERROR


def test_nothing_is_held_of_what_is_independent_or_never_reaches_the_decoder(rng: np.random.Generator) -> None:
    value = rng.integers(9, size=N)
    independent = held_nats(codes(0.9 * rng.normal(size=(N, 3)), np.full(3, 0.19), value), 0)
    assert independent <= STANDARD_ERROR
    # the mean of a collapsed latent tells the values apart, its draws do not
    collapsed = codes(0.01 * levels()[value][:, None], np.array([1.0]), value)
    assert held_nats(collapsed, 0) == 0
    assert held_nats(codes(0.9 * rng.normal(size=(N, 1)), np.array([0.19]), np.zeros(N, dtype=int)), 0) == 0


@pytest.mark.parametrize("rises", [True, False])
@pytest.mark.parametrize("at", [3, 50, 51, 52, 97])
def test_measured_around_the_last_crossing_alone(rises: bool, at: int) -> None:
    value_T = np.where(np.arange(100) >= at, 0.3, 0.05)
    value_T = value_T if rises else value_T[::-1]
    asked: list[int] = []

    def measure(record: int) -> float:
        asked.append(record)
        return float(value_T[record])

    found_T = measure_crossing(measure, np.ones(100), 0.1)
    last = at if rises else 100 - at
    assert len(asked) == len(set(asked)) <= 40
    assert np.isfinite(found_T[max(last - 4, 0) : last + 4]).all()
    assert_allclose(found_T[asked], value_T[asked])


def test_a_ceiling_below_the_threshold_is_not_measured() -> None:
    asked: list[int] = []

    def measure(record: int) -> float:
        asked.append(record)
        return 0.05

    found_T = measure_crossing(measure, np.full(40, 0.09), 0.1)
    assert not asked
    assert_allclose(found_T[[0, 5, 39]], 0)
