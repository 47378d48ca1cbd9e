"""JEMMIG, InfoMEC and DCI-ES: known answers, and values of the authors' own code on the same arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.metrics import (
    dci_es,
    explicitness_of_curve,
    info_compactness,
    info_modularity,
    infomec,
    jemmig,
)
from ifp.analysis.metrics.dci_es import DEPTHS
from ifp.analysis.metrics.grown_forest import GrownForest
from ifp.errors import IfpError

Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def mixed() -> tuple[np.ndarray, np.ndarray]:
    """A noisy latent of the first of three factors, two rotated ones of the others, and a narrow one of noise."""
    generator = np.random.default_rng(11)
    factors_NF = np.stack([generator.integers(0, size, 1000) for size in (3, 6, 20)], axis=1)
    b = (factors_NF - factors_NF.mean(axis=0)) / factors_NF.std(axis=0)
    codes = [b[:, 0], b[:, 1] + b[:, 2], b[:, 1] - b[:, 2]]
    codes = [code + 0.3 * generator.normal(size=1000) for code in codes]
    return np.stack([*codes, 0.01 * generator.normal(size=1000)], axis=1), factors_NF


def test_jemmig_is_that_of_the_published_library(mixed: tuple[np.ndarray, np.ndarray]) -> None:
    """Against ubisoft/ubisoft-laforge-disentanglement-metrics, factors cut into 10 bins and factors as they are."""
    assert jemmig(*mixed, factor_bins=10).value == pytest.approx(0.2924538996, abs=1e-9)
    assert jemmig(*mixed).value == pytest.approx(0.2901748253, abs=1e-9)


def test_jemmig_of_codes_that_are_known(grid: Draw, rng: np.random.Generator) -> None:
    factors_NF = grid((10, 10, 10))
    perfect = jemmig(-factors_NF[:, [2, 0, 1]], factors_NF)
    assert perfect.value == pytest.approx(1, abs=1e-9)
    assert perfect.nats == pytest.approx(0, abs=1e-9)
    assert perfect.latent_F.tolist() == [1, 2, 0]
    # a second copy closes the gap: H(v, z) - I + I = log 10 of 2 log 10
    assert jemmig(np.hstack([factors_NF, factors_NF]), factors_NF).value == pytest.approx(0.5)
    # nothing known, no entropy of the code: H(v) of H(v) + log bins
    assert jemmig(np.zeros((1000, 2)), factors_NF).value == pytest.approx(0.5)
    # uniform noise: both entropies and no information, and a bias of (10 - 1)^2 / 2N nats twice
    assert abs(jemmig(rng.uniform(size=(1000, 3)), factors_NF).value) < 0.05
    # 20 values in 10 bins, and then in as many bins
    twenty = grid((20, 5, 10))
    assert jemmig(twenty, twenty).jemmig_F[0] == pytest.approx(1 - np.log(2) / np.log(200))
    assert jemmig(twenty, twenty, bins=20).jemmig_F[0] == pytest.approx(1)
    assert jemmig(twenty, twenty, factor_bins=10).jemmig_F[0] == pytest.approx(1)


def test_jemmig_sees_a_latent_that_holds_two_factors(grid: Draw) -> None:
    """MIG is 1 for each factor here; the latent of both has the entropy log 9 of which log 3 is the factor's."""
    factors_NF = grid((3, 3, 120))[:, :2]
    both = jemmig(3 * factors_NF[:, :1] + factors_NF[:, 1:], factors_NF, bins=9)
    assert both.jemmig_nats_F == pytest.approx(np.full(2, np.log(9) - np.log(3)))
    assert jemmig(factors_NF, factors_NF, bins=9).nats == pytest.approx(0, abs=1e-9)


def test_equally_informed_latents_of_other_entropies(grid: Draw) -> None:
    """Both tell the factor whole, to rounding; the one that holds nothing else counts, whatever the order."""
    factors_NF = grid((3, 10, 40))[:, :2]
    latents = np.stack([factors_NF[:, 0], 10 * factors_NF[:, 0] + factors_NF[:, 1]], axis=1)
    values = [jemmig(latents[:, order], factors_NF, bins=30).value for order in ([0, 1], [1, 0])]
    assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_infomec_is_that_of_the_authors(mixed: tuple[np.ndarray, np.ndarray]) -> None:
    """Against kylehkhsu/latent_quantization, disentangle/metrics/infomec.py, scikit-learn 1.9.1."""
    score = infomec(*mixed)
    assert score.active_D.tolist() == [True, True, True, False]
    assert (score.value, score.compactness) == pytest.approx((0.6222266969, 0.5142568278), abs=1e-6)
    assert score.explicitness == pytest.approx(0.7525926202, abs=1e-4)  # where a solver stops
    assert infomec(*mixed, seed=1).value == pytest.approx(score.value, abs=1e-6)


