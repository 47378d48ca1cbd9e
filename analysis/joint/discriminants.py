"""Linear discriminants by hand: fitted a thousand times in a run, on few numbers, where a library checks for longer.

Shapes: N fitted, M scored, D coordinates, K values, R directions.
"""

from __future__ import annotations

import numpy as np
from scipy.special import fdtrc, logsumexp

LEAST_SPREAD = 1e-4
"""Directions in which the values, or all images, spread less than this share are left out, as in scikit-learn."""


def differs(fitted_ND: np.ndarray, value_N: np.ndarray) -> np.ndarray:
    """The chance, by an F-test, that a coordinate differs as much between values that are alike in it [D].

    References
    ----------
    Fisher, Statistical Methods for Research Workers (1925): the analysis of variance.
    """
    count_K = np.bincount(value_N)
    centred_ND = fitted_ND - fitted_ND.mean(axis=0)
    mean_KD = _means(centred_ND, value_N, count_K)
    between_D = count_K @ mean_KD**2
    within_D = (centred_ND**2).sum(axis=0) - between_D
    freedom = len(count_K) - 1, len(fitted_ND) - len(count_K)
    with np.errstate(divide="ignore", invalid="ignore"):
        return fdtrc(*freedom, between_D / freedom[0] / (within_D / freedom[1]))


def discriminant_log_p(fitted_ND: np.ndarray, value_N: np.ndarray, scored_MD: np.ndarray) -> np.ndarray:
    """ln p(value | z) [M, K] of Gaussian clouds of one shape, each value as likely as it is frequent.

    Parameters
    ----------
    value_N : 0 to K - 1, each at least once.

    References
    ----------
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), 4.3; the directions and their
    tolerance are those of scikit-learn's `LinearDiscriminantAnalysis`.
    """
    count_K = np.bincount(value_N)
    share_K, centre_D = count_K / len(value_N), fitted_ND.mean(axis=0)
    mean_KD = _means(fitted_ND - centre_D, value_N, count_K)
    residual_ND = fitted_ND - centre_D - mean_KD[value_N]
    spread_D = residual_ND.std(axis=0)
    spread_D[spread_D == 0] = 1.0
    # directions in which the clouds are round
    axes_RD, length_R = _axes(residual_ND / spread_D / np.sqrt(len(value_N)))
    round_DR = ((axes_RD / spread_D).T / length_R)[:, length_R > LEAST_SPREAD]
    # of these, the ones in which the values lie apart
    axes_RR, length_R = _axes(np.sqrt(count_K / (len(count_K) - 1))[:, None] * mean_KD @ round_DR)
    apart_DR = round_DR @ axes_RR[length_R > LEAST_SPREAD * length_R[0]].T
    place_KR = mean_KD @ apart_DR
    constant_K = np.log(share_K) - 0.5 * (place_KR**2).sum(axis=1)
    log_MK = (scored_MD - centre_D) @ (apart_DR @ place_KR.T) + constant_K
    return log_MK - logsumexp(log_MK, axis=1, keepdims=True)


def _axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors, one per row, and singular values."""
    _, length_R, axes_RD = np.linalg.svd(rows, full_matrices=False)
    return axes_RD, length_R


def _means(of_ND: np.ndarray, value_N: np.ndarray, count_K: np.ndarray) -> np.ndarray:
    sums = [np.bincount(value_N, of_N, len(count_K)) for of_N in of_ND.T]
    return np.stack(sums, axis=1) / count_K[:, None]
