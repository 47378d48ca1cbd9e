"""The metrics of one model by name, run on `Codes`, and the standard error of any of them.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ifp.analysis.metrics.arrays import MIN_SAMPLES
from ifp.analysis.metrics.beta_vae import beta_vae
from ifp.analysis.metrics.dci import dci
from ifp.analysis.metrics.dci_es import dci_es
from ifp.analysis.metrics.explicitness import explicitness
from ifp.analysis.metrics.factor_vae import factor_vae
from ifp.analysis.metrics.infomec import infomec
from ifp.analysis.metrics.irs import irs
from ifp.analysis.metrics.jemmig import jemmig
from ifp.analysis.metrics.mig import mig
from ifp.analysis.metrics.minimality import minimality
from ifp.analysis.metrics.modularity import modularity
from ifp.analysis.metrics.sap import sap
from ifp.analysis.metrics.score import Score
from ifp.analysis.metrics.total_correlation import pairwise_mi, total_correlation, wasserstein_correlation
from ifp.codes import Codes
from ifp.errors import IfpError, counted, unknown_name
from ifp.seeds import numpy_generator

CATEGORIES = frozenset({"shape", "category", "class", "label", "instance", "object", "colour", "color"})
"""Factors of these names have values without an order, which no regression can follow."""


@dataclass(frozen=True)
class Metric:
    """One metric: calling it on codes gives its score.

    Attributes
    ----------
    describes : one line. run : (codes, seed, min_samples) -> score.
    slow : takes minutes on 10,000 images. needs_factors : cannot be had without them. min_factors : the fewest.
    beside : the other numbers of the score that are reported with its value.
    """

    describes: str
    run: Callable[[Codes, int, int], Score]
    slow: bool = False
    needs_factors: bool = True
    min_factors: int = 1
    beside: tuple[str, ...] = ()

    def __call__(self, codes: Codes, *, seed: int = 0, min_samples: int = MIN_SAMPLES) -> Score:
        return self.run(codes, seed, min_samples)


METRICS: dict[str, Metric] = {
    "mig": Metric(
        "gap between the two latents that know most of a factor, in entropies (Chen et al. 2018)",
        lambda codes, seed, least: mig(codes.mean_ND, codes.factors_NF, min_samples=least),
    ),
    "jemmig": Metric(
        "like MIG, and the best latent holds nothing else (Do and Tran 2020)",
        lambda codes, seed, least: jemmig(codes.mean_ND, codes.factors_NF, min_samples=least),
    ),
    "sap": Metric(
        "gap between the two latents that predict a factor best, linearly (Kumar et al. 2018)",
        lambda codes, seed, least: sap(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
    ),
    "dci": Metric(
        "disentanglement, completeness, informativeness by gradient boosting (Eastwood and Williams 2018)",
        lambda codes, seed, least: dci(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
        slow=True,
        min_factors=2,
        beside=("completeness", "informativeness_test"),
    ),
    "dci-fast": Metric(
        "the same by random forests, in seconds; not comparable with the standard one",
        lambda codes, seed, least: dci(codes.mean_ND, codes.factors_NF, forest="fast", seed=seed, min_samples=least),
        min_factors=2,
        beside=("completeness", "informativeness_test"),
    ),
    "dci-es": Metric(
        "how shallow a forest reads the factors off; explicitness and size beside DCI (Eastwood et al. 2023)",
        lambda codes, seed, least: dci_es(
            codes.mean_ND,
            codes.factors_NF,
            categorical=[f for f, name in enumerate(codes.factor_names) if name in CATEGORIES],
            seed=seed,
            min_samples=least,
        ),
        slow=True,
        min_factors=2,
        beside=("disentanglement", "completeness", "informativeness", "size"),
    ),
    "infomec": Metric(
        "modularity, compactness, explicitness by nearest neighbours, without bins (Hsu et al. 2023)",
        lambda codes, seed, least: infomec(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
        min_factors=2,
        beside=("compactness", "explicitness"),
    ),
    "factor-vae": Metric(
        "which factor a batch shares, told by the latent that varies least (Kim and Mnih 2018)",
        lambda codes, seed, least: factor_vae(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
        min_factors=2,
    ),
    "beta-vae": Metric(
        "which factor pairs share, told by a linear classifier (Higgins et al. 2017)",
        lambda codes, seed, least: beta_vae(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
        min_factors=2,
    ),
    "modularity": Metric(
        "each latent knows of one factor only (Ridgeway and Mozer 2018)",
        lambda codes, seed, least: modularity(codes.mean_ND, codes.factors_NF, min_samples=least),
        min_factors=2,
    ),
    "explicitness": Metric(
        "all latents together give each factor linearly; chance is .5 (Ridgeway and Mozer 2018)",
        lambda codes, seed, least: explicitness(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
    ),
    "irs": Metric(
        "a latent stays put while its factor is held; noise is not 0 (Suter et al. 2019)",
        lambda codes, seed, least: irs(codes.mean_ND, codes.factors_NF, seed=seed, min_samples=least),
        beside=("noise_value",),
    ),
    "minimality": Metric(
        "minimality and sufficiency, codes in 15 bins (Almudévar et al. 2024)",
        lambda codes, seed, least: minimality(
            codes.mean_ND, codes.factors_NF, logvar_ND=codes.logvar_ND, min_samples=least
        ),
        beside=("sufficiency",),
    ),
    "minimality-posterior": Metric(
        "minimality and sufficiency from the posteriors, without bins",
        lambda codes, seed, least: minimality(
            codes.mean_ND, codes.factors_NF, logvar_ND=codes.logvar_ND, estimator="posterior", min_samples=least
        ),
        beside=("sufficiency",),
    ),
    "total-correlation": Metric(
        "linear dependence among latents, nats, with bias and interval",
        lambda codes, seed, least: total_correlation(codes.mean_ND, seed=seed, min_samples=least),
        needs_factors=False,
        min_factors=0,
    ),
    "wasserstein-correlation": Metric(
        "distance of the latents' Gaussian to that of independent latents",
        lambda codes, seed, least: wasserstein_correlation(codes.mean_ND, min_samples=least),
        needs_factors=False,
        min_factors=0,
    ),
    "pairwise-mi": Metric(
        "mean mutual information of two latents, nats",
        lambda codes, seed, least: pairwise_mi(codes.mean_ND, min_samples=least),
        needs_factors=False,
        min_factors=0,
    ),
}


def run_metrics(
    codes: Codes, names: Iterable[str] | None = None, *, seed: int = 0, min_samples: int = MIN_SAMPLES
) -> Iterator[tuple[str, Score, float]]:
    """The chosen metrics one after the other: name, score, seconds taken.

    Parameters
    ----------
    codes : of one model. Factors with one value in all images say nothing and are left out (`varying_factors`).
    names : keys of `METRICS`; None runs all that are not slow and that these codes allow.

    Raises
    ------
    IfpError: an unknown name; a metric by name that needs factors, or more of them than there are; too few images.
    """
    codes = varying_factors(codes)
    num_factors = len(codes.factor_names)
    if names is None:
        chosen = [name for name, metric in METRICS.items() if not metric.slow and metric.min_factors <= num_factors]
    else:
        chosen = list(names)
    for name in chosen:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
        if METRICS[name].min_factors > num_factors:
            varying = counted(METRICS[name].min_factors, "varying factor")
            raise IfpError(
                f"Metric {name!r} needs at least {varying}, these codes have "
                f"{num_factors}; give labelled images, or leave it out."
            )
    for name in chosen:
        start = time.perf_counter()
        score = METRICS[name](codes, seed=seed, min_samples=min_samples)
        yield name, score, time.perf_counter() - start


def varying_factors(codes: Codes) -> Codes:
    """The same codes without the factors that have one value in all images."""
    varying = np.flatnonzero((codes.factors_NF != codes.factors_NF[:1]).any(axis=0)).tolist()
    if len(varying) == len(codes.factor_names):
        return codes
    return Codes(
        codes.mean_ND,
        codes.logvar_ND,
        codes.factors_NF[:, varying],
        tuple(codes.factor_names[f] for f in varying),
        tuple(codes.factor_sizes[f] for f in varying),
        codes.unit,
    )


def standard_error(
    metric: Callable[[np.ndarray, np.ndarray], Score],
    codes_ND: np.ndarray,
    factors_NF: np.ndarray,
    *,
    resamples: int = 5,
    seed: int = 0,
) -> float:
    """Standard error of a metric's value from few resamples of the images: their spread, good to a factor of two.

    Images are drawn with replacement, which shifts every estimate of information upward a little; the spread does not
    suffer, so add it to the value of all images and do not use the resamples' mean.

    >>> codes_ND = numpy_generator(0, "doctest").normal(size=(2000, 3))
    >>> 0 < standard_error(mig, codes_ND, (codes_ND > 0).astype(int)) < 0.05
    True
    """
    if resamples < 2:
        raise IfpError(f"A spread needs at least 2 resamples, got {resamples}.")
    generator = numpy_generator(seed, "metrics", "standard_error")
    draws_BN = generator.integers(len(codes_ND), size=(resamples, len(codes_ND)))
    return float(np.std([float(metric(codes_ND[rows_N], factors_NF[rows_N])) for rows_N in draws_BN], ddof=1))
