"""Disentanglement, completeness, informativeness (Eastwood and Williams 2018, "A framework for the quantitative
evaluation of disentangled representations").

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, train_test
from ifp.analysis.metrics.score import Score
from ifp.errors import unknown_name
from ifp.seeds import numpy_generator

FORESTS = {
    "standard": "GradientBoostingClassifier(n_estimators=100, max_depth=3)",
    "fast": "RandomForestClassifier(n_estimators=30, min_samples_leaf=20, max_features=None)",
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Dci(Score):
    """`value` is the disentanglement.

    Attributes
    ----------
    completeness : NaN for a single latent. informativeness_train, informativeness_test : mean accuracy.
    importance_DF : how much the trees of factor f use latent d; columns sum to 1, or 0 where no latent helps.
    disentanglement_D, completeness_F : of each row and column, before weighting.
    accuracy_F : held-out accuracy of each factor.
    """

    completeness: float
    informativeness_train: float
    informativeness_test: float
    importance_DF: np.ndarray
    disentanglement_D: np.ndarray
    completeness_F: np.ndarray
    accuracy_F: np.ndarray


def dci(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    forest: str = "standard",
    test_fraction: float = 1 / 3,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> Dci:
    """DCI: whether each latent matters for one factor only, and each factor needs one latent only.

    An ensemble of trees predicts each factor from all latents; the importance of the latents is read off it. The
    standard one, of disentanglement_lib, is gradient boosting with scikit-learn's defaults. It grows 100 trees per
    value of a factor, which takes minutes: about 190 s for 10,000 images of dSprites and 10 latents, on one core.
    `forest="fast"` grows random forests in 3 s. They share importance out a little differently (disentanglement .78 for
    .75 on one set of noisy codes, .37 for .39 on another), so compare scores of one kind only; `settings["estimator"]`
    says which was used. Constant codes score 0.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions. forest : "standard" or "fast".
    seed : draws the split and the trees.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, fewer than 2 factors, a constant factor, too few images.
    """
    if forest not in FORESTS:
        raise unknown_name("forest", forest, FORESTS)
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples, min_factors=2)
    generator = numpy_generator(seed, "metrics", "dci")
    train, test = train_test(factors_NF, test_fraction=test_fraction, generator=generator)
    importance_FD, train_F, test_F = [], [], []
    for factor_N in factors_NF.T:
        model = _trees(forest, int(generator.integers(2**31)))
        model.fit(codes_ND[train], factor_N[train])
        importance_FD.append(np.abs(model.feature_importances_))
        train_F.append((model.predict(codes_ND[train]) == factor_N[train]).mean())
        test_F.append((model.predict(codes_ND[test]) == factor_N[test]).mean())
    importance_DF = np.array(importance_FD).T
    return Dci(
        value=disentanglement(importance_DF),
        settings={
            "estimator": FORESTS[forest],
            "num_train": len(train),
            "num_test": len(test),
            "n": len(codes_ND),
            "seed": seed,
        },
        reason="" if importance_DF.any() else "no latent helps to predict any factor",
        completeness=completeness(importance_DF),
        informativeness_train=float(np.mean(train_F)),
        informativeness_test=float(np.mean(test_F)),
        importance_DF=importance_DF,
        disentanglement_D=_concentration(importance_DF),
        completeness_F=_concentration(importance_DF.T),
        accuracy_F=np.array(test_F),
    )


def disentanglement(importance_DF: np.ndarray) -> float:
    """Mean over latents of 1 - H(row) / log F, weighted by how important the latent is; NaN for a single factor.

    >>> disentanglement(np.eye(3))
    1.0
    """
    return _weighted(importance_DF)


def completeness(importance_DF: np.ndarray) -> float:
    """Mean over factors of 1 - H(column) / log D, weighted by the column's sum; NaN for a single latent."""
    return _weighted(importance_DF.T)


def _weighted(weight_RC: np.ndarray) -> float:
    """Mean concentration of the rows, weighted by their sums; 0 when all weights are 0."""
    weight_RC = np.asarray(weight_RC, dtype=np.float64)
    if weight_RC.shape[1] < 2:
        return float("nan")
    row_R = weight_RC.sum(axis=1)
    return float((_concentration(weight_RC) * row_R).sum() / row_R.sum()) if row_R.any() else 0.0


def _concentration(weight_RC: np.ndarray) -> np.ndarray:
    """1 - H(row) / log C of each row [R]: 1 on one entry, 0 when even or empty; NaN for a single column."""
    sum_R1 = weight_RC.sum(axis=1, keepdims=True)
    columns = weight_RC.shape[1]
    if columns < 2:
        return np.full(len(weight_RC), np.nan)
    p_RC = np.where(sum_R1 > 0, weight_RC / np.where(sum_R1 > 0, sum_R1, 1), 1 / columns)
    return 1 + (p_RC * np.log(np.where(p_RC > 0, p_RC, 1))).sum(axis=1) / np.log(columns)


def _trees(forest: str, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    if forest == "standard":
        return GradientBoostingClassifier(random_state=seed)
    return RandomForestClassifier(n_estimators=30, min_samples_leaf=20, max_features=None, random_state=seed)
