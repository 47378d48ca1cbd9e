"""Explicitness (Ridgeway and Mozer 2018, "Learning deep disentangled embeddings with the F-statistic loss").

Shapes: N images, D latents, F factors, V values of a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.fitting import fit
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, train_test
from ifp.analysis.metrics.score import Score
from ifp.seeds import numpy_generator


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explicitness(Score):
    """`value` is the mean over factors of `auc_F`.

    Attributes
    ----------
    train_value : the same on the images the classifiers were fitted to.
    auc_F : held-out area under the curve of each factor. converged_F : whether its classifier's solver did.
    values_left_out_F : values of each factor that are missing among the training or the test images.
    """

    train_value: float
    auc_F: np.ndarray
    converged_F: np.ndarray
    values_left_out_F: np.ndarray


def explicitness(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    test_fraction: float = 1 / 3,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> Explicitness:
    """Explicitness: how well a linear classifier on all latents recovers each factor.

    As in disentanglement_lib: `LogisticRegression()` on standardised codes; the area under the ROC curve of each value
    against all others, averaged over values, then over factors. Chance, constant codes included, is .5: it is not
    rescaled to 0 ... 1 as other libraries do. A value that occurs only among the training or only among the test
    images has no curve and is left out of the average.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, a constant factor, too few images.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples)
    train, test = train_test(
        factors_NF, test_fraction=test_fraction, generator=numpy_generator(seed, "metrics", "explicitness")
    )
    scaler = StandardScaler().fit(codes_ND[train])
    train_ND, test_ND = scaler.transform(codes_ND[train]), scaler.transform(codes_ND[test])
    train_F, test_F, converged_F, left_out_F = [], [], [], []
    for factor_N in factors_NF.T:
        model = LogisticRegression()
        converged_F.append(fit(model, train_ND, factor_N[train]))
        train_F.append(_mean_auc(factor_N[train], _probabilities(model, train_ND), model.classes_))
        test_F.append(_mean_auc(factor_N[test], _probabilities(model, test_ND), model.classes_))
        left_out_F.append(len(np.setxor1d(model.classes_, np.unique(factor_N[test]))))
    return Explicitness(
        value=float(np.mean(test_F)),
        settings={
            "estimator": "LogisticRegression()",
            "num_train": len(train),
            "num_test": len(test),
            "n": len(codes_ND),
            "seed": seed,
        },
        train_value=float(np.mean(train_F)),
        auc_F=np.array(test_F),
        converged_F=np.array(converged_F),
        values_left_out_F=np.array(left_out_F),
    )


def _probabilities(model: Any, codes_ND: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_proba(codes_ND))


def _mean_auc(factor_N: np.ndarray, p_NV: np.ndarray, values_V: np.ndarray) -> float:
    """Area under the curve of each value against the rest, averaged over the values that have both."""
    from sklearn.metrics import roc_auc_score

    held_NV = factor_N[:, None] == values_V
    usable_V = held_NV.any(axis=0) & ~held_NV.all(axis=0)
    if not usable_V.any():
        return float("nan")
    return float(np.mean([roc_auc_score(held_NV[:, v], p_NV[:, v]) for v in np.flatnonzero(usable_V)]))
