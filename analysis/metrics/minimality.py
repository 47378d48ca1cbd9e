"""Minimality and sufficiency (Almudévar et al. 2024, arXiv 2408.07016, "Rethinking disentanglement under dependent
factors of variation").

Shapes: N images, D latents, A active latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.mutual_information import factor_entropy_nats, histogram_cells, histogram_mi_nats
from ifp.analysis.information.per_latent import ESTIMATORS
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, varying
from ifp.analysis.metrics.posterior_information import posterior_information_nats
from ifp.analysis.metrics.score import Score
from ifp.codes import Codes
from ifp.errors import IfpError, unknown_name


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Minimality(Score):
    """`value` is the minimality.

    Attributes
    ----------
    sufficiency : mean over factors of the largest `sufficiency_DF` of the active latents.
    minimality_DF : I(z_j; y_i) / I(z_j; x); NaN where the latent is not active.
    sufficiency_DF : I(z_j; y_i) / H(y_i).
    mi_nats_DF : I(z_j; y_i). image_mi_nats_D : I(z_j; x). The posterior estimator leaves both 0 where not active.
    kl_nats_D : KL of each latent, NaN without logvar. active_D : the latents that were counted.
    """

    sufficiency: float
    minimality_DF: np.ndarray
    sufficiency_DF: np.ndarray
    mi_nats_DF: np.ndarray
    image_mi_nats_D: np.ndarray
    kl_nats_D: np.ndarray
    active_D: np.ndarray


def minimality(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    logvar_ND: Any | None = None,
    estimator: str = "histogram",
    bins: int = 15,
    kl_threshold_nats: float = 0.01,
    min_samples: int = MIN_SAMPLES,
) -> Minimality:
    """Minimality and sufficiency: does a latent hold one factor and no more, and some latent all of each factor?

    Minimality is the mean over latents of max_i I(z_j; y_i) / I(z_j; x), sufficiency the mean over factors of
    max_j I(z_j; y_i) / H(y_i). Neither falls for the identity code when factors are correlated, unlike MIG.

    `histogram`, as in the authors' code: codes in 15 equal-width bins, a code is a function of its image, so I(z; x) is
    the entropy of the bins. 15 bins cannot hold more than 15 values: the identity code's sufficiency on dSprites is
    .857. `posterior`: the mixtures of the posteriors N(mean, exp(logvar)); I(z; x) is then what the noisy code really
    says (`posterior_information.py`), and no bins limit it.

    Latents with a KL of `kl_threshold_nats` or less take no part, nor do constant ones (0/0). Without an active latent
    minimality is void (NaN) and sufficiency 0. Noise codes score about values / N.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions. logvar_ND : log variances of the posteriors; needed by
    `posterior`, and by `histogram` to leave out dead latents that are not quite constant.
    estimator : "histogram" or "posterior". bins : of the histogram.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, a constant factor, too few images, no logvar for `posterior`.
    """
    if estimator not in ESTIMATORS:
        raise unknown_name("estimator", estimator, ESTIMATORS)
    if isinstance(codes_ND, Codes) and logvar_ND is None:
        logvar_ND = codes_ND.logvar_ND
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples)
    settings: dict[str, object] = {"estimator": estimator, "n": len(codes_ND)}
    active_D, kl_nats_D, posteriors = varying(codes_ND), np.full(codes_ND.shape[1], np.nan), None
    if logvar_ND is not None:
        no_factors_N0 = np.zeros((len(codes_ND), 0), dtype=np.int64)
        posteriors = Codes(codes_ND, logvar_ND, no_factors_N0)
        kl_nats_D = posteriors.kl_nats_D()
        active_D &= kl_nats_D > kl_threshold_nats
        settings["kl_threshold_nats"] = kl_threshold_nats
    if estimator == "histogram":
        settings["bins"] = bins
        mi_nats_DF = histogram_mi_nats(codes_ND, factors_NF, bins=bins)
        image_mi_nats_D = factor_entropy_nats(histogram_cells(codes_ND, bins).T)
    elif posteriors is None:
        raise IfpError("The posterior estimator needs logvar_ND, the log variances; give them or use 'histogram'.")
    else:
        image_mi_nats_D, mi_nats_DF = np.zeros(len(active_D)), np.zeros((len(active_D), factors_NF.shape[1]))
        for d in np.flatnonzero(active_D):
            logvar_N = posteriors.logvar_ND[:, d]
            image_mi_nats_D[d], mi_nats_DF[d] = posterior_information_nats(codes_ND[:, d], logvar_N, factors_NF)
    active_D &= image_mi_nats_D > 1e-9
    minimality_DF = mi_nats_DF / np.where(active_D, image_mi_nats_D, np.nan)[:, None]
    sufficiency_DF = mi_nats_DF / factor_entropy_nats(factors_NF)
    some = bool(active_D.any())
    return Minimality(
        value=float(minimality_DF[active_D].max(axis=1).mean()) if some else float("nan"),
        settings=settings,
        reason="" if some else "no latent is active, so none can be minimal",
        sufficiency=float(sufficiency_DF[active_D].max(axis=0).mean()) if some else 0.0,
        minimality_DF=minimality_DF,
        sufficiency_DF=sufficiency_DF,
        mi_nats_DF=mi_nats_DF,
        image_mi_nats_D=image_mi_nats_D,
        kl_nats_D=kl_nats_D,
        active_D=active_D,
    )
