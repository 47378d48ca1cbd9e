"""Reading: one way to read a file, with the results of trying it on images (`ifp.checkpoints.readings.bench`).

Shapes: M images that are reconstructed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ifp.checkpoints.readings.moment_test import MomentTest
from ifp.checkpoints.vae import Vae

OWN_READING = "as the code base does it"
"""The name of the code base's reading if it has only one."""
CONFIRMED = 0.2
"""A reading is confirmed if its draws save at least this share of what a perfect decoder would save over the mean
image."""
CONTRADICTED = -0.1
"""A reading is contradicted, whatever its moments, if its draws save at most this share, which is a loss."""
_ERRORS = 3.0
"""A difference counts if it is more than this many standard errors from 0."""


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The results of decoding the codes of a reading.

    Attributes
    ----------
    of_means, of_draws : share of the cost that a perfect decoder would save over the mean image, for codes at the
        posteriors' means and for one draw of each posterior: 1 is perfect, and 0 is no better than the mean image. A
        perfect decoder gives the image itself, whose cost under a Bernoulli likelihood is not 0 for grey pixels.
    cost_M, kl_M : cost of one draw and KL of the posterior, in nats per image.
    """

    of_means: float
    of_draws: float
    cost_M: np.ndarray
    kl_M: np.ndarray

    def objective_nats(self, beta: float) -> float:
        """The mean cost of a draw + beta KL."""
        return float(self.cost_M.mean() + beta * self.kl_M.mean())

    def beats(self, other: Reconstruction, betas: tuple[float, ...]) -> bool:
        """Whether its objective is smaller at every one of `betas`, by more than chance over images explains."""
        return all(self._beats(other, beta) for beta in betas)

    def _beats(self, other: Reconstruction, beta: float) -> bool:
        own_M, other_M = (tried.cost_M + beta * tried.kl_M for tried in (self, other))
        if not (np.isfinite(own_M).all() and np.isfinite(other_M).all()):
            return bool(np.isfinite(own_M).all())
        saved_M = other_M - own_M
        return bool(saved_M.mean() > _ERRORS * saved_M.std() / math.sqrt(len(saved_M)))


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read a file, with the results of trying it.

    Attributes
    ----------
    name : the reading in words.
    vae : the model when read in this way.
    test : the moment test.
    reconstruction : the results of decoding its codes; None if there is no decoder.
    """

    name: str
    vae: Vae
    test: MomentTest
    reconstruction: Reconstruction | None

    @property
    def explained(self) -> float | None:
        """See `Reconstruction.of_means`."""
        return None if self.reconstruction is None else self.reconstruction.of_means

    @property
    def drawn(self) -> float | None:
        """See `Reconstruction.of_draws`."""
        return None if self.reconstruction is None else self.reconstruction.of_draws

    @property
    def confirmed(self) -> bool:
        """Whether the decoder reconstructs images from draws, which it cannot do if the encoder is misread."""
        return self.drawn is not None and self.drawn >= CONFIRMED

    @property
    def contradicted(self) -> bool:
        """Whether the decoder's images are clearly worse than the mean image."""
        return self.drawn is not None and self.drawn <= CONTRADICTED

    @property
    def passed(self) -> bool:
        """Whether the moments are right and the decoder does not contradict the reading."""
        return self.test.passed and not self.contradicted
