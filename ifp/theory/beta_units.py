"""Other projects' beta in our units: nats per image, reconstruction summed over pixels, KL summed over latents.

A project's loss, averaged over images, is `weight * cost + kld_weight * b * KL`, where the cost is a sum over pixels or
their mean, and the KL a sum over latents or their mean. Multiplying a loss by a number leaves its minimum where it is,
so what counts is the ratio of the two weights once both are sums:

    beta = b * kld_weight / weight        x pixels if the cost is a mean        / latents if the KL is a mean

The cost is BCE (cross-entropy: our Bernoulli likelihood), SE (squared error) or L1 (absolute error). Our Gaussian
likelihood is SE / (2 sigma^2), for which only beta * 2 sigma^2 counts: sigma = sqrt(1/2), where it is SE itself, is the
reference, and `CanonicalBeta.at_sigma` gives the beta of the same model at another sigma. Nothing here holds for L1
but L1: no Gaussian has its minimum there.

Shapes: an image is (C, H, W); its pixels are C * H * W, channels counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ifp.errors import IfpError, bad_value
from ifp.theory.conventions import CONVENTIONS, find_convention

SIGMA_OF_SE = math.sqrt(0.5)
"""The sigma at which our Gaussian cost, SE / (2 sigma^2), is the squared error itself."""


@dataclass(frozen=True)
class CanonicalBeta:
    """A beta in our units.

    beta : weight of the KL in nats, next to the cost of `likelihood`.
    likelihood : "bernoulli", "gaussian", or "laplace" (summed L1, which the engine does not train).
    sigma : of the Gaussian, else None; beta belongs to this sigma.
    in_words : what the number assumes.
    """

    beta: float
    likelihood: str
    sigma: float | None
    in_words: str

    def at_sigma(self, sigma: float) -> CanonicalBeta:
        """The same model's beta beside SE / (2 sigma^2); IfpError unless the likelihood is Gaussian and sigma > 0."""
        if self.sigma is None:
            raise IfpError(f"sigma belongs to a Gaussian likelihood, and this beta to {self.likelihood}: leave it out.")
        if not (math.isfinite(sigma) and sigma > 0):
            raise bad_value("sigma", sigma, "a positive number")
        beta = _number(self.beta * (self.sigma / sigma) ** 2)
        return CanonicalBeta(beta, self.likelihood, sigma, _in_words(self.likelihood, sigma))


def to_nats(
    value: float,
    convention: str,
    *,
    shape: tuple[int, int, int] | None = None,
    latents: int | None = None,
    kld_weight: float | None = None,
) -> CanonicalBeta:
    """A project's beta in our units; a Gaussian's at sigma = sqrt(1/2), where the cost is the squared error.

    `shape` (C, H, W) and `latents` are needed where `CONVENTIONS[convention].needs` says so; `kld_weight` replaces the
    convention's own.

    Raises
    ------
    IfpError : an unknown convention; a negative or infinite value; shape or latents missing or below 1; a `kld_weight`
        that the convention does not have.
    """
    theirs = find_convention(convention)
    beta = _number(_number(value) * _factor(convention, shape, latents, kld_weight))
    sigma = SIGMA_OF_SE if theirs.likelihood == "gaussian" else None
    return CanonicalBeta(beta, theirs.likelihood, sigma, _in_words(theirs.likelihood, sigma))


def from_nats(
    beta: float,
    convention: str,
    *,
    shape: tuple[int, int, int] | None = None,
    latents: int | None = None,
    kld_weight: float | None = None,
    sigma: float | None = None,
) -> float:
    """Our beta (a Gaussian's at `sigma`, sqrt(1/2) when None) as the project's; arguments and errors of `to_nats`."""
    one = to_nats(1.0, convention, shape=shape, latents=latents, kld_weight=kld_weight)
    if sigma is not None:
        one = one.at_sigma(sigma)
    return _number(_number(beta) / one.beta)


def _factor(name: str, shape: tuple[int, int, int] | None, latents: int | None, kld_weight: float | None) -> float:
    theirs = CONVENTIONS[name]
    if shape is not None and (len(shape) != 3 or min(shape) < 1):
        raise bad_value("shape", shape, "three whole numbers of at least 1, channels, height, width, as in 3,64,64")
    if latents is not None and latents < 1:
        raise bad_value("latents", latents, "a whole number of at least 1")
    if shape is None and theirs.mean_pixels:
        raise IfpError(f"{name} averages over pixels: give the images' shape, as in `shape=(3, 64, 64)`.")
    if latents is None and theirs.mean_latents:
        raise IfpError(f"{name} averages the KL over latents: give their number, as in `latents=10`.")
    if kld_weight is not None and theirs.kld_weight is None:
        raise IfpError(f"{name} has no kld_weight beside its beta: leave it out.")
    if kld_weight is not None and not (math.isfinite(kld_weight) and kld_weight > 0):
        raise bad_value("kld_weight", kld_weight, "a positive number")
    return theirs.factor(math.prod(shape or ()), latents or 1, kld_weight)


def _number(beta: float) -> float:
    if not (math.isfinite(beta) and beta >= 0):
        raise bad_value("beta", beta, "a finite number of at least 0")
    return float(beta)


def _in_words(likelihood: str, sigma: float | None) -> str:
    if likelihood == "bernoulli":
        cost = "Bernoulli likelihood, sum of cross-entropies"
    elif likelihood == "laplace":
        cost = "sum of absolute errors (L1), which has no Gaussian equivalent"
    else:
        assert sigma is not None
        scale = "" if math.isclose(2 * sigma**2, 1) else f" / {2 * sigma**2:.4g}"
        cost = f"Gaussian likelihood, sum of squared errors{scale}, i.e. sigma {sigma:.4g}"
    return f"nats per image: {cost}; KL summed over latents"
