"""What the information of latents about factors means: who holds a factor, how far it has spread, what a latent is.

Every interval is `corrected_interval`'s. Largest and second largest are found anew in each resample: NMI1 is what the
best latent holds, whichever it is, so two latents that take turns as the best count as one ambiguity, not as bias.

Shapes: D latents, F factors, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ifp.analysis.information.intervals import LEAST_SHOWN, LEVEL, ROUNDING
from ifp.analysis.information.per_latent import Information
from ifp.codes import ACTIVE_NATS as ACTIVE_NATS

COLLAPSED_NATS = 0.01
"""A latent with a KL below this is collapsed (the usual threshold for pruning dead codes); above it, and below
ACTIVE_NATS, it is weak."""
HELD_NMI = 0.05
"""A latent holds a factor when its NMI is above the noise and exceeds its floor by this share of the entropy."""
ACTIVE, WEAK, COLLAPSED = "active", "weak", "collapsed"

SEPARATOR = "; "
"""This stands between the latents of `held_by`, and between the factors of `holds`."""


def latent_status(kl_nats: float) -> str:
    """Active, weak or collapsed.

    >>> [latent_status(kl) for kl in (2.5, 0.1, 0.03, 0.001)]
    ['active', 'active', 'weak', 'collapsed']
    """
    return ACTIVE if kl_nats >= ACTIVE_NATS else COLLAPSED if kl_nats < COLLAPSED_NATS else WEAK


def noise_ceiling_nmi_DF(information: Information, *, level: float = LEVEL) -> np.ndarray:
    """The NMI that none of the D x F pairs passes by chance, with probability `level`.

    `floor_high_nats_DF` is a quantile (95 %) of one pair alone; looking for the largest of D x F needs the
    level ** (1 / DF) quantile, which 100 permutations do not reach. The null distribution of plug-in information is
    close to a scaled chi-square, so its shape is taken from the floor's mean and quantile and carried outward; the
    result is at most 9 % too high (1 degree of freedom), from 5 degrees on within 2 %. Permutations know each shape
    roughly, and the largest of many pairs picks those that were guessed too narrow: a shape counts as no narrower than
    the average of its factor's.

    References
    ----------
    Wilson and Hilferty, PNAS 17 (1931), for the chi-square quantiles; Sidak, JASA 62 (1967), for the level.
    """
    mean_DF, high_DF = information.floor_nmi_DF, information.floor_high_nmi_DF
    at_high = NormalDist().inv_cdf(information.settings["level"])
    at_level = NormalDist().inv_cdf(level ** (1 / max(mean_DF.size, 1)))

    def over_mean_DF(shape_DF: np.ndarray, at: float) -> np.ndarray:
        return (1 - shape_DF**2 + shape_DF * at) ** 3

    # over_mean(shape, at_high) = high / mean, solved for the shape
    root_DF = np.cbrt(np.divide(high_DF, mean_DF, out=np.ones_like(mean_DF), where=mean_DF > 0))
    shape_DF = (at_high - np.sqrt(np.maximum(at_high**2 - 4 * (root_DF - 1), 0))) / 2
    scale_DF = high_DF / over_mean_DF(shape_DF, at_high)
    return scale_DF * over_mean_DF(np.maximum(shape_DF, shape_DF.mean(axis=0)), at_level) + ROUNDING


def above_noise(nmi: np.ndarray, floor_nmi: np.ndarray, ceiling_nmi: np.ndarray) -> np.ndarray:
    """Whether an NMI is more than noise: above its ceiling, and above its floor by what two decimals show.

    >>> above_noise(np.array([0.2, 0.2, 0.104]), np.array([0.1, 0.1, 0.1]), np.array([0.15, 0.3, 0.102])).tolist()
    [True, False, False]
    """
    return np.asarray((nmi > ceiling_nmi) & (nmi - floor_nmi >= LEAST_SHOWN))


def above_noise_DF(information: Information) -> np.ndarray:
    """`above_noise` of each latent and factor: tables, sentences and figures all go by it."""
    return above_noise(information.nmi_DF, information.floor_nmi_DF, noise_ceiling_nmi_DF(information))


def held_DF(information: Information) -> np.ndarray:
    """Whether each latent holds each factor: above the noise, and by at least `HELD_NMI` of the factor's entropy."""
    return np.asarray(above_noise_DF(information) & (information.nmi_DF - information.floor_nmi_DF >= HELD_NMI))


