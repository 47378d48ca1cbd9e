"""The moment test asks whether a model, as it was read, behaves like a trained VAE; the prior test, on which images.

Multiply latent j by a and divide the decoder's first layer by a: the reconstruction stays, and the derivative of the
KL to N(0, 1) at a = 1 is E[mean_j^2 + variance_j] - 1. At a minimum it vanishes (so does E[mean_j], by a shift), so
Var(mean_j) + E[variance_j] = 1 for every latent, whatever beta, capacity or total-correlation penalty. A wrong order in
the head, a wrong activation or a wrong scaling of the input break this; log sigma read as log variance breaks it only
if the variances are not small. The test does not apply to autoencoders, to training that was stopped early, and to a
beta so small that the gradient of the KL is lost in the noise of training.

The moments are two numbers per latent. The dimension-wise KL, the sum over latents of KL(mean of all posteriors ||
N(0, 1)), depends on the whole distribution. For a trained VAE it is a small part of the KL on the data of training, and
most of it on other data or if the model was misread.

Shapes: N images, S samples, D latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ifp.codes import ACTIVE_NATS, kl_nats
from ifp.seeds import numpy_generator

TOLERANCE = 0.3
"""If the median deviation is larger than this, the model was probably misread."""
FOREIGN_SHARE = 0.4
"""Maximum share of the dimension-wise KL in the KL; it is 1 to 17 % for four public models on their own data and 49 to
100 % on others."""
FOREIGN_NATS = 0.5
"""A dimension-wise KL up to this passes whatever its share, since a nearly collapsed model may have a large share of a
very small KL."""
_SAMPLES = 1000
"""Number of draws for the dimension-wise KL."""
_MOST_IMAGES = 2000
"""Maximum number of images for the dimension-wise KL."""
_LARGEST_LOGVAR = 300.0
"""Log variances are clipped to this range, so that standard deviations neither overflow nor vanish."""


@dataclass(frozen=True, eq=False)
class MomentTest:
    """The result of the moment test.

    Attributes
    ----------
    moment_D : Var(mean_j) + E[variance_j].
    active_D : whether each latent is active.
    deviation : the median over active latents of the distance of the moment from 1.
    """

    moment_D: np.ndarray
    active_D: np.ndarray
    deviation: float

    @property
    def passed(self) -> bool:
        """Whether the deviation is within TOLERANCE."""
        return self.deviation <= TOLERANCE


@dataclass(frozen=True)
class PriorTest:
    """How far the posteriors of all images together are from the prior: the dimension-wise KL and the KL, in nats."""

    dimwise_kl_nats: float
    kl_nats: float

    @property
    def share(self) -> float:
        """The share of the dimension-wise KL in the KL; 0 if the KL is 0."""
        return self.dimwise_kl_nats / self.kl_nats if self.kl_nats > 0 else 0.0

    @property
    def passed(self) -> bool:
        """Whether the share or the dimension-wise KL itself is small."""
        return self.share <= FOREIGN_SHARE or self.dimwise_kl_nats <= FOREIGN_NATS


def moment_test(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> MomentTest:
    """The moment test of these posteriors.

    If no latent is active, all count. The deviation is infinite if a moment is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moment_D = mean_ND.var(axis=0) + np.exp(logvar_ND).mean(axis=0)
        active_D = kl_nats(mean_ND, logvar_ND).mean(axis=0) > ACTIVE_NATS
        counted_D = active_D if active_D.any() else np.ones_like(active_D)
        deviation = float(np.median(np.abs(moment_D[counted_D] - 1)))
    return MomentTest(moment_D, active_D, deviation if np.isfinite(deviation) else np.inf)


def laplace_deviation(location_ND: np.ndarray, log_scale_ND: np.ndarray) -> float:
    """The deviation of the moment test for Laplace posteriors with the prior Laplace(0, 1): at a minimum E|z_j| = 1.

    The derivative of KL(Laplace(a m, a b) || Laplace(0, 1)) at a = 1 is E|z| - 1, E|z| = |m| + b exp(-|m| / b). Latents
    whose E|z| is that of the prior at every image are collapsed and count only where all are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scale_ND, distance_ND = np.exp(log_scale_ND), np.abs(location_ND)
        size_ND = distance_ND + scale_ND * np.exp(-distance_ND / scale_ND)
        active_D = (size_ND - 1 - log_scale_ND).mean(axis=0) > ACTIVE_NATS
        counted_D = active_D if active_D.any() else np.ones_like(active_D)
        deviation = float(np.median(np.abs(size_ND.mean(axis=0)[counted_D] - 1)))
    return deviation if math.isfinite(deviation) else math.inf


def prior_test(mean_ND: np.ndarray, logvar_ND: np.ndarray, *, seed: int = 0) -> PriorTest:
    """The dimension-wise KL of these posteriors by Monte Carlo, over at most the first 2,000 images.

    q_j(z) = mean_n N(z; mean_nj, variance_nj), and KL(q_j || N(0, 1)) is the mean of log q_j - log p over 1,000 draws.
    Both KLs are infinite if the KL is not finite.
    """
    mean_ND, logvar_ND = mean_ND[:_MOST_IMAGES], logvar_ND[:_MOST_IMAGES]
    total = float(kl_nats(mean_ND, logvar_ND).mean(axis=0).sum())
    if not math.isfinite(total):
        return PriorTest(math.inf, math.inf)
    generator = numpy_generator(seed, "prior test")
    sigma_ND = np.exp(0.5 * np.clip(logvar_ND, -_LARGEST_LOGVAR, _LARGEST_LOGVAR))
    image_S = generator.permutation(np.resize(np.arange(len(mean_ND)), max(_SAMPLES, len(mean_ND))))[:_SAMPLES]
    dimwise = 0.0
    for mean_N, sigma_N in zip(mean_ND.T, sigma_ND.T, strict=True):
        z_S = mean_N[image_S] + sigma_N[image_S] * generator.standard_normal(len(image_S))
        log_SN = -0.5 * ((z_S[:, None] - mean_N) / sigma_N) ** 2 - np.log(sigma_N)
        largest_S = log_SN.max(axis=1)
        log_q_S = largest_S + np.log(np.exp(log_SN - largest_S[:, None]).mean(axis=1))
        dimwise += float((log_q_S + 0.5 * z_S**2).mean())
    return PriorTest(min(max(dimwise, 0.0), total), total)  # it lies between 0 and the KL except for chance
