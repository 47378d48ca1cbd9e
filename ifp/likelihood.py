"""The two likelihoods, in nats per image: summed over pixels and channels.

bernoulli: cross-entropy of images in [0, 1] against probabilities (grey values allowed).
gaussian:  squared error / (2 sigma^2), without the constant log(2 pi sigma^2) / 2 per pixel.

Settings and files name a likelihood by a word and a sigma; inside, it is one object, `Bernoulli()` or `Gaussian(sigma)`
(`as_likelihood`). Its methods on tensors are written so that this module loads no torch.

Shapes: N images, P pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import xlogy

from ifp.errors import IfpError, bad_value, unknown_name
from ifp.system.settings import check_positive

if TYPE_CHECKING:
    from torch import Tensor

LIKELIHOODS = ("bernoulli", "gaussian")
LOGIT_LIMIT = 6.0
"""The output bias of a fresh Bernoulli decoder stays within this many nats, so that no pixel starts saturated."""
SIGMA_RANGE = (1e-30, 1e30)
"""Beyond these, costs (over sigma squared) and their products leave the range of float64."""


class Likelihood(ABC):
    """How images are scored against what a decoder gives for them.

    Attributes
    ----------
    name : the word in settings and files.
    by_distance : whether the cost depends on squared distances alone, so that images may be rotated.
    inverse_variance : the cost's derivative in a decoder's output is this times (fitted - x).
    """

    name: ClassVar[str]
    by_distance: ClassVar[bool]

    @property
    @abstractmethod
    def inverse_variance(self) -> float: ...

    def as_pixels(self, images: np.ndarray) -> np.ndarray:
        """Images of one traversal as float64 [N, P]; uint8 is divided by 255.

        Raises
        ------
        IfpError : fewer than 2 images, no pixels, NaN, or values outside [0, 1] under the Bernoulli likelihood.
        """
        x = np.asarray(images)
        if x.ndim < 2 or len(x) < 2:
            raise IfpError(f"A traversal needs at least 2 images [N, ...], got an array of shape {x.shape}.")
        if x.size == 0:
            raise IfpError(f"The images need at least 1 pixel, got images of shape {x.shape[1:]}.")
        if x.dtype.kind not in "fiub":
            raise IfpError(f"The images must be numbers, got {x.dtype} values.")
        flat = x.reshape(len(x), -1)
        flat = flat / 255.0 if flat.dtype == np.uint8 else flat.astype(np.float64)
        if not np.isfinite(flat).all():
            raise IfpError("The images hold NaN or infinite values; replace them before annealing.")
        return flat

    @abstractmethod
    def variance(self, mean_P: np.ndarray) -> np.ndarray:
        """The variance of each pixel around a decoded image, [P]: one over the curvature of the cost there."""

    @abstractmethod
    def constant_nats(self, pixels_P: np.ndarray) -> float:
        """What pixels that never change cost at the best decoder."""

    @abstractmethod
    def cost(self, out: Tensor, x: Tensor) -> Tensor:
        """The cost of each pixel, of a decoder's output: logits (bernoulli) or means (gaussian)."""

    @abstractmethod
    def cost_into(self, cost: Tensor, out: Tensor, x: Tensor) -> None:
        """`cost` of each pixel into memory that is there, without a gradient."""

    @abstractmethod
    def summed_cost(self, out: Tensor, x: Tensor) -> Tensor:
        """The cost summed over pixels, [..., P] -> [...], in the order that automatic differentiation is fastest in."""

    @abstractmethod
    def fitted(self, out: Tensor) -> Tensor:
        """The image that a decoder's output stands for: the mean of each pixel."""

    @abstractmethod
    def residual(self, out: Tensor, x: Tensor) -> Tensor:
        """fitted - x of each pixel, as a new tensor."""

    @abstractmethod
    def output_for(self, mean: Tensor) -> Tensor:
        """The decoder's output that stands for this mean image."""


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Cross-entropy of images in [0, 1] against probabilities."""

    name: ClassVar[str] = "bernoulli"
    by_distance: ClassVar[bool] = False
    inverse_variance: ClassVar[float] = 1.0

    def as_pixels(self, images: np.ndarray) -> np.ndarray:
        """See `Likelihood.as_pixels`."""
        flat = super().as_pixels(images)
        if flat.min() < 0 or flat.max() > 1:
            raise IfpError(
                f"The Bernoulli likelihood needs images in [0, 1], got {flat.min():.4g} to {flat.max():.4g}; "
                "rescale them or use the gaussian likelihood."
            )
        return flat

    def variance(self, mean_P: np.ndarray) -> np.ndarray:
        """m (1 - m)."""
        return mean_P * (1 - mean_P)

    def constant_nats(self, pixels_P: np.ndarray) -> float:
        """Their entropy."""
        return float(binary_entropy_nats(pixels_P).sum())

    def cost(self, out: Tensor, x: Tensor) -> Tensor:
        """See `Likelihood.cost`."""
        from torch.nn.functional import softplus

        return softplus(out) - x * out

    def cost_into(self, cost: Tensor, out: Tensor, x: Tensor) -> None:
        """See `Likelihood.cost_into`."""
        from torch import ops

        ops.aten.softplus(out, out=cost).addcmul_(out, x, value=-1)

    def summed_cost(self, out: Tensor, x: Tensor) -> Tensor:
        """See `Likelihood.summed_cost`."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(out, x, reduction="none").sum(-1)

    def fitted(self, out: Tensor) -> Tensor:
        """The probabilities."""
        return out.sigmoid()

    def residual(self, out: Tensor, x: Tensor) -> Tensor:
        """See `Likelihood.residual`."""
        return out.sigmoid().sub_(x)

    def output_for(self, mean: Tensor) -> Tensor:
        """Its logits, within `LOGIT_LIMIT`."""
        return mean.logit().clamp(-LOGIT_LIMIT, LOGIT_LIMIT)


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Squared error / (2 sigma^2).

    Raises
    ------
    IfpError : a sigma that is not a positive number, or whose inverse square is none.
    """

    sigma: float = 1.0
    name: ClassVar[str] = "gaussian"
    by_distance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)
        if not SIGMA_RANGE[0] <= self.sigma <= SIGMA_RANGE[1]:
            allowed = f"between {SIGMA_RANGE[0]:g} and {SIGMA_RANGE[1]:g}, in units of a pixel"
            raise bad_value("sigma", self.sigma, allowed)

    @property
    def inverse_variance(self) -> float:
        """1 / sigma^2."""
        return 1.0 / self.sigma**2

    def variance(self, mean_P: np.ndarray) -> np.ndarray:
        """sigma^2."""
        return np.full_like(mean_P, self.sigma**2)

    def constant_nats(self, pixels_P: np.ndarray) -> float:
        """Nothing: a decoder gives them as they are."""
        return 0.0

    def cost(self, out: Tensor, x: Tensor) -> Tensor:
        """See `Likelihood.cost`."""
        return (out - x) ** 2 / (2 * self.sigma**2)

    def cost_into(self, cost: Tensor, out: Tensor, x: Tensor) -> None:
        """See `Likelihood.cost_into`."""
        from torch import sub

        sub(out, x, out=cost).square_().mul_(self.inverse_variance / 2)

    def summed_cost(self, out: Tensor, x: Tensor) -> Tensor:
        """See `Likelihood.summed_cost`."""
        return (out - x).square().sum(-1) / (2 * self.sigma**2)

    def fitted(self, out: Tensor) -> Tensor:
        """The output itself."""
        return out

    def residual(self, out: Tensor, x: Tensor) -> Tensor:
        """See `Likelihood.residual`."""
        return out - x

    def output_for(self, mean: Tensor) -> Tensor:
        """The mean image itself."""
        return mean


def as_likelihood(likelihood: str | Likelihood, sigma: float = 1.0) -> Likelihood:
    """The likelihood of this name ("bernoulli" or "gaussian") and sigma; one that is there already is given back.

    Raises
    ------
    IfpError : an unknown name, or a sigma out of range (looked at under every name).

    Examples
    --------
    >>> as_likelihood("gaussian", 0.3), as_likelihood("bernoulli")
    (Gaussian(sigma=0.3), Bernoulli())
    """
    if isinstance(likelihood, Likelihood):
        return likelihood
    if likelihood not in LIKELIHOODS:
        raise unknown_name("likelihood", likelihood, LIKELIHOODS)
    gaussian = Gaussian(sigma)
    return gaussian if likelihood == "gaussian" else Bernoulli()


def binary_entropy_nats(p: np.ndarray) -> np.ndarray:
    """h(p) = -p ln p - (1 - p) ln(1 - p), elementwise, nats."""
    return -xlogy(p, p) - xlogy(1 - p, 1 - p)
