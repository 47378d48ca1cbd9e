"""The upper edge of the freezing interval: the highest beta at which any encoder at all could gain.

With p the uniform weights of the N images, m their mean, q any other weights and m_q their weighted mean,

    beta_upper = sup over q != p of  Delta(m_q || m) / KL(q || p)

is minus the slope of the distortion-rate function at rate 0 (docs/theory.md, "The upper edge").

Shapes: N images, P distinct pixels, K modes, S starting points.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax, xlog1py

from ifp.likelihood import Gaussian, Likelihood
from ifp.theory.quasi_newton import least_values
from ifp.theory.reduction import ReducedTraversal

TILTS = np.geomspace(3e-3, 4.0, 16)
"""Sizes of the tilts along the modes, from near p, where the ratio tends to the lower edge, to far from it."""
SOFT = 0.03
"""A softened vertex has 1 - SOFT on one image and SOFT spread evenly: at the vertex itself the ascent stands still."""
BEST_VERTICES = 8
"""This many images with the highest ratio alone are starts; all images are scored."""
ASCENTS, SURVIVORS = 6, 6
"""Steps of the ascent for every start, after which the best are followed to their maximum."""
TOGETHER_IMAGES = 200
"""Up to so many images all starts are followed at once, with inverse Hessians as matrices."""
TINY_RATE_NATS = 1e-9
"""Below this rate the ratio is its limit, the lower edge, to rounding."""

Gain = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Weights q [S, N] -> Delta(m_q || m) [S] and its gradient in q [S, N], up to a constant per row (q sums to 1)."""


