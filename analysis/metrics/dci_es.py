"""DCI-ES: disentanglement, completeness, informativeness, and the explicitness and size of a representation (Eastwood
et al. 2023, "DCI-ES: an extended disentanglement framework with connections to identifiability", arXiv 2210.00364).

Shapes: N images, D latents, F factors, P depths of the probes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, class_indices, train_test, varying
from ifp.analysis.metrics.dci import completeness, disentanglement
from ifp.analysis.metrics.grown_forest import GrownForest
from ifp.analysis.metrics.score import Score
from ifp.errors import IfpError, bad_value
from ifp.seeds import numpy_generator

DEPTHS = (1, 2, 3, 4, 8, 10, 12, 14, 16, 18, 20, 32)
"""Capacities of the probes, as in the authors' configuration for random forests."""
TREES = 100
LEAST_GAIN = 0.05
"""If the probes save less than this share of a guess's loss, explicitness says nothing."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DciEs(Score):
    """`value` is E, the explicitness.

    Attributes
    ----------
    disentanglement, completeness, informativeness : of the depth that predicts best; informativeness is the mean score.
    size : F / D, how many factors there are for each latent.
    explicitness_F : of each factor. best_score_F : the largest held-out score of each: R^2, or accuracy of a category.
    score_PF : held-out score by depth. depths : of the probes. importance_DF : at the depth that predicts best.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    size: float
    explicitness_F: np.ndarray
    best_score_F: np.ndarray
    score_PF: np.ndarray
    depths: tuple[int, ...]
    importance_DF: np.ndarray


def dci_es(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    categorical: Sequence[int] = (),
    depths: Sequence[int] = DEPTHS,
    trees: int = TREES,
    test_fraction: float = 1 / 3,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> DciEs:
    """DCI-ES with random forests as probes: how little capacity is needed to read the factors off the latents.

    Each factor is predicted from all latents by forests of growing depth. The loss is 1 - R^2, or 1 - accuracy of a
    factor that is a category; its curve over the depth never rises, since a deeper probe may do as a shallower one.
    Explicitness is 1 - 2 A / (range of depths * loss of a guess), A the area between the curve and its lowest point
    (`explicitness_of_curve`): 1 if the shallowest probe does as well as any, 0 if the loss falls in a straight line to
    0. A guess loses 1, or 1 - 1 / V of a category. Explicitness says nothing of how well the factors are predicted:
    codes without information have a flat curve and an explicitness of 1. Read `informativeness` beside it.

    One forest per factor is grown to the largest depth and cut back to the others (`GrownForest`), which gives the same
    probes. The authors' other probes, networks and random features, are not built, and their scores not comparable.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions.
    categorical : columns of the factors whose values have no order. depths : ascending. seed : of split and forests.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, fewer than 2 factors, a constant factor, too few images, depths that
    do not ascend, a category that is not there.
    """
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples, min_factors=2)
    depths = tuple(depths)
    if len(depths) < 2 or depths[0] < 1 or sorted(set(depths)) != list(depths):
        raise bad_value("depths", depths, "two or more whole numbers from 1, ascending")
    if not set(categorical) <= set(range(factors_NF.shape[1])):
        raise IfpError(f"categorical must name columns 0 ... {factors_NF.shape[1] - 1}, got {tuple(categorical)}.")
    # trees do not mind the scale, but scikit-learn's compare in single precision
    codes_ND = (codes_ND - codes_ND.mean(axis=0)) / np.where(varying(codes_ND), codes_ND.std(axis=0), 1)
    generator = numpy_generator(seed, "metrics", "dci_es")
    train, test = train_test(factors_NF, test_fraction=test_fraction, generator=generator)
    scores, importances, explicit_F, gained_F = [], [], [], []
    for f, factor_N in enumerate(factors_NF.T):
        category = f in categorical
        target_N, values = class_indices(factor_N) if category else (factor_N, 0)
        forest = GrownForest(category, depths[-1], trees, int(generator.integers(2**31)))
        forest.fit(codes_ND[train], target_N[train])
        score_P = forest.scores(codes_ND[test], target_N[test], depths)
        scores.append(score_P)
        importances.append(forest.importances(depths))
        guess = 1 - 1 / values if category else 1.0
        explicit_F.append(explicitness_of_curve(depths, 1 - score_P, guess=guess))
        gained_F.append(1 - (1 - score_P.max()) / guess)
    score_PF = np.stack(scores, axis=1)
    best = int(score_PF.mean(axis=1).argmax())
    importance_DF = np.stack([importance_PD[best] for importance_PD in importances], axis=1)
    return DciEs(
        value=float(np.mean(explicit_F)),
        settings={
            "estimator": f"random forests of {trees} trees, cut at depths {depths}",
            "categorical": tuple(sorted(categorical)),
            "best_depth": depths[best],
            "num_train": len(train),
            "num_test": len(test),
            "n": len(codes_ND),
            "seed": seed,
        },
        reason="" if np.mean(gained_F) > LEAST_GAIN else "the codes predict next to nothing, whose curve is flat",
        disentanglement=disentanglement(importance_DF),
        completeness=completeness(importance_DF),
        informativeness=float(score_PF[best].mean()),
        size=factors_NF.shape[1] / codes_ND.shape[1],
        explicitness_F=np.array(explicit_F),
        best_score_F=score_PF.max(axis=0),
        score_PF=score_PF,
        depths=depths,
        importance_DF=importance_DF,
    )


def explicitness_of_curve(capacity_P: Any, loss_P: Any, *, guess: float = 1.0) -> float:
    """1 - 2 A / (range of capacities * loss of a guess), A the area between the falling curve and its lowest point.

    >>> explicitness_of_curve([1, 2, 3], [0.2, 0.2, 0.5]), explicitness_of_curve([1, 2, 3], [1, 0.5, 0])
    (1.0, 0.0)
    """
    step_P = np.diff(np.asarray(capacity_P, dtype=np.float64))
    falling_P = np.minimum.accumulate(np.asarray(loss_P, dtype=np.float64))
    above_P = falling_P - falling_P[-1]
    area = float(((above_P[1:] + above_P[:-1]) / 2 * step_P).sum())
    return 1 - 2 * area / (float(step_P.sum()) * guess)
