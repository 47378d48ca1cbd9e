"""The lowest objective found at given betas, for one traversal: every kind of state that is known, improved at that beta.

Shapes: B betas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ifp.exact_curve import POWER, Solutions, concatenate, penalised_nats
from ifp.exact_improve import Surroundings, lowest
from ifp.exact_records import at_beta
from ifp.exact_search import SearchResult

STARTS = 4
"""Different states of the traced curves from which the search at a beta begins."""
DIFFERENT_KL_NATS = 0.15
"""States that differ by less in KL are one start."""
SWEEPS = 3
"""Times that the states found are handed on to the neighbouring betas and back."""
assert POWER > 0  # power 0 stands for R + beta K itself


def lowest_nats(around: Surroundings, searched: SearchResult, betas: Sequence[float]) -> np.ndarray:
    """The lowest recon + beta KL [B] found for the one member of a batch, the collapsed state included."""
    states = [_search_at(around, searched, beta) for beta in betas]
    order = np.argsort(betas)
    for _ in range(SWEEPS):
        moved = False
        for sequence in (order, order[::-1]):
            for before, at in zip(sequence, sequence[1:], strict=False):
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
    curve = searched.known[0]
    kl_J = curve.total_kl_nats_J
    rows: list[int] = []
    for j in np.argsort(curve.recon_nats_J + beta * kl_J, kind="stable"):
        if len(rows) < STARTS and all(abs(kl_J[j] - kl_J[k]) > DIFFERENT_KL_NATS for k in rows):
            rows.append(int(j))
    members = [0] * len(rows)
    known = at_beta(around.batch, members, searched.solutions, curve.state_J[rows].tolist(), [beta] * len(rows))
    found, _ = lowest(around, members, known, power=0.0, fresh=True)
    return found.take(penalised_nats(found, 0.0).argmin()[None])