def upper_edge(
    reduced: ReducedTraversal, likelihood: Likelihood, beta_closed_form: float, modes_NK: np.ndarray
) -> float:
    """beta_upper of one traversal, never below `beta_closed_form`, the limit of the ratio as q goes to p.

    The ascent solves, for the best ratio beta so far, max over q of <gradient of Delta, q> - beta KL(q || p), whose
    answer is q_i ~ exp(gradient_i / beta). Delta is convex in q, so Delta - beta KL does not fall from its value 0,
    so the ratio rises at every step (concave-convex procedure inside Dinkelbach's method). It is slow near p and near a
    maximum; the best starts go on by a quasi-Newton method on the size and the direction of the tilt. The problem is
    not concave: what is returned is a lower bound of the supremum (docs/theory.md says how near it was found to be).

    Parameters
    ----------
    reduced : the traversal.
    likelihood : of the images.
    beta_closed_form : the lower edge.
    modes_NK : leading eigenvectors of the Gram matrix, the directions of the starts.
    """
    gain: Gain = partial(
        _gaussian_gain if isinstance(likelihood, Gaussian) else _bernoulli_gain,
        x_NP=reduced.values_NP,
        weight_P=reduced.weight_P / likelihood.sigma**2 if isinstance(likelihood, Gaussian) else reduced.weight_P,
    )
    vertex_N = _vertex_ratios(len(reduced.values_NP), gain)
    q_SN = np.concatenate([_tilts(gain, modes_NK), _softened_vertices(vertex_N)])
    for _ in range(ASCENTS):
        ratio_S, gradient_SN = _ratio(q_SN, gain)
        q_SN = softmax(gradient_SN / np.maximum(ratio_S, 1e-3 * beta_closed_form)[:, None], axis=1)
    ratio_S = _ratio(q_SN, gain)[0]
    # the tilts themselves go on too: an ascent that starts near p hardly moves
    near_SN = _tilts(gain, modes_NK)
    best_S = np.argsort(-ratio_S, kind="stable")[:SURVIVORS]
    near_S = np.argsort(-_ratio(near_SN, gain)[0], kind="stable")[: SURVIVORS // 2]
    polished = _maxima(np.concatenate([q_SN[best_S], near_SN[near_S]]), gain, beta_closed_form)
    return max(beta_closed_form, float(vertex_N.max()), float(ratio_S.max()), *polished)


def _ratio(q_SN: np.ndarray, gain: Gain) -> tuple[np.ndarray, np.ndarray]:
    """Delta / KL [S] (0 where q is p to rounding), and the gradient of Delta [S, N]."""
    delta_S, gradient_SN = gain(q_SN)
    rate_S = _rate_nats(q_SN)
    far_S = rate_S > TINY_RATE_NATS
    return np.where(far_S, delta_S / np.where(far_S, rate_S, 1.0), 0.0), gradient_SN


def _maxima(q_SN: np.ndarray, gain: Gain, beta_closed_form: float) -> np.ndarray:
    """The local maxima [S] of the ratio above these weights.

    q = softmax(size * direction). Near p the ratio is beta_closed_form (1 + c size + d size^2) along the leading mode
    (the expansion to second order), and falls by a constant for every unit of any other direction: in these variables
    its curvatures stay of one order however near p the maximum lies, while in q itself they part as 1 / size^2.
    """
    n = q_SN.shape[1]
    theta_SN = np.log(np.maximum(q_SN, 1e-300))
    mean_S1, top_S1 = theta_SN.mean(axis=1, keepdims=True), theta_SN.max(axis=1, keepdims=True)
    theta_SN = np.maximum(theta_SN - mean_S1, top_S1 - mean_S1 - 60.0)
    size_S1 = np.linalg.norm(theta_SN, axis=1, keepdims=True) / np.sqrt(n)
    away_S = size_S1[:, 0] > 0
    if not away_S.any():
        return np.zeros(1)

    def negative(v_SV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, direction = v_SV[:, :1], v_SV[:, 1:]
        q = softmax(size * direction, axis=1)
        delta, gradient = gain(q)
        rate = _rate_nats(q)
        far = rate > TINY_RATE_NATS
        rate = np.where(far, rate, 1.0)
        ratio = np.where(far, delta / rate, 0.0)
        by_q = (gradient - ratio[:, None] * np.log(np.maximum(q * n, 1e-300))) / rate[:, None]
        by_theta = q * (by_q - (q * by_q).sum(axis=1, keepdims=True))
        by_v = np.concatenate([(by_theta * direction).sum(axis=1, keepdims=True), size * by_theta], axis=1)
        return -ratio / beta_closed_form, np.where(far[:, None], -by_v / beta_closed_form, 0.0)

    start_SV = np.concatenate([size_S1[away_S], theta_SN[away_S] / size_S1[away_S]], axis=1)
    if n <= TOGETHER_IMAGES:
        return -least_values(negative, start_SV) * beta_closed_form

    def alone(v_V: np.ndarray) -> tuple[float, np.ndarray]:
        value_S, gradient_SV = negative(v_V[None])
        return float(value_S[0]), gradient_SV[0]

    options = {"ftol": 1e-13, "gtol": 1e-9, "maxiter": 300}
    least = [minimize(alone, v_V, jac=True, method="L-BFGS-B", options=options).fun for v_V in start_SV]
    return -np.array(least) * beta_closed_form


def _excess(change: np.ndarray) -> np.ndarray:
    """(1 + d) ln(1 + d) - d, elementwise, for d >= -1: the terms of both divergences, without loss of digits near 0."""
    return xlog1py(1 + change, change) - change


def _rate_nats(q_SN: np.ndarray) -> np.ndarray:
    """KL(q || uniform), nats."""
    n = q_SN.shape[1]
    return _excess(n * q_SN - 1).sum(axis=1) / n


def _bernoulli_gain(q_SN: np.ndarray, x_NP: np.ndarray, weight_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Delta [S] = sum over pixels of KL(Bern(m_q) || Bern(m)) and its gradient [S, N] in q."""
    m_P = x_NP.mean(axis=0)
    moved_SP = (q_SN - 1 / q_SN.shape[1]) @ x_NP
    on_SP, off_SP = np.maximum(moved_SP / m_P, -1.0), np.maximum(-moved_SP / (1 - m_P), -1.0)
    delta_S = (m_P * _excess(on_SP) + (1 - m_P) * _excess(off_SP)) @ weight_P
    # at an end of [0, 1] the finite logarithm below multiplies an exact zero
    tilt_SP = np.log1p(np.maximum(on_SP, -1 + 1e-16)) - np.log1p(np.maximum(off_SP, -1 + 1e-16))
    return delta_S, (tilt_SP * weight_P) @ x_NP.T


def _gaussian_gain(q_SN: np.ndarray, x_NP: np.ndarray, weight_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Delta [S] = |m_q - m|^2 / 2 in units of sigma^2 (in the weights) and its gradient [S, N] in q."""
    x_NP = x_NP - x_NP.mean(axis=0)
    moved_SP = (q_SN - 1 / q_SN.shape[1]) @ x_NP
    return 0.5 * (moved_SP**2) @ weight_P, (moved_SP * weight_P) @ x_NP.T


def _vertex_ratios(n: int, gain: Gain) -> np.ndarray:
    """The ratio [N] at every vertex, where KL(q || p) = ln N; in blocks, so that memory does not grow as N squared."""
    blocks = [gain(np.eye(n)[at : at + 256])[0] for at in range(0, n, 256)]
    return np.concatenate(blocks) / np.log(n)


def _tilts(gain: Gain, modes_NK: np.ndarray) -> np.ndarray:
    """Weights [S, N] tilted to both sides along each mode and the mixtures of the first two.

    Of each direction's sizes `TILTS` the two highest local maxima of the ratio are kept.
    """
    n, modes = modes_NK.shape
    directions = [*modes_NK.T]
    if modes > 1:
        directions += [(modes_NK[:, 0] + sign * modes_NK[:, 1]) / 2**0.5 for sign in (1, -1)]
    kept = []
    for direction in directions:
        for sign in (1, -1):
            q_SN = softmax(sign * TILTS[:, None] * np.sqrt(n) * direction, axis=1)
            ratio_S = _ratio(q_SN, gain)[0]
            peaks = [s for s in range(len(TILTS)) if ratio_S[s] == ratio_S[max(s - 1, 0) : s + 2].max()]
            kept += [q_SN[s] for s in sorted(peaks, key=lambda s: -ratio_S[s])[:2]]
    return np.array(kept)


def _softened_vertices(vertex_N: np.ndarray) -> np.ndarray:
    n = len(vertex_N)
    best = np.argsort(-vertex_N, kind="stable")[:BEST_VERTICES]
    return (1 - SOFT) * np.eye(n)[best] + SOFT / n
