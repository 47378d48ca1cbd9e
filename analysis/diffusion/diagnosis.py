"""`diagnose`: everything that one checkpoint's codes say, in one object.

Shapes: N images, D latents, F factors, B resamples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.holder_tables import LATENT_COLUMNS, factor_table, latent_table
from ifp.analysis.diffusion.holders import ACTIVE_NATS, COLLAPSED_NATS, HELD_NMI
from ifp.analysis.diffusion.thinned_codes import MOST_JOINT, thinned
from ifp.analysis.information.decomposition import KlDecomposition, decompose_kl
from ifp.analysis.information.intervals import FEWEST_RESAMPLES, LEVEL, corrected_interval
from ifp.analysis.information.joint_information import FEWEST, JointInformation, measure_joint
from ifp.analysis.information.per_latent import ESTIMATORS, Information, measure_information
from ifp.codes import Codes, kl_nats
from ifp.errors import bad_value, unknown_name
from ifp.seeds import numpy_generator
from ifp.system.progress import Progress

HISTOGRAM, POSTERIOR = "histogram", "posterior"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a checkpoint's latents hold.

    Attributes
    ----------
    factor_names, factor_sizes : of the data; empty where nothing is known of what made the images.
    images_key : equal for diagnoses of the same images of the same data with the same resamples: those are paired.
    data : what the caller calls the data. settings : what decided the numbers, for the file.
    kl_nats_D, kl_bootstrap_nats_BD : KL of each latent, averaged over the images, and its resamples.
    information : by estimator; empty without factors.
    factors : `factor_table` of every estimator. latents : `latent_table` of every estimator (of "" without factors).
    decomposition : KL = index-code MI + total correlation + dimension-wise KL; None where it was not asked for.
    joint : what all latents together hold of each factor; None where it was not asked for or there are no factors.
    unit : what one row of the codes is, in the singular, for sentences.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    images_key: str
    data: str
    settings: Mapping[str, Any]
    kl_nats_D: np.ndarray
    kl_bootstrap_nats_BD: np.ndarray
    information: Mapping[str, Information]
    factors: pd.DataFrame
    latents: pd.DataFrame
    decomposition: KlDecomposition | None
    joint: JointInformation | None = None
    unit: str = "image"

    @property
    def num_latents(self) -> int:
        """D."""
        return len(self.kl_nats_D)

    @property
    def estimator(self) -> str:
        """The estimator that the verdict speaks from, "" without factors.

        The posterior one where it was measured: it counts what reaches the decoder. A histogram of means also sees the
        tiny means of a collapsed latent, which drown in that latent's noise.
        """
        return POSTERIOR if POSTERIOR in self.information else next(iter(self.information), "")

    def factor_rows(self, estimator: str | None = None) -> pd.DataFrame:
        """The rows of `factors` of an estimator, the verdict's when None."""
        return self.factors[self.factors["estimator"] == (self.estimator if estimator is None else estimator)]

    def latent_rows(self, estimator: str | None = None) -> pd.DataFrame:
        """The rows of `latents` of an estimator, the verdict's when None."""
        return self.latents[self.latents["estimator"] == (self.estimator if estimator is None else estimator)]

    def total_kl_nats(self) -> tuple[float, float, float]:
        """KL summed over the latents, nats, and its interval."""
        total = self.kl_nats_D.sum()
        low, high = corrected_interval(total, self.kl_bootstrap_nats_BD.sum(axis=1))
        return float(total), max(float(low), 0.0), float(high)


def diagnose(
    codes: Codes,
    *,
    estimators: Sequence[str] = ESTIMATORS,
    permutations: int = 100,
    bootstraps: int = 200,
    seed: int = 0,
    data: str = "",
    decompose: bool = True,
    joint: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Diagnosis:
    """Measure what each latent holds; without factors, the KL of each latent and its decomposition alone.

    Parameters
    ----------
    codes : posteriors of N images, with the factors where they are known.
    estimators : of `measure_information`. permutations, bootstraps, progress : see there; at least 20 bootstraps.
    seed : of permutations and resamples. Checkpoints to be compared need the same seed and the same images.
    data : names the images (data set and how they were drawn): what is not the same here is not compared.
    decompose : whether to decompose the KL. joint : whether to bound what all latents together hold of each factor
        (`measure_joint`), 12 to 20 s per factor in each of `jobs` processes; not with fewer than FEWEST images.

    Raises
    ------
    IfpError : an estimator or a number that is not allowed.
    """
    for estimator in estimators:
        if estimator not in ESTIMATORS:
            raise unknown_name("estimator", estimator, ESTIMATORS)
    if bootstraps < FEWEST_RESAMPLES:
        raise bad_value("bootstraps", bootstraps, f"a whole number of at least {FEWEST_RESAMPLES}")
    kl_nats_ND = kl_nats(codes.mean_ND, codes.logvar_ND)
    times_BN = numpy_generator(seed, "diagnose", "kl").multinomial(
        len(codes), np.full(len(codes), 1 / len(codes)), size=bootstraps
    )
    kl_nats_D, kl_bootstrap_nats_BD = codes.kl_nats_D(), times_BN @ kl_nats_ND / len(codes)
    information = {
        estimator: measure_information(
            codes, estimator, permutations=permutations, bootstraps=bootstraps, seed=seed, progress=progress
        )
        for estimator in (estimators if codes.has_factors else ())
    }
    common = {
        "images": len(codes),
        "seed": seed,
        "permutations": permutations,
        "bootstraps": bootstraps,
        "level": LEVEL,
    }
    names, sizes = codes.factor_names, codes.factor_sizes
    factors = [factor_table(measured, names, sizes) for measured in information.values()]
    latents = [latent_table(kl_nats_D, kl_bootstrap_nats_BD, measured, names) for measured in information.values()]
    return Diagnosis(
        factor_names=names,
        factor_sizes=sizes,
        images_key=_images_key(codes, data, seed),
        data=data,
        settings={
            **common,
            "active_nats": ACTIVE_NATS,
            "collapsed_nats": COLLAPSED_NATS,
            "held_nmi": HELD_NMI,
            **{
                estimator: {key: value for key, value in measured.settings.items() if key not in common}
                for estimator, measured in information.items()
            },
        },
        kl_nats_D=kl_nats_D,
        kl_bootstrap_nats_BD=kl_bootstrap_nats_BD,
        information=information,
        factors=pd.concat(factors, ignore_index=True) if factors else pd.DataFrame(columns=["estimator", "factor"]),
        latents=pd.concat(latents or [latent_table(kl_nats_D, kl_bootstrap_nats_BD)], ignore_index=True)[
            list(LATENT_COLUMNS)
        ],
        decomposition=decompose_kl(codes, seed=seed) if decompose else None,
        joint=measure_joint(
            thinned(codes, MOST_JOINT, seed), seed=seed, permutations=permutations, jobs=jobs, progress=progress
        )
        if joint and information and len(codes) >= FEWEST
        else None,
        unit=codes.unit,
    )


def _images_key(codes: Codes, data: str, seed: int) -> str:
    """A digest of the data's name, the seed of the resamples and the factors of the images, in order."""
    digest = hashlib.sha256(f"{data}\x1f{seed}\x1f{len(codes)}".encode())
    digest.update(np.ascontiguousarray(codes.factors_NF, dtype=np.int64).tobytes())
    return digest.hexdigest()
