"""Exact annealing: the equilibrium curves of an ideal VAE, without a network.

For given posteriors the best decoder is known, so reconstruction and KL are functions of the posteriors alone
(`ifp.exact.ideal_vae`). The stationary states of R + beta K form a curve, traced by KL (`ifp.exact.follow`,
`ifp.exact.search`), from which cooling, heating and the equilibrium are read off (`ifp.exact.branches`).

Shapes: M members (a traversal and direction each), N images, D latents, T records, B betas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch

from ifp.datasets.factors import MOVING
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.exact.equilibrium import equilibrium_records
from ifp.exact.ideal_vae import make_batch, pixel_bucket
from ifp.exact.improve import Surroundings
from ifp.exact.lowest import lowest_nats
from ifp.exact.records import Job, Records, follow, landings
from ifp.exact.search import search_curves
from ifp.exact.states import Depth
from ifp.likelihood import Likelihood, as_likelihood
from ifp.system.progress import Progress
from ifp.theory.closed_form import FreezingBounds, Images, freezing_bounds, leading_modes
from ifp.theory.flat import edges_of_the_others, flat_exact_trace, flat_recon_nats, is_flat
from ifp.theory.reduction import reduce_traversal, rotate_gaussian
from ifp.trace import OK, AnnealTrace

BRANCHES = ("cool", "heat")
FLOOR = {1: 0.3, 2: 0.05}
"""Curves end where beta falls below this share of the lower edge, by the number of latents."""
KL_TARGETS_NATS = (
    0.005,
    0.02,
    0.05,
    0.07,
    0.14,
    0.18,
    0.23,
    0.3,
    0.4,
    0.5,
    0.62,
    0.75,
    0.9,
    1.05,
    1.2,
    1.4,
    1.6,
    1.8,
    2.0,
)
DEEP_GROWTH = {1: 1.12, 2: 1.08}
"""Ratio of the targets beyond those listed, by the number of latents: with two the second freezes at any depth of the
first."""
DENSE_NATS = 0.4
"""With two latents the list is followed up to here only."""
LEAST_KL_NATS, DEEPEST_KL_NATS = 1.8, 12.0
"""Curves are traced to the first of these KLs (or 4 times the threshold) and to 0.8 of the lower edge; never past the
second (beyond the first)."""
RANK_TOLERANCE = 1e-10
"""Modes whose eigenvalue is below this share of the first one have no variance but rounding."""
BATCH_NUMBERS = {"cpu": 400_000, "cuda": 40_000_000}
"""Size of a batch, in numbers of one quadrature array: on a CPU what stays in its caches."""


def exact_annealing(
    images: Images,
    likelihood: str | Likelihood = "bernoulli",
    *,
    sigma: float = 1.0,
    latents: int = 1,
    threshold_nats: float = 0.1,
    tolerance: float = 0.01,
    directions: Sequence[str] = BRANCHES,
    beta_floor: float | None = None,
    bounds: FreezingBounds | None = None,
    factors: Sequence[str] | None = None,
    contexts: Sequence[tuple[int, ...]] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> AnnealTrace:
    """The KL and reconstruction of an ideal VAE against beta: cooling, heating, and the equilibrium of both.

    A traversal's numbers do not depend on the others: alone or among them they agree to 1e-8 (each is padded to sizes
    that depend on itself alone).

    Parameters
    ----------
    images : one traversal [N, ...] (an array), or a sequence of traversals.
    likelihood, sigma : see `ifp.likelihood`.
    latents : 1, or 2 (on a two-dimensional grid: slower; diagonal posteriors).
    threshold_nats : the KL around which records are dense.
    tolerance : the relative width in beta within which the crossing of the threshold is bracketed.
    directions : "cool", "heat" or both; with both there is a third curve, "equilibrium".
    beta_floor : the beta down to which curves are followed. Without it they end when they hold 1.8 nats (or 4 times the
        threshold), beta is below 0.8 of the lower edge and, with two latents, the second holds twice the threshold; or
        at 0.3 of the lower edge (with two latents 0.05).
    bounds : the edges of the traversals, if they are known already.
    factors, contexts : labels of the traversals, copied into the trace.
    device : where PyTorch computes, "cpu" or "cuda".
    progress : called with the traversals done and all; often, so that it may raise to stop.

    Returns
    -------
    AnnealTrace, one member per traversal and direction, traversal by traversal. Cooling: collapsed (KL 0) down to the
    lower edge, then the branch that it falls onto. Heating: the deepest branch until it loses its stability, at most
    to twice the upper edge. Equilibrium: at each beta the state of least recon + beta KL that is known; where it
    jumps there are two records at the beta where the objectives meet. A traversal of equal images never freezes: KL 0
    from the lowest to the highest beta of the others.
    `ended_M` says why each curve ended at its deep end.

    Raises
    ------
    IfpError : a value out of range, or images that do not suit the likelihood.

    References
    ----------
    docs/theory.md, "Exact annealing".
    """
    likelihood = as_likelihood(likelihood, sigma)
    _check(latents, threshold_nats, tolerance, directions, beta_floor)
    traversals = [images] if isinstance(images, np.ndarray) else list(images)
    if bounds is None:
        bounds = freezing_bounds(traversals, likelihood)
    flat = [number for number, x in enumerate(traversals) if is_flat(x)]
    jobs = _jobs(traversals, likelihood, bounds, skip=flat)
    least = max(LEAST_KL_NATS, 4 * threshold_nats)
    targets = kl_targets(threshold_nats, tolerance, DEEPEST_KL_NATS + least, DEEP_GROWTH[latents])
    names = list(directions)
    if set(BRANCHES) <= set(names) and "equilibrium" not in names:
        names.append("equilibrium")
    curves: dict[int, dict[str, Records]] = {}
    ended: dict[int, dict[str, str]] = {}

    def tick() -> None:
        if progress is not None:
            progress("Exact curves", len(curves), len(jobs))

    for group in _batches(jobs, latents, device):
        batch = make_batch([job.reduced for job in group], likelihood, device)
        modes = torch.from_numpy(np.stack([job.modes_NK for job in group])).to(device)
        edge = torch.tensor([job.beta_closed_form for job in group], dtype=torch.float64, device=device)
        if beta_floor is None:
            # data of one dimension leave a second latent nothing to hold
            second = threshold_nats if modes.shape[2] > 1 else 0.0
            depth = Depth(targets, edge, FLOOR[latents] * edge, least, second)
        else:
            depth = Depth(targets, edge, torch.full_like(edge, beta_floor), math.inf, math.inf)
        around = Surroundings(batch, modes, tick)
        searched = search_curves(around, depth, latents=latents, heat=names != ["cool"])
        fallen = landings(batch, modes, edge, latents)
        records = follow(batch, searched, fallen, group, directions)
        if "equilibrium" in names:
            for m, equilibrium in enumerate(equilibrium_records(around, searched, group)):
                records[m]["equilibrium"] = equilibrium
        for job, of_job in zip(group, records, strict=True):
            curves[job.number] = of_job
        for job, cool_ended, deep_ended in zip(group, searched.cool_ended, searched.deep_ended, strict=True):
            ended[job.number] = {name: cool_ended if name == "cool" else deep_ended for name in names}
        tick()
    traces = [_trace(jobs, curves, ended, names, latents, factors, contexts)] if jobs else []
    if flat:
        edges = edges_of_the_others(bounds.beta_closed_form_M, bounds.beta_upper_M)
        traces.append(
            flat_exact_trace(
                [traversals[number] for number in flat],
                likelihood=likelihood,
                names=names,
                low=0.5 * FLOOR[latents] * edges[0],
                high=2 * edges[1],
                latents=latents,
                factors=[factors[number] if factors is not None else "" for number in flat],
                contexts=[contexts[number] if contexts is not None else (MOVING,) for number in flat],
            )
        )
    order = np.argsort(np.repeat([*(job.number for job in jobs), *flat], len(names)), kind="stable")
    return AnnealTrace.concatenate(traces).select(order)


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
    (job,) = _jobs([images], likelihood, replace(bounds, beta_upper_M=bounds.beta_closed_form_M))
    batch = make_batch([job.reduced], likelihood, "cpu")
    edge = torch.tensor([job.beta_closed_form], dtype=torch.float64)
    floor = 0.9 * min(min(betas), job.beta_closed_form)
    depth = Depth(kl_targets(0.1, 0.01, DEEPEST_KL_NATS), edge, torch.full_like(edge, floor), math.inf, math.inf)
    modes = torch.from_numpy(job.modes_NK[None])
    around = Surroundings(batch, modes, lambda: None)
    searched = search_curves(around, depth, latents=latents, heat=True)
    equilibrium_records(around, searched, [job])
    return lowest_nats(around, searched, betas)


def kl_targets(
    threshold_nats: float, tolerance: float, deepest_nats: float, growth: float = DEEP_GROWTH[1]
) -> list[float]:
    """The KLs, rising, at which a curve is sampled: two of them close around the threshold."""
    # for one linear Gaussian latent ln beta falls by twice the KL; the solutions miss their targets by up to 1 %
    half = min(max(tolerance / (4 * threshold_nats), 0.02), 0.07)
    around = [threshold_nats * (1 - half), threshold_nats * (1 + half)]
    rest = [kl for kl in KL_TARGETS_NATS if kl <= deepest_nats and (kl <= DENSE_NATS or growth == DEEP_GROWTH[1])]
    while rest[-1] * growth <= deepest_nats:
        rest.append(rest[-1] * growth)
    return sorted([*around, *(kl for kl in rest if abs(kl / threshold_nats - 1) > 2 * half)])


def _check(
    latents: int, threshold_nats: float, tolerance: float, directions: Sequence[str], beta_floor: float | None
) -> None:
    if latents not in FLOOR:
        raise bad_value("latents", latents, "1 or 2 for the exact method", "train networks for more")
    for name, value in (("threshold_nats", threshold_nats), ("tolerance", tolerance)):
        if not 0 < value < np.inf:
            raise bad_value(name, value, "a positive number")
    if beta_floor is not None and not 0 < beta_floor < np.inf:
        raise bad_value("beta_floor", beta_floor, "a positive number")
    if not directions:
        raise IfpError(f"directions is empty: give at least one of {', '.join(BRANCHES)}.")
    for direction in directions:
        if direction not in BRANCHES:
            raise unknown_name("direction", direction, BRANCHES)


def _jobs(
    traversals: Sequence[np.ndarray], likelihood: Likelihood, bounds: FreezingBounds, skip: Sequence[int] = ()
) -> list[Job]:
    jobs = []
    for number, images in enumerate(traversals):
        if number in skip:
            continue
        reduced = reduce_traversal(images, likelihood)
        eigenvalues_K, modes_NK = leading_modes(reduced, likelihood)
        # along a mode without variance nothing can freeze
        modes_NK = modes_NK[:, eigenvalues_K > RANK_TOLERANCE * eigenvalues_K[0]]
        if likelihood.by_distance and len(reduced.weight_P) >= len(reduced.values_NP):
            reduced = rotate_gaussian(reduced)
        edges = float(bounds.beta_closed_form_M[number]), float(bounds.beta_upper_M[number])
        jobs.append(Job(number, reduced, *edges, modes_NK * np.sqrt(len(modes_NK))))
    return jobs


def _batches(jobs: Sequence[Job], latents: int, device: str) -> list[list[Job]]:
    """Jobs of equal images, pixels and number of modes together, few enough for the caches or the device's memory."""

    def shape(job: Job) -> tuple[int, int, int]:
        return len(job.reduced.values_NP), pixel_bucket(len(job.reduced.weight_P)), job.modes_NK.shape[1]

    groups = []
    for (images, pixels, _), members in groupby(sorted(jobs, key=lambda job: (*shape(job), job.number)), key=shape):
        group = list(members)
        size = max(
            1,
            BATCH_NUMBERS["cpu" if torch.device(device).type == "cpu" else "cuda"]
            // (40**latents * (pixels + 4 * images * latents)),
        )
        groups += [group[at : at + size] for at in range(0, len(group), size)]
    return groups


