"""The upper edge of the freezing interval: the highest beta at which any encoder at all could gain.

With p the uniform weights of the N images, m their mean, q any other weights and m_q their weighted mean,

    beta_upper = sup over q != p of  Delta(m_q || m) / KL(q || p)

is minus the slope of the distortion-rate function at rate 0 (docs/theory.md, "The upper edge").

Shapes: N images, P distinct pixels, S starting points.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import xlogy

from ifp.reduction import ReducedTraversal
from ifp.seeds import numpy_generator

# A softened vertex: (1 - SOFT) on one group of images, SOFT spread evenly. A hard vertex of binary images is a fixed
# point of the ascent, so it is scored but not used as a start.
SOFT = 0.03
MAX_VERTICES = 64
RANDOM_STARTS = 6
TINY_RATE_NATS = 1e-6  # below it the ratio is the limit q -> p, which is the lower edge, and rounding spoils it
SCOUT_STEPS, SURVIVORS, MAX_STEPS = 6, 6, 400
RELATIVE_TOLERANCE = 1e-9


def upper_edge(
    reduced: ReducedTraversal, likelihood: str, sigma: float, beta_closed_form: float, modes_NK: np.ndarray
) -> float:
    """beta_upper of one traversal, never below `beta_closed_form`, the limit of the ratio as q goes to p.

    The ascent solves, for the best ratio beta so far, max over q of <gradient of Delta, q> - beta KL(q || p), whose
    answer is q_i ~ exp(gradient_i / beta). Delta is convex in q, so Delta - beta KL does not fall from its value 0,
    so the ratio rises at every step (concave-convex procedure inside Dinkelbach's method): no step size, no failure.
    The problem is not concave, so several starts are needed; what is returned is a lower bound on the supremum.

    Parameters
    ----------
    reduced : the traversal.
    likelihood, sigma : see `ifp.likelihood`.
    beta_closed_form : the lower edge.
    modes_NK : leading eigenvectors of the Gram matrix, the directions of the starts.
    """
    gain = partial(
        _gaussian_gain if likelihood == "gaussian" else _bernoulli_gain,
        x_NP=reduced.values_NP,
        weight_P=reduced.weight_P if likelihood == "bernoulli" else reduced.weight_P / sigma**2,
    )
    best = max(beta_closed_form, float(_vertex_gain(reduced, gain).max()))
    q_SN = _starts(reduced, gain, modes_NK)
    ratio_S = np.zeros(len(q_SN))
    for step in range(MAX_STEPS):
        delta_S, gradient_SN = gain(q_SN)
        rate_S = _rate_nats(q_SN)
        far_S = rate_S > TINY_RATE_NATS
        new_S = np.where(far_S, delta_S / np.maximum(rate_S, TINY_RATE_NATS), 0.0)
        # slow approach to p is an approach to the lower edge, already in `best`: only starts above it matter then
        moving_S = far_S & (new_S > ratio_S * (1 + RELATIVE_TOLERANCE))
        best = max(best, float(new_S.max()))
        if step == SCOUT_STEPS:
            moving_S &= new_S >= np.sort(new_S)[-min(SURVIVORS, len(new_S))]
        if step > SCOUT_STEPS and best <= beta_closed_form * (1 + 1e-9):
            moving_S &= rate_S > 1e3 * TINY_RATE_NATS
        if not moving_S.any():
            break
        ratio_S = new_S[moving_S]
        exponent_SN = gradient_SN[moving_S] / ratio_S[:, None]
        q_SN = np.exp(exponent_SN - exponent_SN.max(axis=1, keepdims=True))
        q_SN /= q_SN.sum(axis=1, keepdims=True)
    return best


def _rate_nats(q_SN: np.ndarray) -> np.ndarray:
    """KL(q || uniform), nats."""
    return xlogy(q_SN, q_SN * q_SN.shape[1]).sum(axis=1)


def _bernoulli_gain(q_SN: np.ndarray, x_NP: np.ndarray, weight_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Delta [S] = sum over pixels of KL(Bern(m_q) || Bern(m)) and its gradient [S, N] in q."""
    m_P = x_NP.mean(axis=0)
    mq_SP = q_SN @ x_NP
    # at an end of [0, 1] the finite logarithm below multiplies an exact zero
    on_SP = np.log(np.maximum(mq_SP, 1e-300)) - np.log(m_P)
    off_SP = np.log(np.maximum(1 - mq_SP, 1e-17)) - np.log1p(-m_P)
    tilt_SP = (on_SP - off_SP) * weight_P
    base_S = off_SP @ weight_P
    gradient_SN = tilt_SP @ x_NP.T + base_S[:, None]
    return (q_SN * gradient_SN).sum(axis=1), gradient_SN


def _gaussian_gain(q_SN: np.ndarray, x_NP: np.ndarray, weight_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Delta [S] = |m_q - m|^2 / 2 in units of sigma^2 (in the weights) and its gradient [S, N] in q."""
    x_NP = x_NP - x_NP.mean(axis=0)
    mq_SP = q_SN @ x_NP
    return 0.5 * (mq_SP**2) @ weight_P, (mq_SP * weight_P) @ x_NP.T


def _vertex_gain(reduced: ReducedTraversal, gain: partial[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The ratio [N] at every vertex, where KL(q || p) = ln N; in blocks, so that memory does not grow as N squared."""
    n = len(reduced.values_NP)
    blocks = [gain(np.eye(n)[at : at + 256])[0] for at in range(0, n, 256)]
    return np.concatenate(blocks) / np.log(n)


def _starts(
    reduced: ReducedTraversal, gain: partial[tuple[np.ndarray, np.ndarray]], modes_NK: np.ndarray
) -> np.ndarray:
    """Starting weights [S, N]: along the modes, groups of images at the ends of the modes, vertices, random groups."""
    n = len(reduced.values_NP)
    tilts = [sign * size * mode * np.sqrt(n) for mode in modes_NK.T for sign in (1, -1) for size in (0.3, 1.0, 2.5)]
    groups = []
    for mode in modes_NK.T:
        order = np.argsort(mode, kind="stable")
        for count in sorted({max(1, round(n * share)) for share in (0.12, 0.25, 0.5)}):
            groups += [order[:count], order[-count:]]
    by_gain = np.argsort(-_vertex_gain(reduced, gain), kind="stable")
    groups += [np.array([vertex]) for vertex in by_gain[:MAX_VERTICES]]
    rng = numpy_generator(0, "beta_upper", n)
    groups += [rng.choice(n, size=min(2, n - 1), replace=False) for _ in range(RANDOM_STARTS)]
    tilted_SN = np.exp(np.array(tilts) - np.max(tilts, axis=1, keepdims=True))
    grouped_SN = np.zeros((len(groups), n))
    for row, group in zip(grouped_SN, groups, strict=True):
        row[group] = 1 / len(group)
    return np.concatenate(
        [tilted_SN / tilted_SN.sum(axis=1, keepdims=True), (1 - SOFT) * grouped_SN + SOFT / n],
    )
