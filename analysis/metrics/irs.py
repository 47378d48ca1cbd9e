"""The interventional robustness score (Suter, Miladinović, Schölkopf and Bauer 2019, "Robustly disentangled causal
mechanisms").

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.mutual_information import histogram_cells
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, varying
from ifp.analysis.metrics.score import Score
from ifp.errors import bad_value
from ifp.seeds import numpy_generator

NOISE_DRAWS = 5


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Irs(Score):
    """`value` is the mean over latents of their largest `robustness_DF`, weighted by `deviation_D`.

    Attributes
    ----------
    noise_value : the mean score of Gaussian noise with the same factors, number of images and latents. It is not 0.
    noise_std : the standard deviation of that score between one noise and another.
    robustness_DF : 1 - (deviation left when the factor is held) / (largest deviation); NaN for constant latents.
    deviation_D : largest deviation of each latent from its mean. factor_D : the factor it answers to, -1 if constant.
    """

    noise_value: float
    noise_std: float
    robustness_DF: np.ndarray
    deviation_D: np.ndarray
    factor_D: np.ndarray


def irs(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    diff_quantile: float = 0.99,
    bins: int = 20,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> Irs:
    """IRS: how little a latent moves when its own factor is held and all others vary.

    As in disentanglement_lib: the deviation left is the `diff_quantile` quantile (1 in the paper) of the distance to
    the mean of the images that share the factor's value, averaged over values; factors with more than `bins` values
    are first cut into `bins` equal-width ones. The score has no zero baseline: Gaussian noise scores about .37 at
    quantile .99 and .16 at 1 (10 values per factor, 10,000 images), and more with fewer images per value. It therefore
    comes with `noise_value`, the mean score of 5 noises on these very factors, which `seed` draws. Constant codes
    score 0.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, a constant factor, too few images, a quantile outside 0 ... 1.
    """
    if not 0 <= diff_quantile <= 1:
        raise bad_value("diff_quantile", diff_quantile, "between 0 and 1")
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples)
    cells_NF = histogram_cells(factors_NF.astype(np.float64), bins).T
    generator = numpy_generator(seed, "metrics", "irs")
    noises = [generator.standard_normal(codes_ND.shape) for _ in range(NOISE_DRAWS)]
    noise_scores = [_average(*_robustness(noise_ND, cells_NF, diff_quantile)) for noise_ND in noises]
    robustness_DF, deviation_D = _robustness(codes_ND, cells_NF, diff_quantile)
    active_D = deviation_D > 0
    factor_D = np.full(len(deviation_D), -1)
    factor_D[active_D] = robustness_DF[active_D].argmax(axis=1)
    return Irs(
        value=_average(robustness_DF, deviation_D),
        settings={
            "diff_quantile": diff_quantile,
            "bins": bins,
            "noise_draws": NOISE_DRAWS,
            "n": len(codes_ND),
            "seed": seed,
        },
        reason="" if active_D.any() else "all latents are constant",
        noise_value=float(np.mean(noise_scores)),
        noise_std=float(np.std(noise_scores, ddof=1)),
        robustness_DF=robustness_DF,
        deviation_D=deviation_D,
        factor_D=factor_D,
    )


def _robustness(codes_ND: np.ndarray, cells_NF: np.ndarray, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """The robustness [D, F] and the largest deviation from the mean [D], 0 for constant latents."""
    deviation_D = np.where(varying(codes_ND), np.abs(codes_ND - codes_ND.mean(axis=0)).max(axis=0), 0.0)
    left_DF = np.empty((codes_ND.shape[1], cells_NF.shape[1]))
    for f, cell_N in enumerate(cells_NF.T):
        groups = [codes_ND[cell_N == cell] for cell in np.unique(cell_N)]
        quantiles = [np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0) for group in groups]
        left_DF[:, f] = np.mean(quantiles, axis=0)
    divisor_D1 = np.where(deviation_D > 0, deviation_D, np.nan)[:, None]
    return 1 - left_DF / divisor_D1, deviation_D


def _average(robustness_DF: np.ndarray, deviation_D: np.ndarray) -> float:
    """Mean over the latents that vary of their best robustness, weighted by their deviation; 0 without any."""
    active_D = deviation_D > 0
    if not active_D.any():
        return 0.0
    return float(np.average(robustness_DF[active_D].max(axis=1), weights=deviation_D[active_D]))
