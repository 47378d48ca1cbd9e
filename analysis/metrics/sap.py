"""Separated attribute predictability (Kumar, Sattigeri and Balakrishnan 2018, the DIP-VAE paper).

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.fitting import fit
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, top_two_gap, train_test
from ifp.analysis.metrics.score import Score
from ifp.seeds import numpy_generator


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Sap(Score):
    """`value` is the mean over factors of `gap_F`.

    Attributes
    ----------
    gap_F : largest minus second largest entry of each column of `score_DF`.
    score_DF : how well each latent alone predicts each factor: accuracy (discrete) or squared correlation.
    not_converged : fits that ran out of iterations.
    """

    gap_F: np.ndarray
    score_DF: np.ndarray
    not_converged: int


def sap(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    continuous: bool = False,
    penalty: float = 0.01,
    test_fraction: float = 1 / 3,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> Sap:
    """SAP: by how much the latent that predicts a factor best is ahead of the next one.

    Discrete (the default, as in disentanglement_lib's study): accuracy on held-out images of a linear support vector
    machine on one latent, `LinearSVC(C=penalty, class_weight="balanced")`. A linear machine cannot single out the
    middle values of one latent, so even the identity code scores low when factors have many values (.23 to .27 on
    dSprites: which of two middle scales wins is nearly a tie, which the sample decides), and the accuracy depends on
    the scale of the codes: below .1 is normal for a trained VAE. Continuous:
    the squared correlation of latent and factor, 0 for a latent of variance 1e-12 or less; all images are used.
    The study trains on 10,000 images and tests on 5,000: the same parts of whatever N is given.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions. penalty : C of the machine.
    seed : draws the split.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, a constant factor, fewer than `min_samples` images.
    """
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples)
    settings: dict[str, object] = {"continuous": continuous, "n": len(codes_ND)}
    not_converged = 0
    if continuous:
        score_DF = squared_correlations(codes_ND, factors_NF)
    else:
        train, test = train_test(
            factors_NF, test_fraction=test_fraction, generator=numpy_generator(seed, "metrics", "sap")
        )
        settings |= {"estimator": f"LinearSVC(C={penalty}, class_weight='balanced')", "seed": seed}
        settings |= {"num_train": len(train), "num_test": len(test)}
        score_DF, not_converged = _accuracies(codes_ND, factors_NF, train, test, penalty)
    gap_F = top_two_gap(score_DF)
    return Sap(
        value=float(gap_F.mean()), settings=settings, gap_F=gap_F, score_DF=score_DF, not_converged=not_converged
    )


def squared_correlations(codes_ND: np.ndarray, factors_NF: np.ndarray) -> np.ndarray:
    """cov^2 / (var var) of each latent with each factor [D, F]; 0 for latents of variance up to 1e-12."""
    z_ND, y_NF = codes_ND - codes_ND.mean(axis=0), factors_NF - factors_NF.mean(axis=0)
    var_D = z_ND.var(axis=0)
    product_DF = np.outer(np.where(var_D > 1e-12, var_D, np.inf), y_NF.var(axis=0))
    return (z_ND.T @ y_NF / len(z_ND)) ** 2 / product_DF


def _accuracies(
    codes_ND: np.ndarray, factors_NF: np.ndarray, train: np.ndarray, test: np.ndarray, penalty: float
) -> tuple[np.ndarray, int]:
    """Held-out accuracy of each latent alone on each factor [D, F], and how many fits did not converge."""
    from sklearn.svm import LinearSVC

    score_DF = np.empty((codes_ND.shape[1], factors_NF.shape[1]))
    not_converged = 0
    for d, f in np.ndindex(*score_DF.shape):
        # the primal problem has the same optimum as the dual and no random order of coordinates
        model = LinearSVC(C=penalty, class_weight="balanced", dual=False)
        not_converged += not fit(model, codes_ND[train, d : d + 1], factors_NF[train, f])
        score_DF[d, f] = (model.predict(codes_ND[test, d : d + 1]) == factors_NF[test, f]).mean()
    return score_DF, not_converged
