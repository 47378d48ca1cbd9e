"""The mutual information gap (Chen, Li, Grosse and Duvenaud 2018, "Isolating sources of disentanglement in VAEs").

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.mutual_information import factor_entropy_nats, histogram_mi_nats
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, top_two_gap
from ifp.analysis.metrics.score import Score


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Mig(Score):
    """`value` is the mean over factors of `gap_F`.

    Attributes
    ----------
    gap_F : (largest - second largest information) / entropy of each factor.
    mi_nats_DF : the information of each latent on each factor. entropy_nats_F : of the factors.
    latent_F : the latent that knows most of each factor.
    """

    gap_F: np.ndarray
    mi_nats_DF: np.ndarray
    entropy_nats_F: np.ndarray
    latent_F: np.ndarray


def mig(codes_ND: Any, factors_NF: Any = None, *, bins: int = 20, min_samples: int = MIN_SAMPLES) -> Mig:
    """MIG: by how much the latent that knows most of a factor is ahead of the next one, in units of the entropy.

    Codes are cut into equal-width bins; factors are not binned. As in disentanglement_lib (10,000 images, 20 bins,
    posterior means). 20 bins cannot tell apart more than 20 values, so a perfect code of a factor with more values
    scores below 1: on dSprites (3, 6, 40, 32, 32) the identity code has .9024. The finite sample lowers it further, by
    about (values - 1)(bins - 1) / (2 N log values) per factor. Of a single latent the second largest counts as 0.
    Constant codes score 0.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, a constant factor, fewer than `min_samples` images.

    >>> factors_NF = np.stack(np.meshgrid(range(10), range(10), range(10), indexing="ij"), -1).reshape(-1, 3)
    >>> round(float(mig(factors_NF, factors_NF)), 6)
    1.0
    """
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples)
    mi_nats_DF = histogram_mi_nats(codes_ND, factors_NF, bins=bins)
    entropy_nats_F = factor_entropy_nats(factors_NF)
    gap_F = top_two_gap(mi_nats_DF) / entropy_nats_F
    return Mig(
        value=float(gap_F.mean()),
        settings={"estimator": "histogram", "bins": bins, "n": len(codes_ND)},
        gap_F=gap_F,
        mi_nats_DF=mi_nats_DF,
        entropy_nats_F=entropy_nats_F,
        latent_F=mi_nats_DF.argmax(axis=0),
    )
