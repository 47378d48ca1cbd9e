"""The lowest objective found at given betas, for one traversal: known states of every kind, improved at that beta.

Shapes: N images, B betas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from ifp.errors import bad_value
from ifp.exact.arrangements import FEW_IMAGES, random_states
from ifp.exact.at_beta import at_beta
from ifp.exact.candidates import Surroundings
from ifp.exact.equilibrium import equilibrium_records
from ifp.exact.ideal_vae import make_batch
from ifp.exact.improve import RANKING_TOLERANCE, lowest
from ifp.exact.prepare import prepare_traversals
from ifp.exact.search import SearchResult, search_curves
from ifp.exact.solutions import Solutions, States, concatenate, penalised_nats
from ifp.exact.solve import solve
from ifp.exact.states import Depth
from ifp.exact.targets import DEEPEST_KL_NATS, kl_targets
from ifp.likelihood import Likelihood, as_likelihood
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.flat import flat_recon_nats, is_flat

STARTS = 4
"""Different states of the traced curves from which the search at a beta begins."""
DIFFERENT_KL_NATS = 0.15
"""States that differ by less in KL are one start."""
RANDOM_STATES, RANDOM_STEPS, RANDOM_STARTS = 160, 20, 6
"""Random posteriors of few images, the steps after which they are compared, and how many of them are starts too."""
SWEEPS = 3
"""Number of times that the states are handed on to the neighbouring betas and back."""


@torch.inference_mode()
def exact_minimum(
    images: np.ndarray,
    betas: Sequence[float],
    likelihood: str | Likelihood = "bernoulli",
    *,
    sigma: float = 1.0,
    latents: int = 1,
) -> np.ndarray:
    """The lowest reconstruction + beta KL [B] found, in nats per image, for VAEs with diagonal Gaussian posteriors.

    Reached by the ideal decoder for one traversal [N, ...]. The problem is not convex, so this is an upper bound of the
    minimum over all encoders and decoders; how often descents from random posteriors end lower on small random data is
    in benchmarks/RESULTS.md (`python benchmarks/exact_search.py`).

    Raises
    ------
    IfpError : a beta that is not positive, or images that do not suit the likelihood.
    """
    for beta in betas:
        if not (np.isfinite(beta) and beta > 0):
            raise bad_value("beta", beta, "a positive number")
    likelihood = as_likelihood(likelihood, sigma)
    if is_flat(images):
        return np.full(len(betas), flat_recon_nats(images[0], likelihood))
    bounds = freezing_bounds(images, likelihood, upper=False)
    (traversal,) = prepare_traversals([images], likelihood, replace(bounds, beta_upper_M=bounds.beta_closed_form_M))
    batch = make_batch([traversal.reduced], likelihood, "cpu")
    edge = torch.tensor([traversal.beta_closed_form], dtype=torch.float64)
    floor = 0.9 * min(min(betas), traversal.beta_closed_form)
    depth = Depth(kl_targets(0.1, 0.01, DEEPEST_KL_NATS), edge, torch.full_like(edge, floor), math.inf, math.inf)
    modes = torch.from_numpy(traversal.modes_NK[None])
    around = Surroundings(batch, modes, lambda: None)
    searched = search_curves(around, depth, latents=latents, heat=True)
    equilibrium_records(around, searched, [traversal])
    return lowest_nats(around, searched, betas)


def lowest_nats(around: Surroundings, searched: SearchResult, betas: Sequence[float]) -> np.ndarray:
    """The lowest recon + beta KL [B] found for the one member of a batch, the collapsed state included."""
    states = [_search_at(around, searched, beta) for beta in betas]
    order = np.argsort(betas)
    for _ in range(SWEEPS):
        moved = False
        for sequence in (order, order[::-1]):
            for before, at in pairwise(sequence):
                both = concatenate([states[at], states[before]])
                tried = at_beta(around.batch, [0, 0], both, [0, 1], [betas[at]] * 2)
                nats = penalised_nats(tried, 0.0)
                if nats[1] < nats[0] - 1e-9 * betas[at]:
                    states[at], moved = tried.take(torch.tensor([1], device=nats.device)), True
        if not moved:
            break
    collapsed = float(around.batch.collapsed_nats_M[0])
    return np.array([min(collapsed, float(penalised_nats(state, 0.0)[0])) for state in states])


def _search_at(around: Surroundings, searched: SearchResult, beta: float) -> Solutions:
    curve = searched.store.every(0)
    kl_J = curve.total_kl_nats_J
    rows: list[int] = []
    for j in np.argsort(curve.recon_nats_J + beta * kl_J, kind="stable"):
        if len(rows) < STARTS and all(abs(kl_J[j] - kl_J[k]) > DIFFERENT_KL_NATS for k in rows):
            rows.append(int(j))
    members = [0] * len(rows)
    known = at_beta(around.batch, members, searched.store.all(), curve.state_J[rows].tolist(), [beta] * len(rows))
    found, _ = lowest(around, members, known, power=0.0, fresh=True)
    n, latents = found.states.mean_MND.shape[1:]
    if n <= FEW_IMAGES and latents == 1:
        drawn = _random_starts(around, n, beta)
        improved, _ = lowest(around, [0] * len(drawn.beta_M), drawn, power=0.0, fresh=False)
        found = concatenate([found, improved])
    return found.take(penalised_nats(found, 0.0).argmin()[None])


def _random_starts(around: Surroundings, n: int, beta: float) -> Solutions:
    """The minima that the best of many random posteriors descend to."""
    mean, log_std = (t[:, :, None].to(around.modes_MNK.device) for t in random_states(n, RANDOM_STATES))
    level = torch.full((RANDOM_STATES,), beta, dtype=torch.float64, device=mean.device)
    batch = around.batch.take(torch.zeros(RANDOM_STATES, dtype=torch.long, device=mean.device))
    at = torch.ones_like(level)
    rough = solve(batch, States(mean, log_std), level, at, power=0.0, max_evaluations=RANDOM_STEPS, rough=True)
    best = penalised_nats(rough, 0.0).argsort()[:RANDOM_STARTS]
    return solve(
        batch.take(best), rough.states.take(best), level[best], at[best], power=0.0, tolerance=RANKING_TOLERANCE
    )
