"""UDR: agreement of models up to the order and sign of their latents."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.metrics import relative_strength, udr
from ifp.errors import IfpError


@pytest.mark.parametrize(
    ("strength_DE", "expected"),
    [
        (np.eye(3), 1),
        (np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), 2 / 3),
        (np.ones((3, 3)), 1 / 3),
        (np.zeros((3, 3)), 0),
        (np.zeros((0, 3)), 0),
    ],
)
def test_relative_strength(strength_DE: np.ndarray, expected: float) -> None:
    assert relative_strength(strength_DE) == pytest.approx(expected)


def moved(codes_ND: np.ndarray, seed: int) -> np.ndarray:
    """The same latents in another order, with other signs, scales and offsets."""
    generator = np.random.default_rng(seed)
    latents = codes_ND.shape[1]
    signs = generator.choice([-1.0, 1.0], latents) * generator.uniform(0.5, 2, latents)
    return codes_ND[:, generator.permutation(latents)] * signs + generator.normal(size=latents)


def test_identical_models_score_0_9_by_lasso(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 10))
    score = udr([codes_ND, moved(codes_ND, 1), moved(codes_ND, 2)])
    assert score.score_M == pytest.approx(np.full(3, 0.9), abs=1e-6)
    assert score.value == pytest.approx(0.9, abs=1e-6)
    assert score.not_converged == 0
    assert np.isnan(np.diag(score.pair_MM)).all()
    assert float(udr([codes_ND, moved(codes_ND, 1)], alpha=0.2)) == pytest.approx(0.8, abs=1e-6)


def test_identical_models_by_spearman(rng: np.random.Generator) -> None:
    values = []
    for _ in range(5):
        codes_ND = rng.normal(size=(1000, 10))
        values.append(float(udr([codes_ND, moved(codes_ND, 1)], correlation="spearman")))
        monotone = float(udr([codes_ND, np.exp(codes_ND)], correlation="spearman"))
        assert monotone == pytest.approx(values[-1]), "ranks do not see a monotone change"
    assert np.mean(values) == pytest.approx(0.82, abs=0.01)


def test_spearman_matches_scipy(rng: np.random.Generator) -> None:
    from scipy.stats import spearmanr

    first, second = rng.integers(0, 5, (1000, 2)).astype(float), rng.integers(0, 5, (1000, 2)).astype(float)
    second += first
    expected = np.abs(spearmanr(first, second).statistic[:2, 2:])
    assert udr([first, second], correlation="spearman").pair_MM[0, 1] == pytest.approx(relative_strength(expected))


def test_models_that_do_not_agree_score_low(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(2000, 6))
    assert float(udr([codes_ND, rng.normal(size=(2000, 6))])) < 0.1
    rotated = codes_ND @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert float(udr([codes_ND, rotated])) < 0.6


def test_the_odd_model_out_scores_lowest(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 4))
    score = udr([codes_ND, moved(codes_ND, 1), rng.normal(size=(1000, 4)), moved(codes_ND, 2)])
    assert score.score_M.argmin() == 2
    assert np.delete(score.score_M, 2) == pytest.approx(np.full(3, 0.9), abs=1e-6)


def test_latents_without_kl_take_no_part(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 4))
    with_dead = np.hstack([codes_ND, rng.normal(size=(1000, 3)) * 1e-3, np.full((1000, 1), 0.1)])
    kl_nats = np.array([1.0, 1, 1, 1, 0.01, 0.001, 0, 1])
    score = udr([with_dead, codes_ND], [kl_nats, np.ones(4)])
    assert score.value == pytest.approx(0.9, abs=1e-6)
    assert score.active_M == ((0, 1, 2, 3), (0, 1, 2, 3))
    assert udr([with_dead, codes_ND]).active_M[0] == tuple(range(7))
    dead = udr([np.zeros((1000, 3)), codes_ND])
    assert dead.value == 0
    assert dead.reason


def test_scores_are_those_of_disentanglement_lib(rng: np.random.Generator) -> None:
    """Against values of its own code (commit 86a644d) on these codes; rows for columns give .4193 for the first."""
    generator = np.random.default_rng(1)
    base_ND = generator.normal(size=(1000, 4))
    models = [
        base_ND,
        base_ND[:, [2, 0, 3, 1]] * [1, -1, 1, -1] + 0.1 * generator.normal(size=(1000, 4)),
        base_ND @ np.linalg.qr(generator.normal(size=(4, 4)))[0],
        np.stack(
            [base_ND[:, 0], base_ND[:, 0] + 0.05 * generator.normal(size=1000), base_ND[:, 1],
             generator.normal(size=1000)], axis=1,
        ),
        generator.normal(size=(1000, 4)),
    ]  # fmt: skip
    score = udr(models, [np.ones(4)] * 5)
    assert score.score_M == pytest.approx([0.3897, 0.3872, 0.2828, 0.3440, 0], abs=1e-4)


def test_models_with_other_numbers_of_latents(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 4))
    pair_MM = udr([codes_ND, codes_ND[:, :1]]).pair_MM
    # one of four rows has the only entry, .9, and the one column has it too
    assert pair_MM[0, 1] == pytest.approx((0.9 / 4 + 0.9) / 2, abs=0.01)


def test_what_udr_refuses(rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1000, 4))
    for args, sentence in [
        (([codes_ND],), "at least 2, got 1"),
        (([codes_ND, rng.normal(size=(1001, 4))],), r"got \[1000, 1001\] images"),
        (([codes_ND, codes_ND], [np.ones(4), np.ones(3)]), "Model 1 has 4 latents but KLs of shape"),
        (([codes_ND, codes_ND], [np.ones(4)]), "Model 1 has 4 latents"),
    ]:
        with pytest.raises(IfpError, match=sentence):
            udr(*args)
    with pytest.raises(IfpError, match="Unknown correlation 'pearson'"):
        udr([codes_ND, codes_ND], correlation="pearson")
