"""The two closed-form edges of the freezing interval: milliseconds per traversal, no training.

The lower edge is where the collapsed state loses its stability, the upper edge where no encoder whatever can gain.
Both are derived in docs/theory.md.

Shapes: M traversals, N images of one, P distinct pixels, K leading eigenvectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd

from ifp.array_like import as_array, as_traversals
from ifp.likelihood import Likelihood, as_likelihood
from ifp.system.progress import Progress
from ifp.theory.flat import flat_recon_nats, is_flat
from ifp.theory.reduction import ReducedTraversal, reduce_traversal
from ifp.theory.upper_edge import upper_edge

Images = np.ndarray | Sequence[np.ndarray]

LEADING_MODES = 3
MANY_IMAGES = 2000
"""With more images than this, and half as many pixels at most, modes are those of the pixels' side of the data."""


@dataclass(frozen=True)
class FreezingBounds:
    """The interval that holds the equilibrium onset of each of M traversals.

    Attributes
    ----------
    beta_closed_form_M : the lower edge, float64.
    beta_upper_M : the upper edge, float64, never below the lower one; NaN where it was not asked for.
    """

    beta_closed_form_M: np.ndarray
    beta_upper_M: np.ndarray

    def __len__(self) -> int:
        return len(self.beta_closed_form_M)


def freezing_bounds(
    images: Images,
    likelihood: str | Likelihood = "bernoulli",
    *,
    sigma: float = 1.0,
    upper: bool = True,
    progress: Progress | None = None,
) -> FreezingBounds:
    """Both edges of the freezing interval, in units of beta (KL summed over latents, reconstruction over pixels).

    Parameters
    ----------
    images : one traversal [N, ...] (an array: the answer then has length 1), or a sequence of traversals.
        uint8 is divided by 255. An item of the sequence is read once, so it may be rendered on access.
    likelihood, sigma : see `ifp.likelihood`.
    upper : whether to compute the upper edge, which costs most of the time.
    progress : called after each traversal.

    Raises
    ------
    IfpError : images that do not suit the likelihood.

    Notes
    -----
    Where all images of a traversal are equal nothing can freeze at any beta: both edges are 0.

    References
    ----------
    docs/theory.md, "The lower edge" and "The upper edge".

    Examples
    --------
    Two opposite images of one pixel: the covariance of (x - m) / sqrt(m (1 - m)) is 1, and so are both edges.

    >>> bounds = freezing_bounds(np.array([[0.0], [1.0]]))
    >>> bounds.beta_closed_form_M.round(6), bounds.beta_upper_M.round(6)
    (array([1.]), array([1.]))
    """
    likelihood = as_likelihood(likelihood, sigma)
    traversals = as_traversals(images)
    lower = np.full(len(traversals), np.nan)
    above = np.full(len(traversals), np.nan)
    for index in range(len(traversals)):
        lower[index], above[index] = _edges(as_array(traversals[index], "images"), likelihood, upper)
        if progress is not None:
            progress("Closed form", index + 1, len(traversals))
    return FreezingBounds(lower, above)


def _edges(images: np.ndarray, likelihood: Likelihood, upper: bool) -> tuple[float, float]:
    """Lower and upper edge of one traversal, the upper one NaN where it is not asked for."""
    if is_flat(images):
        flat_recon_nats(images[0], likelihood)  # refuses what suits no likelihood
        return 0.0, 0.0 if upper else np.nan
    reduced = reduce_traversal(images, likelihood)
    eigenvalues_K, modes_NK = leading_modes(reduced, likelihood)
    lower = float(eigenvalues_K[0])
    return lower, upper_edge(reduced, likelihood, lower, modes_NK) if upper else np.nan


def leading_modes(
    reduced: ReducedTraversal, likelihood: Likelihood, count: int = LEADING_MODES
) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenvalues [K], falling, and unit eigenvectors [N, K] of the scaled Gram matrix.

    The first eigenvalue is the lower edge; its eigenvector says which way the images are pulled apart at the onset.
    The scaled image is (x - m) / sqrt(m (1 - m)) for bernoulli and (x - m) / sigma for gaussian; the eigenvalues are
    those of its covariance. At most N - 1 of them are not zero; of more than `MANY_IMAGES` images of P pixels there are
    at most P.
    """
    x_NP, m_P = reduced.values_NP, reduced.mean_P
    scaled_NP = (x_NP - m_P) * np.sqrt(reduced.weight_P / likelihood.variance(m_P))
    n = len(x_NP)
    count = min(count, n - 1)
    if n > MANY_IMAGES and n > 2 * scaled_NP.shape[1]:
        # the Gram matrix has the rank of the pixels at most, and would take n^3 steps
        left_NK, singular_K, _ = svd(scaled_NP, full_matrices=False)
        count = min(count, len(singular_K))
        eigenvalues, vectors = singular_K[:count][::-1] ** 2 / n, left_NK[:, :count][:, ::-1]
    else:
        eigenvalues, vectors = eigh(scaled_NP @ scaled_NP.T / n, subset_by_index=[n - count, n - 1])
    modes_NK = vectors[:, ::-1]
    # an eigenvector's sign is arbitrary; fix it, so that results do not depend on the linear algebra library
    signs_K = np.sign(modes_NK[np.abs(modes_NK).argmax(axis=0), np.arange(count)])
    return eigenvalues[::-1].copy(), modes_NK * signs_K
