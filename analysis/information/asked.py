"""Classifiers of one factor asked about any set of latents, on images that they were not fitted to.

Shapes: N images, M of them scored, S draws of each, D latents in use, F factors, V values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import KFold

from ifp.analysis.information.classifiers import classifiers, fit_classifier, light_classifiers, probabilities
from ifp.analysis.information.mixture import Bound, mixture_bound
from ifp.codes import Codes
from ifp.seeds import derive_seed, numpy_generator

LEAST_KL_NATS = 0.005
"""Latents with a KL below this are left out, because each of them holds less than this."""
MOST_VALUES = 64
"""Classifiers tell at most this many values apart; neighbours among more are put together, which can only lose
information."""
FOLDS, SCORED, SCORE_DRAWS, FIT_ROWS = 5, 2000, 2, 2000
"""A classifier is fitted to 4 of 5 folds. With many images only as many folds are scored as hold SCORED images; with
few, a fit sees several draws of each image, FIT_ROWS in all."""


@dataclass(frozen=True, eq=False)
class ScoredImages:
    """Draws of the latents in use [S, N, D'], factors, and the folds: images to fit to, images to score."""

    draws_SND: np.ndarray
    factors_NF: np.ndarray
    used: np.ndarray
    fitted: list[np.ndarray]
    scored: list[np.ndarray]


def scored_images(codes: Codes, seed: int, least: int) -> ScoredImages:
    used = np.flatnonzero(codes.kl_nats_D() >= LEAST_KL_NATS)
    generator = numpy_generator(seed, "joint", "draws")
    draws = max(SCORE_DRAWS, min(FOLDS, FIT_ROWS // len(codes)))
    # noise of all latents, so that a latent that comes into use does not change that of the others
    noise_SND = generator.standard_normal((draws, *codes.mean_ND.shape))[:, :, used]
    draws_SND = codes.mean_ND[:, used] + np.exp(0.5 * codes.logvar_ND[:, used]) * noise_SND
    fitted, scored, total = [], [], 0
    split = KFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "joint", "folds") % 2**32)
    for fit_n, score_m in split.split(codes.mean_ND):
        fitted.append(fit_n)
        scored.append(score_m)
        total += len(score_m)
        if total >= least:
            break
    return ScoredImages(draws_SND, codes.factors_NF, used, fitted, scored)


@dataclass(eq=False)
class FactorClassifiers:
    """One factor: its values, and what classifiers of each set of coordinates say of the scored images."""

    images: ScoredImages
    factor: int
    seed: int
    value_N: np.ndarray = field(init=False)
    value_M: np.ndarray = field(init=False)
    share_V: np.ndarray = field(init=False)
    first_network: Any = None
    predicted: dict[tuple[int, ...], list[np.ndarray]] = field(default_factory=dict)
    _bounds: dict[tuple[tuple[int, ...], int], Bound] = field(default_factory=dict)

    entropy_nats: float = field(init=False)

    def __post_init__(self) -> None:
        values, self.value_N, counts = np.unique(
            self.images.factors_NF[:, self.factor], return_inverse=True, return_counts=True
        )
        share = counts / counts.sum()
        self.entropy_nats = float(-(share * np.log(share)).sum())
        if len(values) > MOST_VALUES:
            self.value_N = self.value_N * MOST_VALUES // len(values)
        self.value_M = self.value_N[np.concatenate(self.images.scored)]
        self.share_V = np.bincount(self.value_N) / len(self.value_N)

    def bound(self, latents: Sequence[int], more: Sequence[np.ndarray] = ()) -> Bound:
        """What these latents hold, by classifiers of them and of all their subsets that were asked before."""
        key = tuple(sorted(latents))
        if key not in self.predicted:
            self.predicted[key] = self.ask(self.images.draws_SND[:, :, key], keep=len(key) == len(self.images.used))
        if more:
            return self._largest(key, [*self.known(key), *more])
        at = (key, len(self.predicted))
        if at not in self._bounds:
            self._bounds[at] = self._largest(key, self.known(key))
        return self._bounds[at]

    def _largest(self, key: tuple[int, ...], known: Sequence[np.ndarray]) -> Bound:
        """Of the mixture of all and of the bounds of the subsets: whoever knows more latents knows at least as much,
        but a mixture of many may stop short of its best part."""
        parts = [self.bound(part) for part in list(self.predicted) if set(part) < set(key)]
        return max([mixture_bound(known, self.value_M, self.share_V), *parts], key=lambda bound: bound.nats)

    def known(self, latents: Sequence[int]) -> list[np.ndarray]:
        """Predictions [S, M, V] of all sets asked that lie within `latents`: whoever knows these knows those."""
        return [p for key, ps in self.predicted.items() if set(key) <= set(latents) for p in ps]

    def ask(self, x_SND: np.ndarray, *, keep: bool = False, light: bool = False) -> list[np.ndarray]:
        """Predictions [S, M, V] of each classifier, fitted fold by fold to these coordinates."""
        make = light_classifiers if light else classifiers
        folds: list[list[np.ndarray]] = []
        for fit_n, score_m in zip(self.images.fitted, self.images.scored, strict=True):
            draws = max(1, min(len(x_SND), FIT_ROWS // len(fit_n)))
            x_ND, value_N = np.concatenate(x_SND[:draws, fit_n]), np.tile(self.value_N[fit_n], draws)
            of_fold = []
            for model in make(x_SND.shape[2], len(x_ND), self.seed):
                fitted = fit_classifier(model, x_ND, value_N)
                scored_RD = x_SND[:SCORE_DRAWS, score_m].reshape(-1, x_SND.shape[2])
                p_RV = (
                    probabilities(model, scored_RD, len(self.share_V))
                    if fitted
                    else np.tile(self.share_V, (len(scored_RD), 1))
                )
                of_fold.append(p_RV.reshape(-1, len(score_m), len(self.share_V)))
                if keep and fitted and self.first_network is None:
                    self.first_network = model
            folds.append(of_fold)
        return [np.concatenate(ps, axis=1) for ps in zip(*folds, strict=True)]
