"""The two likelihoods, in nats an image: summed over pixels and channels.

bernoulli: cross-entropy of images in [0, 1] against probabilities (grey values allowed).
gaussian:  squared error / (2 sigma^2), without the constant log(2 pi sigma^2) / 2 a pixel.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from ifp.errors import IfpError, bad_value, unknown_name

LIKELIHOODS = ("bernoulli", "gaussian")
LOGIT_LIMIT = 6.0
"""The output bias of a fresh Bernoulli decoder stays within this many nats, so that no pixel starts saturated."""
SIGMA_RANGE = (1e-30, 1e30)
"""Beyond these, costs (over sigma squared) and their products leave the range of float64."""


def check_likelihood(likelihood: str, sigma: float = 1.0) -> None:
    """Raise IfpError unless `likelihood` is known and `sigma` is a positive number whose inverse square is one too."""
    if likelihood not in LIKELIHOODS:
        raise unknown_name("likelihood", likelihood, LIKELIHOODS)
    if not (np.isfinite(sigma) and sigma > 0):
        raise bad_value("sigma", sigma, "a positive number")
    if not SIGMA_RANGE[0] <= sigma <= SIGMA_RANGE[1]:
        raise bad_value("sigma", sigma, f"between {SIGMA_RANGE[0]:g} and {SIGMA_RANGE[1]:g}, in units of a pixel")


def binary_entropy_nats(p: np.ndarray) -> np.ndarray:
    """h(p) = -p ln p - (1 - p) ln(1 - p), elementwise, nats."""
    return -xlogy(p, p) - xlogy(1 - p, 1 - p)


def as_pixels(images: np.ndarray, likelihood: str) -> np.ndarray:
    """Images of one traversal as float64 [N, pixels]; uint8 is divided by 255.

    Raises
    ------
    IfpError : fewer than 2 images, NaN, or values outside [0, 1] under the Bernoulli likelihood.
    """
    x = np.asarray(images)
    if x.ndim < 2 or len(x) < 2:
        raise IfpError(f"A traversal needs at least 2 images [N, ...], got an array of shape {x.shape}.")
    flat = x.reshape(len(x), -1)
    flat = flat / 255.0 if flat.dtype == np.uint8 else flat.astype(np.float64)
    if not np.isfinite(flat).all():
        raise IfpError("The images hold NaN or infinite values; replace them before annealing.")
    if likelihood == "bernoulli" and (flat.min() < 0 or flat.max() > 1):
        raise IfpError(
            f"The Bernoulli likelihood needs images in [0, 1], got {flat.min():.4g} to {flat.max():.4g}; "
            "rescale them or use the gaussian likelihood."
        )
    return flat
