"""The lowest objective found at given betas, for one traversal: known states of every kind, improved at that beta.

Shapes: B betas.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from ifp.exact.arrangements import FEW_IMAGES, random_states
from ifp.exact.follow import Solutions, States, concatenate, penalised_nats, solve
from ifp.exact.improve import RANKING_TOLERANCE, Surroundings, lowest
from ifp.exact.records import at_beta
from ifp.exact.search import SearchResult

STARTS = 4
"""Different states of the traced curves from which the search at a beta begins."""
DIFFERENT_KL_NATS = 0.15
"""States that differ by less in KL are one start."""
RANDOM_STATES, RANDOM_STEPS, RANDOM_STARTS = 160, 20, 6
"""Random posteriors of few images, the steps after which they are compared, and how many of them are starts too."""
SWEEPS = 3
"""Times that the states found are handed on to the neighbouring betas and back."""


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
    rough = solve(batch, States(mean, log_std), level, at, power=0.0, max_evaluations=RANDOM_STEPS, refine=False)
    best = penalised_nats(rough, 0.0).argsort()[:RANDOM_STARTS]
    return solve(
        batch.take(best), rough.states.take(best), level[best], at[best], power=0.0, tolerance=RANKING_TOLERANCE
    )
