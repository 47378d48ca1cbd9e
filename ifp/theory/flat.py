"""Flat traversals: all images are equal, so that nothing can freeze. Both edges are 0, the KL is 0 at every beta."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.likelihood import Likelihood
from ifp.trace import OK, AnnealTrace

EDGES_OF_NONE = (1.0, 100.0)
"""The range of beta where all traversals are flat and none has edges: that of the papers."""
FLAT_RECORDS = 25
"""Records of the curve of a flat traversal, which holds nothing at any beta."""


def is_flat(images: np.ndarray) -> bool:
    """Whether all images [N, ...] of a traversal are equal; one alone is. NaN equals nothing."""
    x = np.asarray(images)
    return x.ndim > 1 and len(x) > 0 and bool((x == x[:1]).all())


def edges_of_the_others(beta_closed_form_M: np.ndarray, beta_upper_M: np.ndarray) -> tuple[float, float]:
    """The lowest lower edge and the highest upper one of the traversals that are not flat.

    A flat traversal has no range of beta of its own; its records go over that of the others in the run.
    """
    lower, upper = beta_closed_form_M[beta_closed_form_M > 0], beta_upper_M[beta_upper_M > 0]
    return (float(lower.min()), float(upper.max())) if len(lower) and len(upper) else EDGES_OF_NONE


def flat_recon_nats(image: np.ndarray, likelihood: Likelihood) -> float:
    """Reconstruction of equal images by the best decoder, nats per image; raises IfpError as `as_pixels` does."""
    x = np.asarray(image)
    return likelihood.constant_nats(likelihood.as_pixels(np.stack([x.reshape(-1)] * 2))[0])


def flat_trace(
    images: Sequence[np.ndarray],
    beta_MT: np.ndarray,
    *,
    likelihood: Likelihood,
    method: str,
    directions: Sequence[str],
    factors: Sequence[str],
    contexts: Sequence[tuple[int, ...]],
    seeds: Sequence[int],
    latents: int,
) -> AnnealTrace:
    """The curves of flat traversals: KL 0 and the same reconstruction at every beta.

    Parameters
    ----------
    images : of each curve, [N, ...]. beta_MT : its records. directions, factors, contexts, seeds : its labels.
    """
    members, records = beta_MT.shape
    recon_M = np.array([flat_recon_nats(x[0], likelihood) for x in images])
    return AnnealTrace(
        factor_M=np.array(factors),
        context_MF=np.array(contexts),
        seed_M=np.array(seeds, dtype=int),
        method_M=np.full(members, method),
        direction_M=np.array(directions),
        status_M=np.full(members, OK),
        n_images_M=np.array([len(x) for x in images]),
        beta_closed_form_M=np.zeros(members),
        beta_upper_M=np.zeros(members),
        beta_MT=beta_MT,
        recon_nats_MT=np.repeat(recon_M[:, None], records, axis=1),
        kl_nats_MTD=np.zeros((members, records, latents)),
    )


def flat_exact_trace(
    images: Sequence[np.ndarray],
    *,
    likelihood: Likelihood,
    names: Sequence[str],
    low: float,
    high: float,
    latents: int,
    factors: Sequence[str],
    contexts: Sequence[tuple[int, ...]],
) -> AnnealTrace:
    """The exact curves of flat traversals, traversal by traversal: branches `names`, from beta `low` to `high`."""
    rising_T = np.geomspace(low, high, FLAT_RECORDS)
    labels = [(number, name) for number in range(len(images)) for name in names]
    return flat_trace(
        [images[number] for number, _ in labels],
        np.stack([rising_T if name == "heat" else rising_T[::-1] for _, name in labels]),
        likelihood=likelihood,
        method="exact",
        directions=[name for _, name in labels],
        factors=[factors[number] for number, _ in labels],
        contexts=[contexts[number] for number, _ in labels],
        seeds=[0] * len(labels),
        latents=latents,
    )