@pytest.mark.parametrize(
    ("nmi_AF", "modular", "compact"),
    [
        (np.eye(4), 1, 1),
        (np.vstack([np.eye(4), np.eye(4)]), 1, (1 / 2 - 1 / 8) / (1 - 1 / 8)),
        (np.hstack([np.eye(4), np.eye(4)]), (1 / 2 - 1 / 8) / (1 - 1 / 8), 1),
        (np.full((3, 2), 0.1), 0, 0),
        (np.array([[0.9, 0.0], [0.3, 0.0], [0.0, 0.0]]), 1, (0.75 / 2 + 1 / 6 - 1 / 3) / (1 - 1 / 3)),
        (np.zeros((2, 3)), 0, 0),
        (np.zeros((0, 3)), 0, np.nan),
        (np.array([[0.5, 0.5]]), 0, np.nan),
    ],
)
def test_ratios_of_information(nmi_AF: np.ndarray, modular: float, compact: float) -> None:
    assert info_modularity(nmi_AF) == pytest.approx(modular)
    assert info_compactness(nmi_AF) == pytest.approx(compact, nan_ok=True)


def test_infomec_of_codes_that_are_known(draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw((3, 40), 2000)
    own = factors_NF + 0.01 * rng.normal(size=factors_NF.shape)
    perfect = infomec(own, factors_NF)
    # one latent tells all 40 values, which no 20 bins could
    assert np.diag(perfect.nmi_DF) == pytest.approx(np.ones(2), abs=0.02)
    assert (perfect.value, perfect.compactness) == pytest.approx((1, 1), abs=0.05)
    turned = infomec(own / [1, 15] @ np.array([[1, 1], [1, -1]]), factors_NF)
    assert turned.value < 0.5
    assert turned.explicitness == pytest.approx(perfect.explicitness, abs=0.02)
    nothing = infomec(np.zeros((2000, 2)), factors_NF)
    assert (nothing.compactness, nothing.reason) == (0, "all latents are constant")
    assert (nothing.value, nothing.explicitness) == pytest.approx((0, 0), abs=1e-3)


def test_explicitness_of_information_is_a_share_of_log_v(rng: np.random.Generator) -> None:
    """Two Gaussians at +-1 have the posterior 1 / (1 + exp(-2 z)), which logistic regression can be."""
    factors_NF = rng.integers(0, 2, (20_000, 2))
    z_ND = 2.0 * factors_NF - 1 + rng.normal(size=factors_NF.shape)
    at = np.linspace(-8, 8, 4001)
    density = np.exp(-0.5 * (at - 1) ** 2) / np.sqrt(2 * np.pi)
    expected = 1 - float((density * np.logaddexp(0, -2 * at)).sum() * (at[1] - at[0])) / np.log(2)
    score = infomec(z_ND[:2000], factors_NF[:2000])
    assert score.explicitness_F == pytest.approx(np.full(2, expected), abs=0.06)


def test_explicitness_of_curves() -> None:
    """Against the authors' Explitcitness on the same curve (andreinicolicioiu/DCI-ES, metrics/explitcitness.py)."""
    r2 = [0.2958, 0.5026, 0.6305, 0.7252, 0.8632, 0.8727, 0.8749, 0.8749, 0.8749, 0.8749, 0.8749, 0.8749]
    assert explicitness_of_curve(DEPTHS, 1 - np.array(r2)) == pytest.approx(0.91483, abs=1e-5)
    assert explicitness_of_curve([1, 3], [1, 0]) == 0
    assert explicitness_of_curve([1, 2, 3], [1, 0, 0.5]) == 0.5
    assert explicitness_of_curve([1, 3], [0.5, 0], guess=0.5) == 0


@pytest.mark.parametrize("classify", [False, True])
def test_a_grown_forest_is_the_shallow_ones(classify: bool, draw: Draw, rng: np.random.Generator) -> None:
    """Against forests grown to each depth. A regression tries all latents at each node, so that the trees are equal but
    for ties; a classifier draws some of them, and its trees are others of the same distribution."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    factor_N = draw((8,), 1200)[:, 0]
    z_ND = np.stack([factor_N + rng.normal(size=1200), np.cos(factor_N), rng.normal(size=1200)], axis=1)
    depths, train, test = (1, 3, 6), slice(0, 800), slice(800, 1200)
    forest = GrownForest(classify, 6, 40, 3)
    forest.fit(z_ND[train], factor_N[train])
    scores_P, importances_PD = forest.scores(z_ND[test], factor_N[test], depths), forest.importances(depths)
    kind = RandomForestClassifier if classify else RandomForestRegressor
    for score, importance_D, depth in zip(scores_P, importances_PD, depths, strict=True):
        shallow = kind(n_estimators=40, max_depth=depth, random_state=3).fit(z_ND[train], factor_N[train])
        same = depth == 6 or not classify
        assert score == pytest.approx(shallow.score(z_ND[test], factor_N[test]), abs=1e-3 if same else 0.06)
        assert importance_D == pytest.approx(shallow.feature_importances_, abs=2e-3 if same else 0.06)


def test_dci_es_of_codes_that_are_known(draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw((4, 8), 1500)
    settings = {"categorical": [0], "trees": 20, "depths": (1, 2, 4, 8)}
    own = dci_es(np.hstack([factors_NF, np.zeros((1500, 2))]), factors_NF, **settings)
    assert own.size == 0.5
    assert (own.disentanglement, own.completeness) == pytest.approx((1, 1), abs=0.05)
    assert own.best_score_F == pytest.approx(np.ones(2), abs=1e-3)
    # one split in the middle of 8 values leaves the variance 15 / 12 of 63 / 12, two leave 3 / 12
    assert own.score_PF[:2, 1] == pytest.approx([1 - 15 / 63, 1 - 3 / 63], abs=0.02)
    noise = dci_es(rng.normal(size=(1500, 2)), factors_NF, **settings)
    assert noise.reason
    assert noise.informativeness < 0.2  # of the category a quarter is chance, of the other R^2 is below 0
    # a factor that is hidden in a product needs deeper trees than the same factor laid open
    sign_N = rng.choice([-1, 1], 1500)
    hidden = dci_es(
        np.stack([factors_NF[:, 0], (factors_NF[:, 1] - 3.5) * sign_N, sign_N], axis=1), factors_NF, **settings
    )
    assert hidden.explicitness_F[1] < own.explicitness_F[1] - 0.1
    assert hidden.explicitness_F[0] == pytest.approx(own.explicitness_F[0], abs=0.05)


@pytest.mark.parametrize("scale", [1e-90, 1e7])
def test_the_scale_of_codes_does_not_matter(scale: float, mixed: tuple[np.ndarray, np.ndarray]) -> None:
    codes_ND, factors_NF = mixed
    quick = {"trees": 10, "depths": (1, 4, 8)}
    for metric, options in ((jemmig, {}), (infomec, {}), (dci_es, quick)):
        expected = metric(codes_ND, factors_NF, **options).numbers()
        assert metric(codes_ND * scale, factors_NF, **options).numbers() == pytest.approx(expected, abs=0.01)


def test_what_they_refuse(draw: Draw) -> None:
    factors_NF = draw((3, 4), 1000)
    with pytest.raises(IfpError, match="depths must be two or more whole numbers from 1, ascending"):
        dci_es(factors_NF, factors_NF, depths=(4, 2))
    with pytest.raises(IfpError, match=r"categorical must name columns 0 ... 1, got \(2,\)"):
        dci_es(factors_NF, factors_NF, categorical=[2])
    with pytest.raises(IfpError, match=r"Factor 1 .* has 1000 values in 1000 images, too many"):
        infomec(factors_NF, np.stack([factors_NF[:, 0], np.arange(1000)], axis=1))
    with pytest.raises(IfpError, match="neighbours must be a whole number of 1 to 999"):
        infomec(factors_NF, factors_NF, neighbours=0)
    with pytest.raises(IfpError, match="one value in all images"):
        jemmig(factors_NF, factors_NF * [1, 0])
