"""Classifiers that say how likely each value of a factor is, given numbers: three of them, because none is best at all.

Linear discriminants of the coordinates, their squares and products are exact where a factor's values are Gaussian
clouds, and need few images; extremely randomised trees bend as they like; a network of two hidden layers is far ahead
of both where a factor is folded into many coordinates and there are thousands of images. All are scikit-learn's.

Shapes: N images, D coordinates, V values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from ifp.analysis.information.fitting import fit
from ifp.system.blas import one_blas_thread

WIDTH, NARROW = 128, 64
"""Width of the network's hidden layers; they are narrow for one or two coordinates."""
MOST_QUADRATIC = 24
"""With more coordinates than this, the discriminants take them alone, without their squares and products."""
MOST_TRIED = 32
"""A tree tries at most this many coordinates at each split."""
_STEPS, _LEAST_PASSES, _MOST_PASSES, _BATCH = 1900, 20, 30, 128


def classifiers(coordinates: int, images: int, seed: int) -> list[Any]:
    """Fresh ones for this many coordinates and images to be fitted to, the network first."""
    passes = int(np.clip(_STEPS * _BATCH / images, _LEAST_PASSES, _MOST_PASSES))
    width = NARROW if coordinates <= 2 else WIDTH
    network = MLPClassifier((width, width), alpha=1e-3, batch_size=min(_BATCH, images), learning_rate_init=2e-3,
                            max_iter=passes, random_state=seed % 2**32)  # fmt: skip
    # in one dimension a leaf has to hold more, or it counts its own noise
    leaf = 12 if coordinates == 1 else 3
    trees = ExtraTreesClassifier(
        40, min_samples_leaf=leaf, max_features=min(coordinates, MOST_TRIED), random_state=seed % 2**32
    )
    return [make_pipeline(StandardScaler(), network), trees, _discriminants(coordinates)]


def light_classifiers(coordinates: int, images: int, seed: int) -> list[Any]:
    """The same without the network: for what is probably nothing."""
    return classifiers(coordinates, images, seed)[1:]


def _discriminants(coordinates: int) -> Any:
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-4)
    if coordinates > MOST_QUADRATIC:
        return make_pipeline(StandardScaler(), linear)
    squares = PolynomialFeatures(2, include_bias=False)
    return make_pipeline(StandardScaler(), squares, StandardScaler(), linear)


def fit_classifier(model: Any, x_ND: np.ndarray, value_N: np.ndarray) -> bool:
    """Fit in place, on one thread; whether it could be fitted (a single value cannot)."""
    if len(np.unique(value_N)) < 2:
        return False
    with one_blas_thread():
        fit(model, x_ND, value_N)  # whether the network has converged is no matter: it is judged out of sample
    return True


def probabilities(model: Any, x_ND: np.ndarray, values: int) -> np.ndarray:
    """p(value | x) [N, V]; 0 for values that the model was not fitted to."""
    p_NV = np.zeros((len(x_ND), values))
    with one_blas_thread():
        p_NV[:, np.asarray(model.classes_, dtype=np.intp)] = model.predict_proba(x_ND)
    return np.nan_to_num(p_NV)
