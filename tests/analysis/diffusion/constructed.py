"""Diagnoses whose truth is known, because they are written down or drawn from a known law.

Shapes: N images, D latents, F factors, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.holder_tables import factor_table, latent_table
from ifp.analysis.information.per_latent import Information
from ifp.codes import Codes

NAMES, SIZES = ("shape", "scale", "posX"), (3, 6, 8)
BINS = 20


def information_of(
    true_nmi_DF: Sequence[Sequence[float]] | np.ndarray,
    rng: np.random.Generator,
    *,
    bias: float = 0.01,
    spread: float = 0.001,
    resamples: int = 200,
    noisy: bool = False,
    estimator: str = "histogram",
) -> Information:
    """What an estimator with this bias and standard error says of the truth; factors have an entropy of 2 nats.

    The estimate is the truth + bias, with `noisy` also + its sampling error; resamples have the bias once more.
    """
    true_DF = np.asarray(true_nmi_DF, dtype=np.float64)
    estimate_DF = true_DF + bias + (spread * rng.normal(size=true_DF.shape) if noisy else 0)
    boot_BDF = estimate_DF + bias + spread * rng.normal(size=(resamples, *true_DF.shape))
    return Information(
        estimator=estimator,
        mi_nats_DF=2 * estimate_DF,
        entropy_nats_F=np.full(true_DF.shape[1], 2.0),
        floor_nats_DF=np.full(true_DF.shape, 2 * bias),
        floor_high_nats_DF=np.full(true_DF.shape, 2 * (bias + 1.645 * spread)),
        bootstrap_nats_BDF=2 * boot_BDF,
        bootstrap_entropy_nats_BF=np.full((resamples, true_DF.shape[1]), 2.0),
        sizes_F=np.full(true_DF.shape[1], 8),
        settings={"level": 0.95},
    )


def diagnosis_of(
    information: Information | Sequence[Information],
    rng: np.random.Generator,
    *,
    kl_nats_D: Sequence[float] = (),
    data: str = "constructed",
    images_key: str = "same",
) -> Diagnosis:
    """A diagnosis around information made up; its KL is 2 nats per latent unless given, its standard error 0.01."""
    measured = [information] if isinstance(information, Information) else list(information)
    num_latents, num_factors = measured[0].mi_nats_DF.shape
    names = tuple(f"f{factor}" for factor in range(num_factors)) if num_factors != len(NAMES) else NAMES
    sizes = (8,) * num_factors
    kl_D = np.array(kl_nats_D if len(kl_nats_D) else [2.0] * num_latents)
    kl_BD = kl_D + 0.01 * rng.normal(size=(len(measured[0].bootstrap_nats_BDF), num_latents))
    return Diagnosis(
        factor_names=names,
        factor_sizes=sizes,
        images_key=images_key,
        data=data,
        settings={"seed": 0, "images": 1000, "bootstraps": 200},
        kl_nats_D=kl_D,
        kl_bootstrap_nats_BD=kl_BD,
        information={of.estimator: of for of in measured},
        factors=pd.concat([factor_table(of, names, sizes) for of in measured], ignore_index=True),
        latents=pd.concat([latent_table(kl_D, kl_BD, of, names) for of in measured], ignore_index=True),
        decomposition=None,
    )


def channel_codes(
    shares_DF: Sequence[Sequence[float]] | np.ndarray,
    rng: np.random.Generator,
    *,
    images: int = 2000,
    sizes: Sequence[int] = (8,),
    factors_NF: np.ndarray | None = None,
) -> Codes:
    """Codes on the whole numbers 0 to 19, which 20 equal-width bins tell apart.

    With probability `share` a latent takes one of the two cells of its factor's value, else any of the 20.
    Each latent may have one share above 0.
    """
    shares_DF = np.asarray(shares_DF, dtype=np.float64)
    if factors_NF is None:
        factors_NF = np.stack([rng.integers(size, size=images) for size in sizes], axis=1)
    columns = []
    for shares_F in shares_DF:
        factor = int(shares_F.argmax())
        signal_N = 2 * factors_NF[:, factor] + rng.integers(2, size=len(factors_NF))
        kept_N = rng.random(len(factors_NF)) < shares_F[factor]
        columns.append(np.where(kept_N, signal_N, rng.integers(BINS, size=len(factors_NF))))
    mean_ND = np.stack(columns, axis=1).astype(np.float64)
    names = tuple(f"f{factor}" for factor in range(factors_NF.shape[1]))
    return Codes(mean_ND, np.full(mean_ND.shape, -8.0), factors_NF, names, tuple(sizes))


def channel_mi_nats(share: float, size: int) -> float:
    """The true information of such a latent about its factor: ln V + ln 20 less the joint entropy, by hand.

    Given the value, 2 cells have probability share / 2 + (1 - share) / 20 and 18 have (1 - share) / 20.
    """
    joint_VK = np.full((size, BINS), (1 - share) / BINS)
    for value in range(size):
        joint_VK[value, [2 * value, 2 * value + 1]] += share / 2
    joint_VK /= size
    independent_VK = joint_VK.sum(axis=1, keepdims=True) * joint_VK.sum(axis=0, keepdims=True)
    told_VK = joint_VK > 0
    return float((joint_VK[told_VK] * np.log(joint_VK[told_VK] / independent_VK[told_VK])).sum())
