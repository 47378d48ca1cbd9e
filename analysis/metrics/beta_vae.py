"""The beta-VAE metric (Higgins et al. 2017, "beta-VAE: learning basic visual concepts with a constrained variational
framework").

Shapes: N images, D latents, F factors, B batches, S pairs a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.information.fitting import fit
from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked
from ifp.analysis.metrics.batches import SharedValues, shared_values
from ifp.analysis.metrics.score import Score
from ifp.seeds import numpy_generator

CHUNK = 2000


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BetaVaeScore(Score):
    """`value` is the accuracy on the evaluation batches.

    Attributes
    ----------
    train_accuracy : on the batches the classifier was fitted to. chance : 1 / F.
    converged : whether the classifier's solver did. accuracy_F : of the evaluation batches of each factor.
    rows_left_out_F : images never drawn for a factor, because no other has their value.
    """

    train_accuracy: float
    chance: float
    converged: bool
    accuracy_F: np.ndarray
    rows_left_out_F: np.ndarray


def beta_vae(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> BetaVaeScore:
    """BetaVAE score: can a linear classifier tell which factor the pairs of a batch share?

    One example: draw a factor and 64 pairs of images, the two of a pair sharing that factor's value; the feature is
    the mean absolute difference of their codes. The classifier is scikit-learn's `LogisticRegression()`, as in
    disentanglement_lib. The score is easy to saturate and does not fall to 0: codes that know nothing, constant ones
    among them, score `chance`, about 1 / F.

    Pairs are two different rows among those that share a value (`batches.py`).

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, fewer than 2 factors, a constant factor, one without repeated
    values, too few images.
    """
    from sklearn.linear_model import LogisticRegression

    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples, min_factors=2)
    groups = shared_values(factors_NF)
    generator = numpy_generator(seed, "metrics", "beta_vae")
    train_BD, train_B = _examples(codes_ND, groups, num_train, batch_size, generator)
    eval_BD, eval_B = _examples(codes_ND, groups, num_eval, batch_size, generator)
    model = LogisticRegression()
    converged = fit(model, train_BD, train_B)
    right_B = model.predict(eval_BD) == eval_B
    return BetaVaeScore(
        value=float(right_B.mean()),
        settings={
            "estimator": "LogisticRegression()",
            "batch_size": batch_size,
            "num_train": num_train,
            "num_eval": num_eval,
            "n": len(codes_ND),
            "seed": seed,
        },
        train_accuracy=float((model.predict(train_BD) == train_B).mean()),
        chance=1 / len(groups),
        converged=converged,
        accuracy_F=np.array([right_B[eval_B == f].mean() for f in range(len(groups))]),
        rows_left_out_F=np.array([group.num_left_out for group in groups]),
    )


def _examples(
    codes_ND: np.ndarray, groups: list[SharedValues], number: int, batch_size: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute differences [B, D] and the shared factor [B]."""
    times_F = generator.multinomial(number, np.full(len(groups), 1 / len(groups)))
    features = []
    for group, times in zip(groups, times_F, strict=True):
        for begin in range(0, times, CHUNK):
            first_BS, second_BS = group.pairs(min(CHUNK, times - begin), batch_size, generator)
            features.append(np.abs(codes_ND[first_BS] - codes_ND[second_BS]).mean(axis=1))
    return np.concatenate(features), np.repeat(np.arange(len(groups)), times_F)
