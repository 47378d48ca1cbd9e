"""Batches that share a factor, and the two metrics made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.metrics import beta_vae, factor_vae
from ifp.analysis.metrics.batches import SharedValues, shared_values
from ifp.errors import IfpError

TENS = (10,) * 10
Draw = Callable[..., np.ndarray]
FACTOR_N = np.array([4, 1, 4, 9, 1, 4, 2, 1, 7, 7])  # 9 and 2 are held by one row each


def test_batches_share_a_value_and_leave_nothing_else_out(rng: np.random.Generator) -> None:
    shared = SharedValues(FACTOR_N)
    assert shared.num_left_out == 2
    rows_BS = shared.batches(4000, 5, rng)
    assert (FACTOR_N[rows_BS] == FACTOR_N[rows_BS[:, :1]]).all()
    counts_N = np.bincount(rows_BS.ravel(), minlength=10)
    assert counts_N[[3, 6]].tolist() == [0, 0]
    # the value is that of a row drawn at random, and each of its rows is as likely
    assert np.delete(counts_N, [3, 6]) / 20_000 == pytest.approx(np.full(8, 1 / 8), abs=0.015)


def test_pairs_share_a_value_and_are_two_rows(rng: np.random.Generator) -> None:
    first_BS, second_BS = SharedValues(FACTOR_N).pairs(2000, 5, rng)
    assert (FACTOR_N[first_BS] == FACTOR_N[second_BS]).all()
    assert (first_BS != second_BS).all()
    assert len(np.unique(FACTOR_N[first_BS[0]])) > 1 or len(np.unique(FACTOR_N[first_BS[1]])) > 1
    partners_of_0 = np.bincount(second_BS[first_BS == 0], minlength=10)
    assert partners_of_0[[2, 5]] / partners_of_0.sum() == pytest.approx([0.5, 0.5], abs=0.06)


def test_a_factor_without_repeated_values_is_refused() -> None:
    with pytest.raises(IfpError, match=r"Factors \[1\] .* never take the same value twice"):
        shared_values(np.stack([np.arange(10) % 2, np.arange(10)], axis=1))


def test_factor_vae_of_identity_is_exactly_1(draw: Draw) -> None:
    factors_NF = draw(TENS, 3000)
    score = factor_vae(factors_NF, factors_NF)
    assert (score.value, score.train_accuracy) == (1, 1)
    assert (score.votes_DF == np.diag(np.diag(score.votes_DF))).all()
    assert score.votes_DF.sum() == 10_000
    assert float(factor_vae(np.hstack([factors_NF, factors_NF]), factors_NF)) == 1


def test_factor_vae_of_codes_that_know_nothing(draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw((3, 6, 40, 32, 32), 5000)
    zero = factor_vae(np.full((5000, 4), 0.1), factors_NF)
    assert zero.value == 0
    assert zero.reason
    noise = factor_vae(rng.normal(size=(5000, 10)), factors_NF)
    assert noise.value == pytest.approx(1 / 5, abs=0.03)
    assert noise.chance == pytest.approx(1 / 5, abs=0.03)


def test_factor_vae_counts_the_latents_that_take_part(draw: Draw, rng: np.random.Generator) -> None:
    """A latent of tiny spread around its factor would win votes; below the threshold it must not."""
    factors_NF = draw((4, 4), 2000)
    codes_ND = np.hstack([factors_NF + rng.normal(size=(2000, 2)), 0.01 * factors_NF])
    pruned = factor_vae(codes_ND, factors_NF)
    assert pruned.active_D.tolist() == [True, True, False, False]
    assert pruned.settings["num_active"] == 2
    assert (pruned.votes_DF[2:] == 0).all()
    kept = factor_vae(codes_ND, factors_NF, prune_std=0.0)
    assert kept.active_D.all()
    assert kept.votes_DF[2:].sum() == 10_000


def test_factor_vae_votes_as_one_by_one(draw: Draw, rng: np.random.Generator) -> None:
    """The share of votes of each latent, against votes cast one at a time with code of its own."""
    factors_NF = draw((3, 3), 1000)
    codes_ND = factors_NF @ np.array([[1.0, 0.7], [-0.7, 1.0]]) + rng.normal(size=(1000, 2))
    score = factor_vae(codes_ND, factors_NF, batch_size=8)
    var_D = codes_ND.var(axis=0, ddof=1)
    votes_DF = np.zeros((2, 2))
    for _ in range(4000):
        f = rng.integers(2)
        rows = np.flatnonzero(factors_NF[:, f] == factors_NF[rng.integers(1000), f])
        batch = codes_ND[rng.choice(rows, 8)]
        votes_DF[np.argmin(batch.var(axis=0, ddof=1) / var_D), f] += 1
    assert score.votes_DF / 10_000 == pytest.approx(votes_DF / 4000, abs=0.03)
    assert score.value == pytest.approx(votes_DF.max(axis=1).sum() / 4000, abs=0.03)


def test_beta_vae(draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw(TENS, 3000)
    score = beta_vae(factors_NF, factors_NF)
    assert 0.99 < score.value <= 1
    assert score.converged
    assert score.chance == 0.1
    rotated = beta_vae(factors_NF @ np.linalg.qr(rng.normal(size=(10, 10)))[0], factors_NF)
    assert score.value >= rotated.value > 0.5, "a linear classifier undoes much of a rotation"


def test_beta_vae_of_codes_that_know_nothing_is_chance(draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw((3, 6, 40, 32, 32), 3000)
    for codes_ND in (np.zeros((3000, 4)), rng.normal(size=(3000, 4))):
        score = beta_vae(codes_ND, factors_NF)
        assert score.value == pytest.approx(score.chance, abs=0.03)


@pytest.mark.parametrize("metric", [factor_vae, beta_vae])
def test_rows_without_a_partner_are_counted(metric: Callable[..., object], draw: Draw) -> None:
    factors_NF = draw((3, 4), 1500)
    factors_NF[:2, 1] = [8, 9]
    score = metric(factors_NF, factors_NF)
    assert score.rows_left_out_F.tolist() == [0, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("metric", [factor_vae, beta_vae])
def test_same_seed_same_bits(metric: Callable[..., object], draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw((3, 4, 5), 1000)
    codes_ND = factors_NF @ rng.normal(size=(3, 3)) + rng.normal(size=(1000, 3))
    values = [metric(codes_ND, factors_NF, seed=seed).value for seed in (0, 0, 1)]  # type: ignore[attr-defined]
    assert values[0] == values[1] != values[2]
