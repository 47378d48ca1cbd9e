"""Unsupervised disentanglement ranking (Duan et al. 2020, "Unsupervised model selection for variational disentangled
representation learning").

Shapes: M models, N images (the same for all models), D latents of one model, E latents of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.fitting import fit
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked_codes, varying
from ifp.analysis.metrics.score import Score
from ifp.errors import IfpError, unknown_name

CORRELATIONS = ("lasso", "spearman")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Udr(Score):
    """`value` is the mean over models of `score_M`.

    Attributes
    ----------
    score_M : the score of each model: the median of its column of `pair_MM`, itself left out.
    pair_MM : entry [i, j] is how well the latents of model i predict those of model j; NaN on the diagonal.
    active_M : the latents of each model that took part.
    not_converged : Lasso fits that ran out of iterations.
    """

    score_M: np.ndarray
    pair_MM: np.ndarray
    active_M: tuple[tuple[int, ...], ...]
    not_converged: int


def udr(
    codes_M: Sequence[Any],
    kl_nats_M: Sequence[Any] | None = None,
    *,
    correlation: str = "lasso",
    alpha: float = 0.1,
    kl_threshold_nats: float = 0.01,
    min_samples: int = MIN_SAMPLES,
) -> Udr:
    """UDR: do models trained alike, from other seeds, find the same latents up to order and sign? Needs no factors.

    Codes are standardised; latents with a KL of `kl_threshold_nats` or less, and constant ones, are left out. Each
    latent of one model is predicted from the latents of the other (the size of the coefficients of `Lasso(alpha)`),
    or rank-correlated with each (Spearman); two models agree as far as every row and every column of that matrix has
    one large entry (`relative_strength`). A model's score is how well the others predict it, as in
    disentanglement_lib: Lasso is not symmetric, and the other direction gives other scores. Ceiling: identical models
    with independent latents score 1 - alpha = .9 with Lasso, and with Spearman about .82 at 1,000 images and 10
    latents, because chance correlations count. disentanglement_lib uses 1,000 images; here all N that are given.

    Parameters
    ----------
    codes_M : the posterior means [N, D] of each model, the same images in the same order; D may differ.
    kl_nats_M : KL of each latent [D] of each model, nats; None keeps every latent that varies.
    correlation : "lasso" or "spearman".

    Raises
    ------
    IfpError: fewer than 2 models, codes that are not finite, of different numbers of images, or too few of them; KLs
    that do not match the latents.
    """
    if correlation not in CORRELATIONS:
        raise unknown_name("correlation", correlation, CORRELATIONS)
    if len(codes_M) < 2:
        raise IfpError(f"UDR compares models with each other: give the codes of at least 2, got {len(codes_M)}.")
    codes = [checked_codes(codes_ND, min_samples=min_samples) for codes_ND in codes_M]
    if len({len(codes_ND) for codes_ND in codes}) > 1:
        raise IfpError(
            f"UDR needs the same images through every model, got {[len(codes_ND) for codes_ND in codes]} images."
        )
    active = [_active(codes_ND, kl_nats_M, m, kl_threshold_nats) for m, codes_ND in enumerate(codes)]
    standardised = [
        _standardised(codes_ND[:, active_D], correlation) for codes_ND, active_D in zip(codes, active, strict=True)
    ]
    pair_MM = np.full((len(codes), len(codes)), np.nan)
    not_converged = 0
    for i, j in np.ndindex(*pair_MM.shape):
        if i != j:
            strength_DE, misses = _strengths(standardised[i], standardised[j], correlation, alpha)
            pair_MM[i, j] = relative_strength(strength_DE)
            not_converged += misses
    score_M = np.nanmedian(pair_MM, axis=0)
    return Udr(
        value=float(score_M.mean()),
        settings={
            "correlation": correlation,
            "alpha": alpha if correlation == "lasso" else None,
            "kl_threshold_nats": None if kl_nats_M is None else kl_threshold_nats,
            "models": len(codes),
            "n": len(codes[0]),
        },
        reason="" if all(active_D.any() for active_D in active) else "a model has no active latent: its pairs score 0",
        score_M=score_M,
        pair_MM=pair_MM,
        active_M=tuple(tuple(np.flatnonzero(active_D).tolist()) for active_D in active),
        not_converged=not_converged,
    )


def relative_strength(strength_DE: np.ndarray) -> float:
    """Mean over rows and over columns of (largest entry)^2 / sum, the two averaged; rows of zeros count as 0.

    >>> relative_strength(np.ones((2, 2)))
    0.5
    """
    strength_DE = np.asarray(strength_DE, dtype=np.float64)
    if not strength_DE.size:
        return 0.0

    def one_way(axis: int) -> float:
        total = strength_DE.sum(axis=axis)
        return float((strength_DE.max(axis=axis) ** 2 / np.where(total > 0, total, 1.0)).mean())

    return (one_way(0) + one_way(1)) / 2


def _active(codes_ND: np.ndarray, kl_nats_M: Sequence[Any] | None, m: int, threshold_nats: float) -> np.ndarray:
    """Which latents [D] of model m take part."""
    active_D = varying(codes_ND)
    if kl_nats_M is None:
        return active_D
    kl_nats_D = np.asarray(kl_nats_M[m] if m < len(kl_nats_M) else [], dtype=np.float64)
    if kl_nats_D.shape != active_D.shape:
        raise IfpError(
            f"Model {m} has {len(active_D)} latents but KLs of shape {kl_nats_D.shape}; give one per latent."
        )
    return active_D & (kl_nats_D > threshold_nats)


def _standardised(codes_ND: np.ndarray, correlation: str) -> np.ndarray:
    """Mean 0 and variance 1; of the ranks for Spearman, ties sharing their mean rank."""
    from scipy.stats import rankdata

    values_ND = rankdata(codes_ND, axis=0) if correlation == "spearman" else codes_ND
    return np.asarray((values_ND - values_ND.mean(axis=0)) / values_ND.std(axis=0))


def _strengths(first_ND: np.ndarray, second_NE: np.ndarray, correlation: str, alpha: float) -> tuple[np.ndarray, int]:
    """How strongly each latent of one model goes with each of the other [D, E], and fits that did not converge."""
    if not first_ND.shape[1] or not second_NE.shape[1]:
        return np.zeros((first_ND.shape[1], second_NE.shape[1])), 0
    if correlation == "spearman":
        return np.abs(first_ND.T @ second_NE) / len(first_ND), 0
    from sklearn.linear_model import Lasso

    model = Lasso(alpha=alpha)
    converged = fit(model, first_ND, second_NE)
    return np.abs(np.asarray(model.coef_).reshape(second_NE.shape[1], first_ND.shape[1])).T, int(not converged)
