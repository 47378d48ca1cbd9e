"""What a latent says of the image and of its factors, from the posteriors themselves: differential entropies of
mixtures of Gaussians, integrated on a grid.

I(z; x) = h(q(z)) - mean over images of h(q(z | x)), I(z; y) = h(q(z)) - sum over values of p(y) h(q(z | y)), where q(z)
and q(z | y) are the mixtures of the posteriors of all images and of those with value y.

Shapes: N images, F factors, V values of all factors, G grid points.
"""

from __future__ import annotations

import numpy as np

from ifp.analysis.information.mutual_information import stacked_rows

MAX_POINTS = 4096
REACH = 8.0
CHUNK_ENTRIES = 4_000_000


def posterior_information_nats(
    mean_N: np.ndarray, logvar_N: np.ndarray, factors_NF: np.ndarray
) -> tuple[float, np.ndarray]:
    """I(z; x) and I(z; y) of each factor [F], nats, for one latent with posteriors N(mean, exp(logvar)).

    The grid steps by half the smallest standard deviation, which makes the integrals exact to about 1e-9. It has at
    most 4096 points: posteriors narrower than two steps of that grid (1/2000 of the range) are widened to two steps.
    I(z; x) cannot exceed log N.
    """
    rows_FN, starts = stacked_rows(factors_NF)
    sigma_N = np.exp(0.5 * logvar_N)
    narrow = max(float(sigma_N.min()), 2 * (np.ptp(mean_N) + 2 * REACH * sigma_N.max()) / (MAX_POINTS - 2 * REACH - 2))
    sigma_N = np.maximum(sigma_N, narrow)
    low, high = (mean_N - REACH * sigma_N).min(), (mean_N + REACH * sigma_N).max()
    grid_G = np.linspace(low, high, int(np.ceil((high - low) / (narrow / 2))) + 1)
    step = float(grid_G[1] - grid_G[0])
    density_VG = np.zeros((starts[-1], len(grid_G)))
    chunk = max(CHUNK_ENTRIES // len(grid_G), 1)
    for begin in range(0, len(mean_N), chunk):
        part = slice(begin, begin + chunk)
        scaled_NG = (grid_G - mean_N[part, None]) / sigma_N[part, None]
        density_NG = np.exp(-0.5 * scaled_NG**2) / (np.sqrt(2 * np.pi) * sigma_N[part, None])
        held_VN = np.zeros((starts[-1], len(density_NG)))
        held_VN[rows_FN[:, part], np.arange(len(density_NG))] = 1.0
        density_VG += held_VN @ density_NG
    count_V = np.bincount(rows_FN.ravel(), minlength=int(starts[-1]))
    used_V = count_V > 0
    whole_G = density_VG[: starts[1]].sum(axis=0) / len(mean_N)
    entropy = float(_entropies_nats(whole_G[None], step)[0])
    given_V = np.zeros(len(count_V))
    given_V[used_V] = _entropies_nats(density_VG[used_V] / count_V[used_V, None], step)
    given_F = np.add.reduceat(count_V * given_V, starts[:-1]) / len(mean_N)
    image = entropy - float(0.5 * np.log(2 * np.pi * np.e) + np.log(sigma_N).mean())
    # rounding alone can take these below 0
    return max(image, 0.0), np.maximum(entropy - given_F, 0.0)


def _entropies_nats(density_KG: np.ndarray, step: float) -> np.ndarray:
    """Differential entropy [K] of densities on a grid, nats."""
    logs_KG = np.log(np.maximum(density_KG, np.finfo(np.float64).tiny))
    return np.asarray(-(density_KG * logs_KG).sum(axis=1) * step)
