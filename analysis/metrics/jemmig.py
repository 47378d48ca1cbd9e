"""JEMMIG, the joint entropy minus the mutual information gap (Do and Tran 2020, "Theory and evaluation metrics for
learning disentangled representations", arXiv 1908.09961).

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.mutual_information import factor_entropy_nats, histogram_cells, histogram_mi_nats
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, top_two_gap
from ifp.analysis.metrics.score import Score

TIE_NATS = 1e-9


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Jemmig(Score):
    """`value` is the mean over factors of `jemmig_F`: 1 is perfect.

    Attributes
    ----------
    nats : the mean over factors of `jemmig_nats_F`, which the paper reports: 0 is perfect.
    jemmig_F : 1 - jemmig_nats_F / (H(v) + log bins).
    jemmig_nats_F : H(v, z*) - I(v; z*) + I(v; second best), where z* is the latent that knows most of the factor
        (of those that know it equally well, the one of least entropy).
    entropy_nats_F : of the factors. latent_F : z* of each factor.
    """

    nats: float
    jemmig_F: np.ndarray
    jemmig_nats_F: np.ndarray
    entropy_nats_F: np.ndarray
    latent_F: np.ndarray


def jemmig(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    bins: int = 10,
    factor_bins: int | None = None,
    min_samples: int = MIN_SAMPLES,
) -> Jemmig:
    """JEMMIG: like MIG, but the best latent must also hold nothing beside the factor.

    H(v, z*) = H(v) + H(z*) - I(v; z*), so that a latent which tells the factor's value and more, or a mixture of two
    factors, costs its surplus entropy, where MIG sees only the gap to the second latent. Codes are cut into 10
    equal-width bins, as in the library of Carbonneau et al. ("Measuring disentanglement: a review of metrics"), from
    which the published tables are. That library also cuts the factors into 10 bins unless it is told that they are
    categories: `factor_bins=10` gives its numbers. Here factors are taken as they are, so that a perfect code of a
    factor with more values than bins scores below 1: 1 - log(V / bins) / log(V bins) for V values, a multiple of the
    bins. Of a single latent the second best counts as 0. Constant codes score log(bins) / (H(v) + log bins), not 0.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions. bins : of the codes.
    factor_bins : equal-width bins of the factors' positions; None leaves every value apart.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, a constant factor, fewer than `min_samples` images.

    >>> factors_NF = np.stack(np.meshgrid(range(10), range(10), range(10), indexing="ij"), -1).reshape(-1, 3)
    >>> round(float(jemmig(factors_NF, factors_NF)), 6)
    1.0
    """
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples)
    if factor_bins is not None:
        factors_NF = histogram_cells(factors_NF.astype(np.float64), factor_bins).T.astype(np.int64)
    mi_nats_DF = histogram_mi_nats(codes_ND, factors_NF, bins=bins)
    entropy_nats_F = factor_entropy_nats(factors_NF)
    code_entropy_nats_D = factor_entropy_nats(histogram_cells(codes_ND, bins).T)
    # of latents that know a factor equally well, to rounding, the one that holds least beside it
    tied_DF = mi_nats_DF >= mi_nats_DF.max(axis=0) - TIE_NATS
    latent_F = np.where(tied_DF, code_entropy_nats_D[:, None], np.inf).argmin(axis=0)
    joint_nats_F = entropy_nats_F + code_entropy_nats_D[latent_F] - mi_nats_DF.max(axis=0)
    # rounding alone can take a perfect code below 0
    jemmig_nats_F = np.maximum(joint_nats_F - top_two_gap(mi_nats_DF), 0.0)
    jemmig_F = 1 - jemmig_nats_F / (entropy_nats_F + np.log(bins))
    return Jemmig(
        value=float(jemmig_F.mean()),
        settings={"estimator": "histogram", "bins": bins, "factor_bins": factor_bins, "n": len(codes_ND)},
        nats=float(jemmig_nats_F.mean()),
        jemmig_F=jemmig_F,
        jemmig_nats_F=jemmig_nats_F,
        entropy_nats_F=entropy_nats_F,
        latent_F=latent_F,
    )