@dataclass(frozen=True, eq=False)
class FactorNumbers:
    """The measures of each factor, [..., F]: the estimates [F], their resamples [B, F] or the bias by the floor [F].

    excess_nmi1, excess_nmi2 : the largest NMI less the latent's own floor, and the second. carriers : NaN for a factor
    of which no latent is above the noise.
    """

    nmi1: np.ndarray
    nmi2: np.ndarray
    excess_nmi1: np.ndarray
    excess_nmi2: np.ndarray
    carriers: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """NMI1 - NMI2; its mean over factors is the MIG."""
        return self.nmi1 - self.nmi2


def factor_numbers(information: Information) -> tuple[FactorNumbers, FactorNumbers, FactorNumbers]:
    """The measures of each factor, their bootstrap replicates, and their bias as the floor has it.

    carriers = exp(entropy of the excess NMI over latents, scaled to sum to 1): 1 when one latent holds the factor, 2
    when two hold it equally. The excess is over the permuted floor and counts for latents above the noise alone; which
    those are is decided once, not in each resample.
    """
    nmi_DF, boot_BDF = information.nmi_DF, information.bootstrap_nmi_BDF
    above_DF = above_noise_DF(information)
    # the resamples' added bias is taken off before the floor is, or weak latents would weigh too much in them
    centred_BDF = boot_BDF - (boot_BDF.mean(axis=0) - nmi_DF)
    floor_DF = information.floor_nmi_DF
    excess_DF = nmi_DF - floor_DF
    estimate = FactorNumbers(*_two_largest(nmi_DF), *_two_largest(excess_DF), _carriers(excess_DF * above_DF))
    boot = FactorNumbers(
        *_two_largest(boot_BDF), *_two_largest(centred_BDF - floor_DF), _carriers((centred_BDF - floor_DF) * above_DF)
    )
    # the excess has the floor off already: its bias is what the resamples say beyond the floor
    beyond_DF = boot_BDF.mean(axis=0) - nmi_DF - floor_DF
    floor = FactorNumbers(
        *_two_first(floor_DF, nmi_DF), *_two_first(beyond_DF, excess_DF), boot.carriers.mean(axis=0) - estimate.carriers
    )
    return estimate, boot, floor


def _two_largest(nmi_DF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest and second over the latents [..., D, F]; of a single latent the second is 0."""
    if nmi_DF.shape[-2] == 1:
        return nmi_DF[..., 0, :], np.zeros_like(nmi_DF[..., 0, :])
    top_DF = np.partition(nmi_DF, nmi_DF.shape[-2] - 2, axis=-2)
    return top_DF[..., -1, :], top_DF[..., -2, :]


def _two_first(values_DF: np.ndarray, rank_DF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values [F] of the two latents that rank highest; of a single latent the second is 0."""
    sorted_DF = np.take_along_axis(values_DF, np.argsort(-rank_DF, axis=0, kind="stable"), axis=0)
    return sorted_DF[0], sorted_DF[1] if len(sorted_DF) > 1 else np.zeros(values_DF.shape[1])


def _carriers(excess_DF: np.ndarray) -> np.ndarray:
    """exp(entropy) of the excess over latents, [..., F]; NaN where there is none."""
    excess_DF = np.maximum(excess_DF, 0)
    total_F = excess_DF.sum(axis=-2, keepdims=True)
    share_DF = np.divide(excess_DF, total_F, out=np.full_like(excess_DF, np.nan), where=total_F > 0)
    return np.asarray(np.exp(-(share_DF * np.log(np.where(share_DF > 0, share_DF, 1))).sum(axis=-2)))
