"""The moment test: does a model, read in this way, behave as a trained VAE must?

Multiply latent j by a and divide the decoder's first layer by a: the reconstruction stays, and the derivative of the
KL to N(0, 1) at a = 1 is E[mean_j^2 + variance_j] - 1. At a minimum it vanishes (so does E[mean_j], by a shift), so
Var(mean_j) + E[variance_j] = 1 for every latent, whatever beta, capacity or total-correlation penalty. A wrong head
layout, log sigma for log variance, a wrong activation or a wrong input scaling break this. Void for autoencoders, for
training that was stopped early, and where beta is so small that the KL's pull is lost in the noise of training.

Shapes: N images, D latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifp.codes import kl_nats

TOLERANCE = 0.3
"""A median deviation above this means that the model was probably misread."""
ACTIVE_NATS = 0.1
"""A latent whose KL exceeds this takes part."""


@dataclass(frozen=True, eq=False)
class MomentTest:
    """`moment_D` is Var(mean_j) + E[variance_j]; `deviation` the median of its distance from 1 over active latents."""

    moment_D: np.ndarray
    active_D: np.ndarray
    deviation: float

    @property
    def passed(self) -> bool:
        """Whether the deviation is within TOLERANCE."""
        return self.deviation <= TOLERANCE


def moment_test(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> MomentTest:
    """The test on these posteriors; without an active latent all take part. Not finite means infinite deviation."""
    with np.errstate(over="ignore", invalid="ignore"):
        moment_D = mean_ND.var(axis=0) + np.exp(logvar_ND).mean(axis=0)
        active_D = kl_nats(mean_ND, logvar_ND).mean(axis=0) > ACTIVE_NATS
        counted_D = active_D if active_D.any() else np.ones_like(active_D)
        deviation = float(np.median(np.abs(moment_D[counted_D] - 1)))
    return MomentTest(moment_D, active_D, deviation if np.isfinite(deviation) else np.inf)
