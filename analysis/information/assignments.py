"""Which cell of its range each latent of each image falls in: wholly for a histogram, by shares for a posterior.

Both estimators of information are a count of such shares, so everything after this file is the same for both.

Shapes: N images, D latents, C columns (cells of all latents side by side), S strata, E inner edges of one latent.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from ifp.analysis.information.mutual_information import histogram_cells

MIN_CELLS, MAX_CELLS = 32, 128
CELLS_PER_DISTINCT = 8
"""Fewest and most cells of a latent in the posterior estimator; see `cell_counts`.

What this loses against a fine grid, nats, measured with a Gaussian aggregated posterior of variance 1, posteriors of
standard deviation s, and a factor of 40 equally frequent values that cuts the mean at its quantiles: 0.001 to 0.02
for s from 0.9 to 0.2, 0.013 to 0.023 for s from 0.1 to 0.03, 0.06 for s = 0.01; 0.003 at most for 3 values. A factor of
40 values held by separate clusters loses nothing when they are 100 standard deviations apart and 0.13 when they are 5.
Clusters that hold less than 1 / MAX_CELLS of the images may share a cell with a neighbour.
It can only lose (data-processing inequality).
"""

_STRATA = 16
"""Number of points of each Gaussian from which quantiles are taken."""
_GOLDEN = 0.6180339887498949
_VALLEY = 0.1
"""A gap counts as a valley if it takes at least this share of the stretch in which an edge may lie."""
_ROWS = 8192
"""Number of images in memory at a time."""


def histogram_assignments(mean_ND: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """One in the equal-width bin of each mean and zero elsewhere.

    Returns
    -------
    shares_NC : float32 [N, D * bins]. column_starts_D : where each latent's columns begin.
    """
    cells_DN = histogram_cells(mean_ND, bins)
    starts_D = np.arange(len(cells_DN)) * bins
    shares_NC = np.zeros((cells_DN.shape[1], len(cells_DN) * bins), dtype=np.float32)
    np.put_along_axis(shares_NC, (cells_DN + starts_D[:, None]).T, 1.0, axis=1)
    return shares_NC, starts_D


def posterior_assignments(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mass of each image's posterior N(mean, exp(logvar)) in each cell.

    The cells of a latent hold about equal shares of the aggregated posterior (the mean of all images' posteriors), so
    they are fine where codes are crowded, whatever the latent's scale; see `quantile_edges` and `cell_counts`.

    Returns
    -------
    shares_NC : float32 [N, C]. column_starts_D : where each latent's columns begin.
    """
    # beyond e^-150 and e^150 a standard deviation changes nothing but the arithmetic
    sigma_ND = np.exp(0.5 * np.clip(logvar_ND, -300.0, 300.0))
    edges_D = [
        quantile_edges(mean_N, sigma_N, int(cells))
        for mean_N, sigma_N, cells in zip(mean_ND.T, sigma_ND.T, cell_counts(mean_ND, logvar_ND), strict=True)
    ]
    starts = np.cumsum([0, *(len(edges_E) + 1 for edges_E in edges_D)])
    shares_NC = np.empty((len(mean_ND), starts[-1]), dtype=np.float32)
    for first in range(0, len(mean_ND), _ROWS):
        rows = slice(first, first + _ROWS)
        for latent, edges_E in enumerate(edges_D):
            inner_NE = ndtr((edges_E - mean_ND[rows, latent, None]) / sigma_ND[rows, latent, None])
            cells = slice(starts[latent], starts[latent + 1])
            shares_NC[rows, cells] = np.diff(inner_NE, axis=1, prepend=0.0, append=1.0)
    return shares_NC, starts[:-1]


def cell_counts(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> np.ndarray:
    """Cells for each latent [D]: some for each value it can tell apart, within limits.

    A latent with total variance T (of means and posteriors together) carries at most (ln T - mean logvar) / 2 nats
    about the image, because a Gaussian has the largest entropy of its variance (Cover and Thomas, theorem 8.6.5); the
    exponential of that is the number of values it can tell apart.
    """
    total_D = mean_ND.var(axis=0) + np.exp(np.minimum(logvar_ND, 300.0)).mean(axis=0)
    capacity_nats_D = 0.5 * (np.log(np.maximum(total_D, np.finfo(np.float64).tiny)) - logvar_ND.mean(axis=0))
    wanted_D = CELLS_PER_DISTINCT * np.exp(np.clip(capacity_nats_D, 0.0, 10.0))
    return np.clip(np.ceil(wanted_D), MIN_CELLS, MAX_CELLS).astype(np.intp)


def quantile_edges(mean_N: np.ndarray, sigma_N: np.ndarray, cells: int) -> np.ndarray:
    """Inner edges of at most `cells` cells of about equal mass under the mean of the N Gaussians, ascending [E].

    An edge near a valley of the density (a gap between neighbouring points as wide as a tenth of the stretch that the
    edge may choose from) moves into it, so that a code of separate clusters is cut between clusters, not through one.
    """
    # quantiles of each Gaussian, staggered from image to image so that they do not line up
    stagger_N = np.arange(1, len(mean_N) + 1) * _GOLDEN % 1.0
    level_NS = (np.arange(_STRATA) + stagger_N[:, None]) / _STRATA
    points = np.sort((mean_N[:, None] + sigma_N[:, None] * ndtri(level_NS)).ravel())
    edges = []
    for cell in range(1, cells):
        first = round((cell - 0.5) * len(points) / cells)
        window = points[first : round((cell + 0.5) * len(points) / cells) + 1]
        gap = np.diff(window)
        place = int(gap.argmax())
        if gap[place] < _VALLEY * (window[-1] - window[0]):
            place = round(cell * len(points) / cells) - 1 - first
        edges.append(0.5 * (window[place] + window[place + 1]))
    return np.unique(edges)
