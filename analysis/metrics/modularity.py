"""Modularity (Ridgeway and Mozer 2018, "Learning deep disentangled embeddings with the F-statistic loss").

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.mutual_information import histogram_mi_nats
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked
from ifp.analysis.metrics.score import Score


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Modularity(Score):
    """`value` is the mean over latents of `modularity_D`; `mi_nats_DF` is what it was computed from."""

    modularity_D: np.ndarray
    mi_nats_DF: np.ndarray


def modularity(codes_ND: Any, factors_NF: Any = None, *, bins: int = 20, min_samples: int = MIN_SAMPLES) -> Modularity:
    """Modularity: whether each latent has information on one factor only.

    As in disentanglement_lib: 20 equal-width bins, and a latent without any information counts as 0. A noise latent
    has a little information on every factor, by the finite sample, more on those with more values, so its modularity
    is neither 0 nor 1: read `mi_nats_DF` beside it.

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, fewer than 2 factors, a constant factor, too few images.
    """
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples, min_factors=2)
    mi_nats_DF = histogram_mi_nats(codes_ND, factors_NF, bins=bins)
    # rounding leaves a constant latent with a few 1e-16 nats, which the ratio would blow up
    mi_nats_DF = np.where(mi_nats_DF < 1e-12, 0.0, mi_nats_DF)
    modularity_D = latent_modularity(mi_nats_DF)
    return Modularity(
        value=float(modularity_D.mean()),
        settings={"estimator": "histogram", "bins": bins, "n": len(codes_ND)},
        modularity_D=modularity_D,
        mi_nats_DF=mi_nats_DF,
    )


def latent_modularity(mi_DF: np.ndarray) -> np.ndarray:
    """1 - (sum of squares - largest square) / (largest square (F - 1)) of each row [D]; 0 for a row of zeros.

    The sum runs over the factors of one latent. Summing over the latents of one factor instead, as some code does,
    measures compactness.

    >>> latent_modularity(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).tolist()
    [1.0, 0.0, 0.0]
    """
    square_DF = np.square(np.asarray(mi_DF, dtype=np.float64))
    largest_D = square_DF.max(axis=1)
    divisor_D = np.where(largest_D > 0, largest_D, 1.0) * (square_DF.shape[1] - 1)
    return np.where(largest_D > 0, 1 - (square_DF.sum(axis=1) - largest_D) / divisor_D, 0.0)
