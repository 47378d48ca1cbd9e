"""Is what exact annealing calls the equilibrium the lowest state? Small data, two latents, valleys of their own."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import ndtri

from ifp.analysis.freezing.points import freezing_points
from ifp.errors import IfpError
from ifp.exact.annealing import exact_annealing
from ifp.exact.ends import ENDS
from ifp.exact.lowest import exact_minimum
from ifp.theory.closed_form import freezing_bounds
from ifp.trace import AnnealTrace

from .curves import assert_no_random_start_ends_below
from .written_out import lowest_of_random_starts, sprites_traversal

SHAPES = [(0, 5, 11, 2, 30), (0, 2, 29, 14, 5), (0, 0, 3, 22, 22), (0, 3, 20, 8, 16)]
"""Contexts in which the shape changes: 3 images each."""


@pytest.fixture(scope="module")
def shapes() -> AnnealTrace:
    """Three curves of each of the `SHAPES`."""
    return exact_annealing([sprites_traversal("shape", context) for context in SHAPES])


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_no_random_start_ends_below_the_equilibrium_of_shapes(number: int, shapes: AnnealTrace) -> None:
    trace = shapes.select(np.arange(3 * number, 3 * number + 3))
    assert_no_random_start_ends_below(sprites_traversal("shape", SHAPES[number]), trace, records=0, starts=15)


@pytest.mark.parametrize("seed", range(4))
def test_exact_minimum_of_small_random_data(seed: int) -> None:
    generator = np.random.default_rng((9, seed))
    images = generator.random((int(generator.integers(4, 7)), int(generator.integers(4, 15))))
    if seed % 2:
        images = np.round(images)
    beta = generator.uniform(0.2, 0.9) * freezing_bounds(images, upper=False).beta_closed_form_M[0]
    least = exact_minimum(images, [beta])[0]
    assert least <= lowest_of_random_starts(images, beta, 40, generator) + 1e-4 * beta


def two_factors(ratio: float) -> np.ndarray:
    """Two independent factors of 9 values at normal quantiles, of mean squares `ratio` and 1."""
    quantiles = ndtri((np.arange(9) + 0.5) / 9)
    quantiles /= np.sqrt((quantiles**2).mean())
    grid = np.array(list(product(range(9), repeat=2)))
    return np.stack([np.sqrt(ratio) * quantiles[grid[:, 0]], quantiles[grid[:, 1]]], axis=1)


@pytest.mark.slow
def test_two_latents_are_followed_to_the_crossing_of_the_second() -> None:
    # (further apart the product of the two is not the lowest state: the first latent's 9 values leave room by then)
    ratio = 3.0
    one = freezing_points(exact_annealing(two_factors(ratio)[::9, :1], "gaussian", directions=["cool"]))
    trace = exact_annealing(two_factors(ratio), "gaussian", latents=2, directions=["cool"])
    assert list(trace.ended_M) == ["settled"]
    known = np.isfinite(trace.beta_MT[0])
    beta, kl = trace.beta_MT[0][known], np.sort(trace.kl_nats_MTD[0][known], axis=1)
    # the factors are independent: each freezes as if it were alone, at betas in the ratio of their edges
    crossings = [np.exp(np.interp(0.1, kl[:, latent], np.log(beta))) for latent in (1, 0)]
    assert crossings[0] == pytest.approx(one["beta_ifp"][0], rel=0.01)
    assert crossings[1] == pytest.approx(one["beta_ifp"][0] / ratio, rel=0.005)


def test_a_curve_says_why_it_ended() -> None:
    images = two_factors(3.0)
    floored = exact_annealing(images, "gaussian", latents=2, directions=["cool"], beta_floor=1.5)
    assert list(floored.ended_M) == ["floor"]
    last = np.isfinite(floored.beta_MT[0]).sum() - 1
    assert 1.2 < floored.beta_MT[0, last] < 1.5
    assert set(exact_annealing(np.random.default_rng(0).random((3, 6))).ended_M) <= set(ENDS)
    # one dimension leaves a second latent nothing to hold
    line = exact_annealing(images[::9, :1], "gaussian", latents=2, directions=["cool"])
    assert list(line.ended_M) == ["floor"]
    assert np.nanmax(line.kl_nats_MTD.min(axis=2)) < 1e-6
    with pytest.raises(IfpError, match="beta_floor"):
        exact_annealing(images, "gaussian", beta_floor=-1.0)


def test_low_contrast_keeps_its_digits() -> None:
    # the Bernoulli cost is quadratic in small contrasts: in units of the lower edge nothing depends on the amplitude
    pattern = np.random.default_rng(5).random((6, 5)) - 0.5
    points = freezing_points(exact_annealing([0.5 + amplitude * pattern for amplitude in (0.1, 1e-3)]))
    assert set(points["status"]) == {"frozen"}
    assert len(points) == 6
    np.testing.assert_allclose(points["beta_ifp"] / points["beta_closed_form"], 0.8526, rtol=1e-3)


def test_a_valley_of_its_own_is_the_lowest_at_the_threshold() -> None:
    # neither the cooled nor the heated curve is the lowest here; 3.885 is another implementation's crossing
    images = np.array(
        [
            [0.62, 0.504, 0.937, 0.75, 0.574, 0.617, 0.507, 0.965, 0.227, 0.689, 0.555, 0.042],
            [0.296, 0.927, 0.785, 0.013, 0.297, 0.01, 0.827, 0.11, 0.057, 0.982, 0.446, 0.318],
            [0.049, 0.39, 0.366, 0.523, 0.007, 0.148, 0.21, 0.441, 0.302, 0.613, 0.285, 0.91],
            [0.962, 0.059, 0.209, 0.563, 0.771, 0.064, 0.185, 0.457, 0.669, 0.903, 0.867, 0.794],
            [0.053, 0.977, 0.615, 0.086, 0.255, 0.621, 0.386, 0.447, 0.805, 0.824, 0.547, 0.792],
            [0.406, 0.974, 0.605, 0.968, 0.044, 0.883, 0.559, 0.714, 0.193, 0.549, 0.289, 0.105],
            [0.003, 0.907, 0.671, 0.205, 0.258, 0.466, 0.818, 0.118, 0.968, 0.944, 0.245, 0.641],
        ]
    )
    points = freezing_points(exact_annealing(images, "gaussian", sigma=0.3)).set_index("direction")
    crossing = points.loc["equilibrium"]
    assert crossing["beta_ifp"] == pytest.approx(3.885, rel=2e-3)
    assert crossing["beta_bracket_high"] < 1.01 * crossing["beta_bracket_low"]
