"""The FactorVAE metric (Kim and Mnih 2018, "Disentangling by factorising").

Shapes: N images, D latents, F factors, B votes, S images per batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.metrics.arrays import MIN_SAMPLES, checked
from ifp.analysis.metrics.batches import SharedValues, shared_values
from ifp.analysis.metrics.score import Score
from ifp.errors import bad_value
from ifp.seeds import numpy_generator

CHUNK = 2000


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FactorVaeScore(Score):
    """`value` is the accuracy on the evaluation votes.

    Attributes
    ----------
    train_accuracy : on the votes that the majority was taken of.
    chance : what codes that know nothing score: the share of the most frequent factor among the evaluation votes.
    votes_DF : training votes by latent and fixed factor. active_D : latents whose spread passes the threshold.
    rows_left_out_F : images never drawn for a factor, because no other has their value.
    """

    train_accuracy: float
    chance: float
    votes_DF: np.ndarray
    active_D: np.ndarray
    rows_left_out_F: np.ndarray


def factor_vae(
    codes_ND: Any,
    factors_NF: Any = None,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    prune_std: float = 0.05,
    seed: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> FactorVaeScore:
    """FactorVAE score: can one tell which factor a batch shares from the latent that varies least in it?

    One vote: draw a factor, a batch that shares its value, and take the latent with the smallest variance in the
    batch relative to its variance over all images. Each latent stands for the factor it was voted for most often; the
    score is the share of right votes among new ones. Latents with a standard deviation below `prune_std` take no part
    (disentanglement_lib's study sets .05, its code defaults to 0, and its count of active latents is the count of all:
    `active_D` is the real one). The global variances are over all N images (10,000 in the study). Codes without an
    active latent score 0; noise codes score about 1 / F.

    Batches are drawn from the rows at hand, with replacement, among those that share a value (`batches.py`).

    Raises
    ------
    IfpError: arrays that do not fit together, NaN, fewer than 2 factors, a constant factor, one without repeated
    values, too few images.
    """
    if batch_size < 2:
        raise bad_value("batch_size", batch_size, "at least 2")
    codes_ND, factors_NF = checked(codes_ND, factors_NF, min_samples=min_samples, min_factors=2)
    groups = shared_values(factors_NF)
    num_factors = len(groups)
    var_D = codes_ND.var(axis=0, ddof=1)
    active_D = (np.sqrt(var_D) >= prune_std) & (var_D > 0)
    votes_DF, eval_DF = np.zeros((2, codes_ND.shape[1], num_factors), dtype=np.int64)
    if active_D.any():
        scaled_ND = codes_ND[:, active_D] / np.sqrt(var_D[active_D])
        generator = numpy_generator(seed, "metrics", "factor_vae")
        votes_DF[active_D] = _votes(scaled_ND, groups, num_train, batch_size, generator)
        eval_DF[active_D] = _votes(scaled_ND, groups, num_eval, batch_size, generator)
    right = eval_DF[np.arange(len(eval_DF)), votes_DF.argmax(axis=1)].sum()
    return FactorVaeScore(
        value=float(right / num_eval),
        settings={
            "batch_size": batch_size,
            "num_train": num_train,
            "num_eval": num_eval,
            "prune_std": prune_std,
            "num_active": int(active_D.sum()),
            "n": len(codes_ND),
            "seed": seed,
        },
        reason="" if active_D.any() else f"no latent has a standard deviation of {prune_std} or more",
        train_accuracy=float(votes_DF.max(axis=1).sum() / num_train),
        chance=float(eval_DF.sum(axis=0).max() / num_eval) if active_D.any() else 1 / num_factors,
        votes_DF=votes_DF,
        active_D=active_D,
        rows_left_out_F=np.array([group.num_left_out for group in groups]),
    )


def _votes(
    scaled_ND: np.ndarray, groups: list[SharedValues], num_votes: int, batch_size: int, generator: np.random.Generator
) -> np.ndarray:
    """How often each latent varied least [D, F] when a factor was shared."""
    num_latents, num_factors = scaled_ND.shape[1], len(groups)
    times_F = generator.multinomial(num_votes, np.full(num_factors, 1 / num_factors))
    votes_DF = np.zeros((num_latents, num_factors), dtype=np.int64)
    for f, (group, times) in enumerate(zip(groups, times_F, strict=True)):
        for begin in range(0, times, CHUNK):
            rows_BS = group.batches(min(CHUNK, times - begin), batch_size, generator)
            least_B = scaled_ND[rows_BS].var(axis=1, ddof=1).argmin(axis=1)
            votes_DF[:, f] += np.bincount(least_B, minlength=num_latents)
    return votes_DF
