"""Known states minimised at a beta: R + beta K itself, not at a target of the KL.

Shapes: M solutions, N images, K modes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.exact.ideal_vae import TraversalBatch
from ifp.exact.solutions import Solutions, pushed
from ifp.exact.solve import solve

OFF_SADDLES = 0.05
"""Share of the push of tracing by which a state of heating is moved before it is minimised at the next beta."""


def at_beta(
    batch: TraversalBatch,
    members: Sequence[int],
    known: Solutions,
    rows: Sequence[int],
    betas: Sequence[float],
    modes_MNK: Tensor | None = None,
) -> Solutions:
    """The minima of R + beta K of `members`, each from the known state in its row.

    With `modes_MNK` the states are first moved a little along these, off saddles at which a descent could rest.
    """
    device = known.beta_M.device
    start, at = known.states.take(torch.tensor(rows, device=device)), torch.tensor(members, device=device)
    if modes_MNK is not None:
        start = pushed(start, modes_MNK[at], OFF_SADDLES)
    beta = torch.tensor(betas, dtype=torch.float64, device=device)
    return solve(batch.take(at), start, beta, torch.ones_like(beta), power=0.0)
