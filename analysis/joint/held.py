"""How much all latents together say about a factor: a lower bound, from what a classifier can tell out of sample.

For any classifier p(v | z), H(v) + E ln p(v | z) is at most I(v; z), with equality for the true posterior; on images
that it was not fitted to, a sample's mean of it is an honest estimate. Draws of the posterior are classified, not its
mean: the mean of a collapsed latent may carry information that never reaches the decoder.

Two classifiers answer and the better one counts. Linear discriminants of the latents' draws are exact where a factor's
values are Gaussian clouds of one shape, wherever they lie: on a line, on a ring. Logistic regression on the draws,
their squares and products serves where the place of one factor depends on another. Only what an F-test finds to differ
between the values is used (within the fit): a value of 40 has 40 numbers to be learned for each coordinate.

These are not the classifiers of `ifp.analysis.information`, on purpose. This bound is asked for every record of a run,
and its slope over beta is read. On 1,000 images of a factor of 8 values in one of 6 latents it takes 0.07 s, where the
other bound takes 2.6 s; its standard deviation over seeds is half as large (0.004 against 0.008 nats). It is tighter
for what annealing makes, Gaussian clouds of one shape (0.16 against 0.11 nats of a faint factor).

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ifp.analysis.information.asked import LEAST_KL_NATS
from ifp.codes import Codes, kl_nats
from ifp.seeds import numpy_generator

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

FOLDS, LOGISTIC_FOLDS, FIT_DRAWS, SCORE_DRAWS = 10, 4, 1, 6
SIGNIFICANCE = 0.001


def held_nats(codes: Codes, factor: int, *, seed: int = 0, enough_nats: float = float("inf")) -> float:
    """Lower bound of the mutual information of `factor` with all latents together, nats, at least 0.

    Parameters
    ----------
    codes : posteriors of N images with their factors. factor : which. seed : of the draws and of the folds; the same
        for all records of a run, so that their noise is the same.
    enough_nats : the second classifier is asked only where the first finds less.

    References
    ----------
    Barber and Agakov, The IM algorithm, NIPS 2003, for the bound.
    """
    value_N = np.unique(codes.factors_NF[:, factor], return_inverse=True)[1]
    counts = np.bincount(value_N)
    used_D = kl_nats(codes.mean_ND, codes.logvar_ND).mean(axis=0) >= LEAST_KL_NATS
    if len(counts) < 2 or counts.min() < FOLDS or not used_D.any():
        return 0.0
    share = counts / counts.sum()
    entropy = float(-(share * np.log(share)).sum())
    mean_ND, sd_ND = codes.mean_ND[:, used_D], np.exp(0.5 * codes.logvar_ND[:, used_D])
    generator = numpy_generator(seed, "joint", "held")
    # noise of all latents, so that a latent that comes into use does not change that of the others
    noise_SND = generator.standard_normal((SCORE_DRAWS, *codes.mean_ND.shape))[:, :, used_D]
    draws_SND = mean_ND + sd_ND * noise_SND
    best = 0.0
    for classifier, folds in _classifiers():
        best = max(best, entropy - _log_loss(draws_SND, value_N, classifier, folds))
        if best >= enough_nats:
            break
    return best


def _classifiers() -> Iterator[tuple[ClassifierMixin, int]]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # scikit-learn takes a second to import
    from sklearn.feature_selection import SelectFpr
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    yield make_pipeline(StandardScaler(), SelectFpr(alpha=SIGNIFICANCE), LinearDiscriminantAnalysis()), FOLDS
    logistic = make_pipeline(
        StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler(), SelectFpr(alpha=SIGNIFICANCE),
        LogisticRegression(C=0.1, max_iter=200),
    )  # fmt: skip
    yield logistic, LOGISTIC_FOLDS


def _log_loss(draws_SND: np.ndarray, value_N: np.ndarray, classifier: ClassifierMixin, folds: int) -> float:
    """Mean of -ln p(value | draw) over images that the classifier was not fitted to, nats; infinite where it fails."""
    from sklearn import config_context  # see `_classifiers`
    from sklearn.model_selection import StratifiedKFold

    total = 0.0
    for fit_n, score_m in StratifiedKFold(folds, shuffle=True, random_state=0).split(value_N, value_N):
        fitted = np.concatenate(draws_SND[:FIT_DRAWS, fit_n])
        scored, value_m = np.concatenate(draws_SND[:, score_m]), np.tile(value_N[score_m], len(draws_SND))
        try:
            with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
                warnings.simplefilter("ignore", UserWarning)  # that no coordinate was selected: the error says it too
                classifier.fit(fitted, np.tile(value_N[fit_n], FIT_DRAWS))
                log_p = classifier.predict_log_proba(scored)
        except ValueError:  # no coordinate differs between the values
            return float("inf")
        total -= float(log_p[np.arange(len(scored)), value_m].sum())
    return total / (len(draws_SND) * len(value_N))
