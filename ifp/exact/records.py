"""What cooling and heating record: the paths along a traversal's curve, and the states solved where they jump.

Shapes: M traversals of a batch, N images, D latents, K modes, T records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ifp.exact.at_beta import at_beta
from ifp.exact.branches import (
    COLLAPSED,
    RECORD_OFFSET,
    Curve,
    Landing,
    Path,
    collapsed_betas,
    cooling_path,
    heating_path,
)
from ifp.exact.candidates import Surroundings
from ifp.exact.heating import heated
from ifp.exact.ideal_vae import TraversalBatch
from ifp.exact.prepare import PreparedTraversal
from ifp.exact.search import SearchResult, latent_modes
from ifp.exact.solutions import Solutions, pushed, state_along
from ifp.exact.solve import solve
from ifp.exact.turning import sharpened

COLLAPSED_RECORDS = 5
TOP = 1.25
"""Collapsed states are recorded up to this multiple of the upper edge."""
METASTABLE_LIMIT = 2.0
"""Heating is followed to at most this multiple of the upper edge."""
LANDING_KL_NATS = 0.005
"""Cooling's fall starts with this much information along the leading mode: the push off the saddle."""


@dataclass(frozen=True)
class Records:
    """One curve as recorded: beta_T, recon_nats_T, kl_nats_TD, and row_T, where the store keeps each state."""

    beta_T: np.ndarray
    recon_nats_T: np.ndarray
    kl_nats_TD: np.ndarray
    row_T: np.ndarray


@dataclass(frozen=True)
class Extra:
    """A record to put in before record `after` of a path: a state of the store, or the collapsed one."""

    after: int
    beta: float
    recon_nats: float
    kl_nats_D: np.ndarray
    row: int


def follow(
    around: Surroundings,
    searched: SearchResult,
    fallen: Solutions,
    traversals: Sequence[PreparedTraversal],
    names: Sequence[str],
) -> list[dict[str, Records]]:
    """The records of cooling and heating of each member of a batch; the states met on the way go into the store."""
    batch, modes_MNK = around.batch, around.modes_MNK
    out: list[dict[str, Records]] = [{} for _ in traversals]
    landed = searched.keep(range(len(traversals)), fallen)
    for name in names:
        path_of = partial(_cooling if name == "cool" else _heating, searched, fallen, traversals)
        known = searched.cool if name == "cool" else searched.heat
        curves = sharpened(batch, modes_MNK, searched.store, known, path_of, rising=name != "cool")
        if name != "cool":
            limit_M = [METASTABLE_LIMIT * traversal.beta_upper for traversal in traversals]
            curves = heated(around, searched, curves, path_of, limit_M)
        known[:] = curves
        paths = [path_of(m, curve) for m, curve in enumerate(curves)]
        extra = _arrivals(batch, modes_MNK, searched, curves, paths)
        for m in range(len(traversals)):
            if name == "cool":
                extra[m].append(kept(fallen, m, COLLAPSED_RECORDS, landed[m]))
            out[m][name] = assemble(curves[m], paths[m], float(batch.collapsed_nats_M[m]), extra[m])
    return out


def _cooling(
    searched: SearchResult, fallen: Solutions, traversals: Sequence[PreparedTraversal], m: int, curve: Curve
) -> Path:
    landing = Landing(float(fallen.beta_M[m]), fallen.kl_nats_MD[m].cpu().numpy())
    return cooling_path(curve, landing, above_the_edge(searched, m, traversals[m]))


def _heating(
    searched: SearchResult, fallen: Solutions, traversals: Sequence[PreparedTraversal], m: int, curve: Curve
) -> Path:
    traversal, above = traversals[m], above_the_edge(searched, m, traversals[m])
    return heating_path(curve, traversal.beta_closed_form, METASTABLE_LIMIT * traversal.beta_upper, above)


def above_the_edge(searched: SearchResult, member: int, traversal: PreparedTraversal) -> np.ndarray:
    """The betas at which the collapsed state is recorded."""
    top = max(TOP * traversal.beta_upper, 1.1 * float(searched.heat[member].beta_J.max()))
    return collapsed_betas(traversal.beta_closed_form, top, COLLAPSED_RECORDS)


def landings(batch: TraversalBatch, modes_MNK: Tensor, beta_closed_form_M: Tensor, latents: int) -> Solutions:
    """Where each member falls to when the collapsed state has just lost its stability, by descent of R + beta K."""
    kl = torch.zeros(len(beta_closed_form_M), latents, dtype=torch.float64, device=modes_MNK.device)
    kl[:, 0] = LANDING_KL_NATS
    start = state_along(latent_modes(modes_MNK, latents), kl)
    beta = beta_closed_form_M * (1 - RECORD_OFFSET)
    for _ in range(2):
        # the first descent may rest on a saddle, the second starts with a push off it
        found = solve(batch, start, beta, torch.ones_like(beta), power=0.0)
        start = pushed(found.states, modes_MNK)
    return found


def _arrivals(
    batch: TraversalBatch, modes_MNK: Tensor, searched: SearchResult, curves: Sequence[Curve], paths: Sequence[Path]
) -> list[list[Extra]]:
    """The states just past each jump of cooling or heating paths."""
    extra: list[list[Extra]] = [[] for _ in paths]
    where = [(m, jump) for m, path in enumerate(paths) for jump in path.jumps]
    if not where:
        return extra
    # cooling arrives at more information, heating at less
    heating = paths[where[0][0]].beta[0] < paths[where[0][0]].beta[-1]
    arrive = [jump.low if heating else jump.high for _, jump in where]
    from_rows = [int(curves[m].state_J[j]) for (m, _), j in zip(where, arrive, strict=True)]
    members, betas = [m for m, _ in where], [jump.beta for _, jump in where]
    found = at_beta(batch, members, searched.store.all(), from_rows, betas, modes_MNK if heating else None)
    for at, ((m, jump), row) in enumerate(zip(where, searched.keep(members, found), strict=True)):
        extra[m].append(kept(found, at, jump.after, row))
    return extra


def kept(found: Solutions, at: int, after: int, row: int) -> Extra:
    """The record of one of these solutions, which the store keeps in `row`."""
    return Extra(after, float(found.beta_M[at]), float(found.recon_nats_M[at]), found.kl_nats_MD[at].cpu().numpy(), row)


def assemble(curve: Curve, path: Path, collapsed_nats: float, extra: Sequence[Extra]) -> Records:
    """The records of a path in its order.

    Records in `extra` replace points of the path that would break the monotone order in beta.
    """
    nothing = np.zeros(curve.kl_nats_JD.shape[1])
    rising = 1.0 if path.beta[-1] > path.beta[0] else -1.0
    rows: list[Extra] = []
    for at in range(len(path.points) + 1):
        for item in extra:
            if item.after == at:
                while rows and rising * (rows[-1].beta - item.beta) > 0:
                    rows.pop()
                rows.append(item)
        if at == len(path.points) or (rows and rising * (rows[-1].beta - path.beta[at]) > 0):
            continue
        j = path.points[at]
        if j == COLLAPSED:
            rows.append(Extra(at, path.beta[at], collapsed_nats, nothing, COLLAPSED))
        else:
            row = int(curve.state_J[j])
            rows.append(Extra(at, path.beta[at], float(curve.recon_nats_J[j]), curve.kl_nats_JD[j], row))
    return Records(
        np.array([r.beta for r in rows]),
        np.array([r.recon_nats for r in rows]),
        np.stack([r.kl_nats_D for r in rows]),
        np.array([r.row for r in rows]),
    )
