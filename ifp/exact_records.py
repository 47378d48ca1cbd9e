"""What exact annealing records: the paths along a traversal's curve, and the states solved where they jump.

Shapes: M traversals of a batch, N images, D latents, K modes, T records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.equilibrium import TraversalBatch
from ifp.exact_branches import (
    COLLAPSED,
    JUST,
    Curve,
    Landing,
    Path,
    collapsed_betas,
    cooling_path,
    equilibrium_path,
    heating_path,
)
from ifp.exact_curve import Solutions, pushed, solve, state_along
from ifp.exact_search import SearchResult, latent_modes
from ifp.reduction import ReducedTraversal

COLLAPSED_RECORDS = 5
TOP = 1.25
"""Collapsed states are recorded up to this multiple of the upper edge."""
METASTABLE_LIMIT = 2.0
"""Heating is followed to at most this multiple of the upper edge."""
LANDING_KL_NATS = 0.005
"""Cooling's fall starts with this much information along the leading mode: the push off the saddle."""
MEETING_STEPS = 12


@dataclass(frozen=True)
class Job:
    """One traversal, reduced, with its edges and leading modes (mean square 1)."""

    number: int
    reduced: ReducedTraversal
    beta_closed_form: float
    beta_upper: float
    modes_NK: np.ndarray


@dataclass(frozen=True)
class Records:
    """One curve as recorded: beta_T, recon_nats_T, kl_nats_TD."""

    beta_T: np.ndarray
    recon_nats_T: np.ndarray
    kl_nats_TD: np.ndarray


def read_off(
    batch: TraversalBatch,
    searched: SearchResult,
    fallen: Sequence[Landing],
    group: Sequence[Job],
    names: Sequence[str],
) -> list[dict[str, Records]]:
    """The records of each member of a batch, by direction."""
    collapsed = batch.collapsed_nats_M.cpu().numpy()
    out: list[dict[str, Records]] = [{} for _ in group]
    for name in names:
        paths, curves = [], []
        for m, job in enumerate(group):
            cool = searched.cool[m]
            heat = searched.heat[m]
            top = max(TOP * job.beta_upper, 1.1 * float(heat.beta_J.max()))
            above = collapsed_betas(job.beta_closed_form, top, COLLAPSED_RECORDS)
            if name == "cool":
                curves.append(cool)
                paths.append(cooling_path(cool, fallen[m], above))
            elif name == "heat":
                curves.append(heat)
                paths.append(heating_path(heat, job.beta_closed_form, METASTABLE_LIMIT * job.beta_upper, above))
            else:
                curves.append(searched.known[m])
                paths.append(equilibrium_path(curves[-1], job.beta_closed_form, float(collapsed[m]), above))
        if name == "equilibrium":
            extra = _meetings(batch, searched.solutions, curves, paths, collapsed)
        else:
            extra = _arrivals(batch, searched.solutions, curves, paths)
        for m, landing in enumerate(fallen) if name == "cool" else ():
            extra[m].append((COLLAPSED_RECORDS, landing.beta, landing.recon_nats, landing.kl_nats_D))
        for m in range(len(group)):
            out[m][name] = _records(curves[m], paths[m], float(collapsed[m]), extra[m])
    return out


_Extra = list[tuple[int, float, float, np.ndarray]]
"""Records to put in: (before which record, beta, recon_nats, kl_nats_D)."""


def landings(batch: TraversalBatch, modes_MNK: Tensor, beta_closed_form_M: Tensor, latents: int) -> list[Landing]:
    """Where each member falls to when the collapsed state has just lost its stability, by descent of R + beta K."""
    kl = torch.zeros(len(beta_closed_form_M), latents, dtype=torch.float64, device=modes_MNK.device)
    kl[:, 0] = LANDING_KL_NATS
    start = state_along(latent_modes(modes_MNK, latents), kl)
    beta = beta_closed_form_M * (1 - JUST)
    for _ in range(2):
        # the first descent may rest on a saddle, the second starts with a push off it
        found = solve(batch, start, beta, torch.ones_like(beta), power=0.0)
        start = pushed(found.states, modes_MNK)
    return [Landing(*_numbers(found, m)) for m in range(len(beta))]


