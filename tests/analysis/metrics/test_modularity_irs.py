"""Modularity and IRS: each latent answers to one factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.metrics import irs, latent_modularity, modularity
from ifp.errors import IfpError

TENS = (10,) * 10
FIVE = 5 * np.eye(5)
Draw = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("mi_DF", "expected"),
    [
        (FIVE, 1),
        (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), 2 / 3),
        (np.zeros((10, 10)), 0),
        (np.hstack([FIVE, FIVE]), 1 - 1 / 9),
        (np.vstack([FIVE, FIVE]), 1),
        (FIVE[:2], 1),
    ],
)
def test_modularity_of_matrices(mi_DF: np.ndarray, expected: float) -> None:
    assert latent_modularity(mi_DF).mean() == pytest.approx(expected)


def test_modularity_is_of_latents_not_of_factors() -> None:
    """One latent with all factors is not modular, though each factor is in one latent only."""
    assert latent_modularity(np.array([[1.0, 1.0], [0.0, 0.0]])).tolist() == [0, 0]


def test_modularity_of_codes(draw: Draw) -> None:
    factors_NF = draw(TENS, 3000)
    assert float(modularity(factors_NF, factors_NF)) > 0.99
    assert float(modularity(np.hstack([factors_NF, factors_NF]), factors_NF)) > 0.99
    assert float(modularity(np.full((3000, 4), 0.1), factors_NF)) == 0
    many_NF = draw(TENS, 20_000)
    assert float(modularity(np.random.default_rng(0).permuted(many_NF, axis=1), many_NF)) < 0.2


@pytest.mark.parametrize(("quantile", "expected"), [(0.99, 0.373), (1.0, 0.162)])
def test_irs_of_noise_is_not_0(draw: Draw, quantile: float, expected: float) -> None:
    """The expected values are of one noise each; from one to the next the largest deviation of 10,000 differs."""
    values = []
    for seed in range(10):
        noise_ND = np.random.default_rng(100 + seed).normal(size=(10_000, 10))
        score = irs(noise_ND, draw(TENS, 10_000, seed), diff_quantile=quantile, seed=seed)
        values.append(score.value)
        assert score.noise_value == pytest.approx(score.value, abs=0.05)
        assert 0.002 < score.noise_std < 0.05
    spread = np.std(values, ddof=1)
    assert spread < 0.025
    assert np.mean(values) == pytest.approx(expected, abs=2 * spread * np.sqrt(1 + 1 / 10))


def test_irs_of_identity(draw: Draw) -> None:
    factors_NF = draw(TENS, 10_000)
    score = irs(factors_NF, factors_NF)
    assert score.value == 1
    assert score.factor_D.tolist() == list(range(10))
    doubled_ND = np.hstack([factors_NF, factors_NF])
    assert irs(doubled_ND, factors_NF).factor_D.tolist() == [*range(10), *range(10)]


def test_irs_leaves_constant_latents_out(draw: Draw) -> None:
    factors_NF = draw((4, 4), 2000)
    score = irs(np.hstack([factors_NF, np.full((2000, 1), 0.1)]), factors_NF)
    assert score.value == 1
    assert score.factor_D.tolist() == [0, 1, -1]
    assert np.isnan(score.robustness_DF[2]).all()
    nothing = irs(np.zeros((2000, 3)), factors_NF)
    assert nothing.value == 0
    assert nothing.reason
    assert nothing.noise_value > 0


def test_irs_against_its_definition(draw: Draw, rng: np.random.Generator) -> None:
    """Two values and quantile 1, by hand."""
    factors_NF = draw((2, 2), 1000)
    codes_ND = factors_NF + rng.normal(size=(1000, 2))
    largest_D = np.abs(codes_ND - codes_ND.mean(axis=0)).max(axis=0)
    expected_DF = np.empty((2, 2))
    for d in range(2):
        for f in range(2):
            groups = [codes_ND[factors_NF[:, f] == value, d] for value in range(2)]
            left = sum(np.abs(group - group.mean()).max() for group in groups) / 2
            expected_DF[d, f] = 1 - left / largest_D[d]
    score = irs(codes_ND, factors_NF, diff_quantile=1.0)
    assert score.robustness_DF == pytest.approx(expected_DF)
    assert score.value == pytest.approx((expected_DF.max(axis=1) * largest_D).sum() / largest_D.sum())
    with pytest.raises(IfpError, match="diff_quantile must be between 0 and 1"):
        irs(codes_ND, factors_NF, diff_quantile=99.0)
