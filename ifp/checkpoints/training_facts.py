"""How a checkpoint was trained, as far as anything says: its likelihood, and its beta in our units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ifp.checkpoints.rebuild.image_shapes import ImageShape
from ifp.checkpoints.vae import Assumption
from ifp.theory.beta_units import to_nats

TC_ALONE = "; it weighs the total correlation alone"
"""The beta of a beta-TCVAE is no pressure on the KL, which has the weight 1 beside it."""
_COSTS = {"gaussian": "the squared error", "laplace": "the absolute error"}


@dataclass(frozen=True)
class Beta:
    """Weight of the KL in nats per image, None where nothing says; and how it was reached.

    `capacity_nats` is where the KL was held in place of a weight, None where it was not.
    """

    value: float | None
    said: Assumption
    capacity_nats: float | None = None


@dataclass(frozen=True)
class Training:
    """Likelihood as in `Vae`, how often it was counted beside the KL of weight beta, and where that is from."""

    likelihood: str
    source: str
    beta: Beta
    weight: float = 1.0

    @property
    def about_likelihood(self) -> Assumption:
        """What the user should know of the likelihood.

        >>> Training("gaussian", "the file", no_beta("not stated"), weight=255).about_likelihood.value
        'gaussian: 255 x the squared error'
        """
        cost = _COSTS.get(self.likelihood, "")
        times = "" if self.weight == 1 else f"{self.weight:g} x "
        return Assumption("likelihood", f"{self.likelihood}: {times}{cost}" if cost else self.likelihood, self.source)


def stated_beta(
    value: float | None,
    name: str,
    convention: str,
    image_shape: ImageShape,
    latents: int,
    note: str = "",
    *,
    kld_weight: float | None = None,
    pixel_variance: float = 1.0,
) -> Beta:
    """The beta of the file's setting `name` = `value`, in the units of `convention` (see `ifp.theory.beta_units`).

    Parameters
    ----------
    note : what else is to be known.
    kld_weight : replaces the convention's own.
    pixel_variance : std^2 of pixels that were standardised, whose squared errors are 1 / std^2 as large.

    Raises
    ------
    IfpError : see `ifp.theory.beta_units.to_nats`.
    """
    if value is None:
        return no_beta(f"not stated ({name} is missing or no number)")
    beta = to_nats(value, convention, shape=image_shape, latents=latents, kld_weight=kld_weight).beta * pixel_variance
    if not math.isfinite(beta):
        return no_beta(f"none: {name} = {value:g} is beyond any number in our units")
    return Beta(beta, Assumption("beta", f"{beta:g} ({name} = {value:g}, units of {convention}){note}", "the file"))


def held_at(capacity: float | None) -> Beta:
    """No beta: the KL was held at a capacity that rose to so many nats.

    >>> held_at(25.0).said.value
    'none: the KL was held at a capacity that rose to C = 25 nats'
    """
    rose = "an unknown C" if capacity is None else f"C = {capacity:g} nats"
    return Beta(
        None, Assumption("beta", f"none: the KL was held at a capacity that rose to {rose}", "the file"), capacity
    )


def no_beta(why: str) -> Beta:
    """No single beta, or none that is known."""
    return Beta(None, Assumption("beta", why, "the file"))