def _arrivals(batch: TraversalBatch, known: Solutions, curves: Sequence[Curve], paths: Sequence[Path]) -> list[_Extra]:
    """The states just past each jump of cooling or heating paths."""
    extra: list[_Extra] = [[] for _ in paths]
    where = [(m, jump) for m, path in enumerate(paths) for jump in path.jumps]
    if not where:
        return extra
    # cooling arrives at more information, heating at less
    arrive = [jump.high if paths[m].beta[0] > paths[m].beta[-1] else jump.low for m, jump in where]
    rows = [int(curves[m].state_J[j]) for (m, _), j in zip(where, arrive, strict=True)]
    found = at_beta(batch, [m for m, _ in where], known, rows, [jump.beta for _, jump in where])
    for at, (m, jump) in enumerate(where):
        extra[m].append((jump.after, *_numbers(found, at)))
    return extra


def _meetings(
    batch: TraversalBatch, known: Solutions, curves: Sequence[Curve], paths: Sequence[Path], collapsed: np.ndarray
) -> list[_Extra]:
    """The two states either side of each jump of equilibrium paths, at the beta where their objectives meet.

    Newton's method on the difference of the objectives, whose slope in beta is the difference of the KLs.
    """
    extra: list[_Extra] = [[] for _ in paths]
    where = [(m, jump) for m, path in enumerate(paths) for jump in path.jumps]
    if not where:
        return extra
    members = [m for m, _ in where]
    beta = [jump.beta for _, jump in where]
    sides: list[list[tuple[float, float, np.ndarray]]] = []
    for _ in range(MEETING_STEPS):
        sides = []
        for end in ("low", "high"):
            points = [getattr(jump, end) for _, jump in where]
            real = [i for i, j in enumerate(points) if j != COLLAPSED]
            nothing = np.zeros(known.kl_nats_MD.shape[1])
            side = [(beta[i], float(collapsed[m]), nothing) for i, m in enumerate(members)]
            if real:
                rows = [int(curves[members[i]].state_J[points[i]]) for i in real]
                found = at_beta(batch, [members[i] for i in real], known, rows, [beta[i] for i in real])
                for at, i in enumerate(real):
                    side[i] = _numbers(found, at)
            sides.append(side)
        apart = [high[2].sum() - low[2].sum() for low, high in zip(*sides, strict=True)]
        # a state that is no minimum at this beta slides down to the other side: then there is nothing to meet
        meet = [
            (low[1] - high[1]) / by if by > 1e-6 else b for low, high, by, b in zip(*sides, apart, beta, strict=True)
        ]
        settled = max(abs(new / old - 1) for new, old in zip(meet, beta, strict=True)) < 1e-4
        if settled:
            break
        beta = meet
    for i, (m, jump) in enumerate(where):
        extra[m] += [(jump.after, *sides[0][i]), (jump.after, *sides[1][i])]
    return extra


def at_beta(
    batch: TraversalBatch, members: Sequence[int], known: Solutions, rows: Sequence[int], betas: Sequence[float]
) -> Solutions:
    """The minima of R + beta K of `members`, each from the known state in its row."""
    device = known.beta_M.device
    start = known.states.take(torch.tensor(rows, device=device))
    beta = torch.tensor(betas, dtype=torch.float64, device=device)
    return solve(batch.take(torch.tensor(members, device=device)), start, beta, torch.ones_like(beta), power=0.0)


def _numbers(found: Solutions, at: int) -> tuple[float, float, np.ndarray]:
    return float(found.beta_M[at]), float(found.recon_nats_M[at]), found.kl_nats_MD[at].cpu().numpy()


def _records(curve: Curve, path: Path, collapsed_nats: float, extra: _Extra) -> Records:
    """The records of a path in its order: its points, and `extra`, which overrules points on the wrong side of it."""
    nothing = np.zeros(curve.kl_nats_JD.shape[1])
    rising = 1.0 if path.beta[-1] > path.beta[0] else -1.0
    rows: list[tuple[float, float, np.ndarray]] = []
    for at in range(len(path.points) + 1):
        for _, beta, recon, kl in (item for item in extra if item[0] == at):
            while rows and rising * (rows[-1][0] - beta) > 0:
                rows.pop()
            rows.append((beta, recon, kl))
        if at == len(path.points) or (rows and rising * (rows[-1][0] - path.beta[at]) > 0):
            continue
        j = path.points[at]
        held = j != COLLAPSED
        recon = float(curve.recon_nats_J[j]) if held else collapsed_nats
        rows.append((path.beta[at], recon, curve.kl_nats_JD[j] if held else nothing))
    beta_T, recon_T, kl_T = zip(*rows, strict=True)
    return Records(np.array(beta_T), np.array(recon_T), np.stack(kl_T))