def _trace(
    jobs: Sequence[Job],
    curves: dict[int, dict[str, Records]],
    ended: dict[int, dict[str, str]],
    names: Sequence[str],
    latents: int,
    factors: Sequence[str] | None,
    contexts: Sequence[tuple[int, ...]] | None,
) -> AnnealTrace:
    flat = [(job, name, curves[job.number][name]) for job in jobs for name in names]
    length = max(len(r.beta_T) for _, _, r in flat)
    members = len(flat)
    beta, recon = np.full((members, length), np.nan), np.full((members, length), np.nan)
    kl = np.full((members, length, latents), np.nan)
    for row, (_, _, r) in enumerate(flat):
        count = len(r.beta_T)
        beta[row, :count], recon[row, :count], kl[row, :count] = r.beta_T, r.recon_nats_T, r.kl_nats_TD
    return AnnealTrace(
        factor_M=np.array([factors[job.number] if factors is not None else "" for job, _, _ in flat]),
        context_MF=np.array([contexts[job.number] if contexts is not None else (MOVING,) for job, _, _ in flat]),
        seed_M=np.zeros(members, dtype=int),
        method_M=np.full(members, "exact"),
        direction_M=np.array([name for _, name, _ in flat]),
        status_M=np.full(members, OK),
        n_images_M=np.array([len(job.reduced.values_NP) for job, _, _ in flat]),
        beta_closed_form_M=np.array([job.beta_closed_form for job, _, _ in flat]),
        beta_upper_M=np.array([job.beta_upper for job, _, _ in flat]),
        beta_MT=beta,
        recon_nats_MT=recon,
        kl_nats_MTD=kl,
        ended_M=np.array([ended[job.number][name] for job, name, _ in flat]),
    )
