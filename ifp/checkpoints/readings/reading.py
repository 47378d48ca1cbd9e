"""One way to read a file, tried on images: its moments, and what its decoder finds again in codes that are drawn.

`ifp.checkpoints.readings.bench` tries them. Shapes: M images that are reconstructed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ifp.checkpoints.readings.moment_test import MomentTest
from ifp.checkpoints.vae import Vae

CONFIRMED = 0.2
"""A reading is confirmed when its draws save this share of what a perfect decoder would save over the mean image."""
CONTRADICTED = -0.1
"""One that loses this much to the mean image is contradicted, whatever its moments."""
_ERRORS = 3.0
"""A difference counts when it is this many standard errors from 0."""


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What the decoder makes of a reading's codes.

    Attributes
    ----------
    of_means, of_draws : share of what a perfect decoder of these images would save over their mean image, by codes at
        the posteriors' means and by one draw of each: 1 is perfect, 0 no better than the mean image. A perfect decoder
        pays what is left where the image itself is the fitted probability, which for grey values is not 0.
    cost_M, kl_M : of one draw of z, nats an image, and the KL of its posterior.
    """

    of_means: float
    of_draws: float
    cost_M: np.ndarray
    kl_M: np.ndarray

    def objective_nats(self, beta: float) -> float:
        """Mean cost of a draw + beta KL."""
        return float(self.cost_M.mean() + beta * self.kl_M.mean())

    def beats(self, other: Reconstruction, betas: tuple[float, ...]) -> bool:
        """Whether its objective is smaller at every one of `betas`, by more than the images' chance."""
        return all(self._beats(other, beta) for beta in betas)

    def _beats(self, other: Reconstruction, beta: float) -> bool:
        mine_M, theirs_M = (one.cost_M + beta * one.kl_M for one in (self, other))
        if not (np.isfinite(mine_M).all() and np.isfinite(theirs_M).all()):
            return bool(np.isfinite(mine_M).all())
        saved_M = theirs_M - mine_M
        return bool(saved_M.mean() > _ERRORS * saved_M.std() / math.sqrt(len(saved_M)))


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read a file, tried: its moments and, where there is a decoder, what that finds again."""

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
        """Whether the decoder finds the images again in codes that are drawn, which no misread encoder allows."""
        return self.drawn is not None and self.drawn >= CONFIRMED

    @property
    def contradicted(self) -> bool:
        """Whether the decoder makes of the codes what is worse than the mean image."""
        return self.drawn is not None and self.drawn <= CONTRADICTED

    @property
    def passed(self) -> bool:
        """Whether the moments are right and the decoder does not contradict them."""
        return self.test.passed and not self.contradicted
