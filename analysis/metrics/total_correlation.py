"""Dependence among the latents, without factors: total correlation of a fitted Gaussian and two simpler measures
(Locatello et al. 2019, "Challenging common assumptions"; Watanabe 1960 for total correlation).

Shapes: N images, D latents, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma

from ifp.analysis.information.mutual_information import histogram_cells, histogram_mi_nats
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked_codes, varying
from ifp.analysis.metrics.score import Score
from ifp.errors import bad_value
from ifp.seeds import numpy_generator


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TotalCorrelation(Score):
    """`value` is the plug-in estimate, nats; it is never negative.

    Attributes
    ----------
    bias_nats : how much too high it is on average, exact for Gaussian codes.
    corrected_nats : value - bias; slightly negative values are chance around 0.
    low_nats, high_nats : bootstrap interval of the true value, its bias taken off.
    active : the latents that vary; the others are left out.
    """

    bias_nats: float
    corrected_nats: float
    low_nats: float
    high_nats: float
    active: tuple[int, ...]


def total_correlation(
    codes_ND: Any,
    *,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> TotalCorrelation:
    """Total correlation of the Gaussian with the codes' covariance: (sum of log variances - log determinant) / 2, nats.

    It sees linear dependence only. The estimate is at least 0 and too high by about D (D - 1) / (4 N); estimates by
    other means, such as the minibatch ones that losses use, may be negative. Latents that are exact linear functions
    of others make it infinite. Fewer than 2 latents that vary score 0.

    The interval is the basic bootstrap one, 2 value - quantile: resampling adds the bias once more, and this takes it
    off (Davison and Hinkley 1997, section 5.2). Its ends are not cut at 0.

    Raises
    ------
    IfpError: codes that are no finite [images, latents], too few images, no resamples.
    """
    if resamples < 1:
        raise bad_value("resamples", resamples, "at least 1")
    if not 0 < level < 1:
        raise bad_value("level", level, "between 0 and 1")
    codes_ND = checked_codes(codes_ND, min_samples=min_samples)
    active = np.flatnonzero(varying(codes_ND))
    num_images, num_latents = len(codes_ND), len(active)
    settings = {"estimator": "gaussian", "n": num_images, "resamples": resamples, "level": level, "seed": seed}
    value, bias, low, high, reason = 0.0, 0.0, 0.0, 0.0, "fewer than 2 latents vary"
    if num_latents > 1:
        z_ND = _standardised(codes_ND[:, active])
        value, reason = float(_gaussian_tc_nats(z_ND.T @ z_ND / num_images)), ""
        bias = gaussian_tc_bias_nats(num_images, num_latents)
        if np.isfinite(value):
            generator = numpy_generator(seed, "metrics", "total_correlation")
            tail = (1 - level) / 2
            again_B = np.array([_gaussian_tc_nats(_resampled_covariance(z_ND, generator)) for _ in range(resamples)])
            low, high = (float(2 * value - q) for q in np.quantile(again_B, [1 - tail, tail]))
        else:
            low, high, reason = value, value, "some latents are exact linear functions of others"
    return TotalCorrelation(
        value=value,
        settings=settings,
        reason=reason,
        bias_nats=bias,
        corrected_nats=value - bias,
        low_nats=low,
        high_nats=high,
        active=tuple(active.tolist()),
    )


def gaussian_tc_bias_nats(num_images: int, num_latents: int) -> float:
    """Expected plug-in total correlation minus the true one, nats, for Gaussian codes of any covariance.

    With n = N - 1 it is the sum over i < D of (digamma(n/2) - digamma((n - i)/2)) / 2, from the expected log
    determinant of a Wishart matrix (Anderson, An Introduction to Multivariate Statistical Analysis, section 7.5).
    """
    n = num_images - 1
    return float(0.5 * (digamma(n / 2) - digamma((n - np.arange(num_latents)) / 2)).sum())


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WassersteinCorrelation(Score):
    """`value` is the squared distance; `normalised` the same over the total variance, as published."""

    normalised: float


def wasserstein_correlation(codes_ND: Any, *, min_samples: int = MIN_SAMPLES) -> WassersteinCorrelation:
    """Squared 2-Wasserstein distance of N(0, covariance) to N(0, its diagonal): 2 tr S - 2 tr (S diag S)^(1/2).

    In squared units of the codes, so it grows with their scale; `normalised`, over tr S as in disentanglement_lib
    (`gaussian_wasserstein_correlation_norm`), does not: it lies between 0 and 2 - 2 / sqrt(D), which D copies of one
    latent reach. Constant codes score 0.

    Raises
    ------
    IfpError: codes that are no finite [images, latents], too few images.
    """
    codes_ND = checked_codes(codes_ND, min_samples=min_samples)
    covariance_DD = np.atleast_2d(np.cov(codes_ND, rowvar=False))
    std_D = np.sqrt(np.diag(covariance_DD))
    # the eigenvalues of S diag(S) are those of this symmetric matrix
    roots_D = np.sqrt(np.maximum(np.linalg.eigvalsh(std_D[:, None] * covariance_DD * std_D), 0))
    trace = float(np.trace(covariance_DD))
    value = max(2 * trace - 2 * float(roots_D.sum()), 0.0)
    return WassersteinCorrelation(
        value=value, settings={"estimator": "gaussian", "n": len(codes_ND)}, normalised=value / (trace or 1.0)
    )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PairwiseMi(Score):
    """`value` is the mean over pairs of latents of `mi_nats_DD`, whose diagonal holds the entropies."""

    mi_nats_DD: np.ndarray


def pairwise_mi(codes_ND: Any, *, bins: int = 20, min_samples: int = MIN_SAMPLES) -> PairwiseMi:
    """Mean mutual information of two different latents, nats, both cut into equal-width bins.

    Independent latents score about (bins - 1)^2 / (2 N), not 0. Constant codes, and a single latent, score 0.

    Raises
    ------
    IfpError: codes that are no finite [images, latents], too few images.
    """
    codes_ND = checked_codes(codes_ND, min_samples=min_samples)
    mi_nats_DD = histogram_mi_nats(codes_ND, histogram_cells(codes_ND, bins).T, bins=bins)
    pairs = len(mi_nats_DD) * (len(mi_nats_DD) - 1)
    value = float(mi_nats_DD.sum() - np.trace(mi_nats_DD)) / max(pairs, 1)
    return PairwiseMi(
        value=value if pairs else 0.0,
        settings={"estimator": "histogram", "bins": bins, "n": len(codes_ND)},
        reason="" if pairs else "a single latent has no pair",
        mi_nats_DD=mi_nats_DD,
    )


def _standardised(codes_ND: np.ndarray) -> np.ndarray:
    """Mean 0 and variance 1: the total correlation does not depend on the scales, and rounding stays small."""
    return np.asarray((codes_ND - codes_ND.mean(axis=0)) / codes_ND.std(axis=0))


def _resampled_covariance(z_ND: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The covariance [D, D] of a bootstrap sample of the images."""
    times_N = np.bincount(generator.integers(len(z_ND), size=len(z_ND)), minlength=len(z_ND))
    mean_D = times_N @ z_ND / len(z_ND)
    return np.asarray((z_ND * times_N[:, None]).T @ z_ND / len(z_ND) - np.outer(mean_D, mean_D))


def _gaussian_tc_nats(covariance_DD: np.ndarray) -> float:
    """-log det of the correlation matrix / 2 for variances of about 1, nats; infinite where singular to rounding."""
    # a latent that is nearly always the same may be constant in a resample: it depends on nothing there
    varying = np.flatnonzero(np.diag(covariance_DD) > 1e-12)
    if len(varying) < 2:
        return 0.0
    covariance_DD = covariance_DD[np.ix_(varying, varying)]
    std_D = np.sqrt(np.diag(covariance_DD))
    eigenvalues_D = np.linalg.eigvalsh(covariance_DD / np.outer(std_D, std_D))
    if eigenvalues_D[0] < 1e-12:
        return float("inf")
    return max(0.0, float(-0.5 * np.log(eigenvalues_D).sum()))
