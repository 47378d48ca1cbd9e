"""InfoMEC: modularity, compactness, explicitness in terms of information (Hsu et al. 2023, "Disentanglement via latent
quantization", arXiv 2305.18378).

Shapes: N images, D latents, A active latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.fitting import fit
from ifp.analysis.information.mutual_information import factor_entropy_nats
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked, class_indices, varying
from ifp.analysis.metrics.score import Score
from ifp.errors import IfpError, bad_value
from ifp.seeds import numpy_generator

NEIGHBOURS = 10
ACTIVE_RANGE = 1 / 20
"""A latent is active if its codes span more than this share of the widest latent's."""
ITERATIONS = 100


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Infomec(Score):
    """`value` is InfoM, the modularity.

    Attributes
    ----------
    compactness : InfoC; 0 without active latents, NaN with a single one. explicitness : InfoE.
    nmi_DF : I(z_j; v_k) / H(v_k) by nearest neighbours, of all latents. active_D : those that M and C count.
    explicitness_F : of each factor, before the mean. not_converged : classifiers that ran out of iterations.
    """

    compactness: float
    explicitness: float
    nmi_DF: np.ndarray
    active_D: np.ndarray
    explicitness_F: np.ndarray
    not_converged: int


def infomec(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> Infomec:
    """InfoMEC of continuous codes, as in the authors' code.

    The information of each latent on each factor is estimated from `neighbours` nearest neighbours (Ross 2014), in
    shares of the factor's entropy: no bins, so that a factor with 40 values can be told by one latent. Only latents
    that span more than 1/20 of the widest one's range are active. InfoM: how far each active latent's information is
    on one factor (`info_modularity`); InfoC: how far that on each factor is in one active latent
    (`info_compactness`); InfoE: the share of log V that logistic regression on all latents, without penalty and with
    balanced classes, explains of each factor, on the images it was fitted to. InfoE is therefore a little too high
    with few images (parameters / 2 N nats), and below 0 where some values are much more frequent than others.

    An active latent whose information on all factors is estimated as 0 has no modularity and is left out of InfoM; a
    factor on which no active latent has any counts as spread evenly. Noise has a little of everything: the noise
    latents of a model with a wide prior lower InfoM.

    Parameters
    ----------
    codes_ND : posterior means. factors_NF : integer positions. seed : of the estimator's tie-breaking noise (1e-10).

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, fewer than 2 factors, a constant factor, too few images.
    """
    if not 1 <= neighbours < min_samples:
        raise bad_value("neighbours", neighbours, f"a whole number of 1 to {min_samples - 1}")
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples, min_factors=2)
    values_F = [class_indices(factor_N)[1] for factor_N in factors_NF.T]
    if max(values_F) > len(codes_ND) / 2:
        raise IfpError(
            f"Factor {int(np.argmax(values_F))} (columns, from 0) has {max(values_F)} values in {len(codes_ND)} images"
            ", too many for a nearest neighbour of the same value; bin them, or leave it out."
        )
    span_D = np.where(varying(codes_ND), np.ptp(codes_ND, axis=0), 0.0)
    active_D = span_D > span_D.max() * ACTIVE_RANGE
    nmi_DF = _neighbours_nmi(codes_ND, factors_NF, neighbours, seed)
    explicitness_F, not_converged = _explicitness(codes_ND, factors_NF)
    return Infomec(
        value=info_modularity(nmi_DF[active_D]),
        settings={
            "estimator": f"{neighbours} nearest neighbours; LogisticRegression(penalty none, balanced), in sample",
            "active_range": ACTIVE_RANGE,
            "n": len(codes_ND),
            "seed": seed,
        },
        reason=("all latents are constant", "a single latent is active, so compactness is NaN", "")[
            min(active_D.sum(), 2)
        ],
        compactness=info_compactness(nmi_DF[active_D]) if active_D.any() else 0.0,
        explicitness=float(explicitness_F.mean()),
        nmi_DF=nmi_DF,
        active_D=active_D,
        explicitness_F=explicitness_F,
        not_converged=not_converged,
    )


def info_modularity(nmi_AF: np.ndarray) -> float:
    """Mean over latents of largest / sum, moved and scaled so that an even spread over F factors is 0.

    >>> info_modularity(np.eye(3)), info_modularity(np.ones((2, 3)))
    (1.0, 0.0)
    """
    nmi_AF = np.asarray(nmi_AF, dtype=np.float64)
    nmi_AF = nmi_AF[nmi_AF.sum(axis=1) > 0]
    return _rescaled(nmi_AF.max(axis=1) / nmi_AF.sum(axis=1), nmi_AF.shape[1]) if len(nmi_AF) else 0.0


def info_compactness(nmi_AF: np.ndarray) -> float:
    """Mean over factors of largest / sum, moved and scaled so that an even spread over A latents is 0; NaN for A < 2.

    >>> info_compactness(np.eye(3)), info_compactness(np.ones((2, 3)))
    (1.0, 0.0)
    """
    nmi_AF = np.asarray(nmi_AF, dtype=np.float64)
    if len(nmi_AF) < 2:
        return float("nan")
    sum_F = nmi_AF.sum(axis=0)
    share_F = np.where(sum_F > 0, nmi_AF.max(axis=0) / np.where(sum_F > 0, sum_F, 1), 1 / len(nmi_AF))
    return _rescaled(share_F, len(nmi_AF))


def _rescaled(share: np.ndarray, parts: int) -> float:
    return float((share.mean() - 1 / parts) / (1 - 1 / parts))


def _neighbours_nmi(codes_ND: np.ndarray, factors_NF: np.ndarray, neighbours: int, seed: int) -> np.ndarray:
    """Information of each latent on each factor over the factor's entropy [D, F]; 0 for constant latents."""
    from sklearn.feature_selection import mutual_info_classif

    varying_D = varying(codes_ND)
    mi_nats_DF = np.zeros((codes_ND.shape[1], factors_NF.shape[1]))
    generator = numpy_generator(seed, "metrics", "infomec")
    z_ND = (codes_ND[:, varying_D] - codes_ND[:, varying_D].mean(axis=0)) / codes_ND[:, varying_D].std(axis=0)
    if z_ND.shape[1]:
        for f, factor_N in enumerate(factors_NF.T):
            mi_nats_DF[varying_D, f] = mutual_info_classif(
                z_ND, factor_N, discrete_features=False, n_neighbors=neighbours,
                random_state=int(generator.integers(2**31)),
            )  # fmt: skip
    return mi_nats_DF / factor_entropy_nats(factors_NF)


def _explicitness(codes_ND: np.ndarray, factors_NF: np.ndarray) -> tuple[np.ndarray, int]:
    """1 - cross-entropy / log V of each factor [F], and how many classifiers did not converge."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import StandardScaler

    z_ND = StandardScaler().fit_transform(codes_ND)
    explicit_F, not_converged = [], 0
    for factor_N in factors_NF.T:
        class_N, values = class_indices(factor_N)
        model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=ITERATIONS)
        not_converged += not fit(model, z_ND, class_N)
        # without any information balanced classes all get 1 / V: log V nats
        explicit_F.append(1 - log_loss(class_N, model.predict_proba(z_ND)) / np.log(values))
    return np.array(explicit_F), not_converged
