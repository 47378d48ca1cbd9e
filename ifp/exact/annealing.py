"""Exact annealing: the equilibrium curves of an ideal VAE, without a network.

For given posteriors the best decoder is known, so reconstruction and KL are functions of the posteriors alone
(`ifp.exact.ideal_vae`). The stationary states of R + beta K form a curve, traced by KL (`ifp.exact.follow`,
`ifp.exact.search`), from which cooling, heating and the equilibrium are read off (`ifp.exact.branches`).

Shapes: M members (a traversal and direction each), N images, D latents, T records, B betas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ifp.array_like import as_array, as_traversals
from ifp.datasets.factors import MOVING
from ifp.errors import IfpError, bad_value, counted, unknown_name
from ifp.exact.candidates import Surroundings
from ifp.exact.equilibrium import equilibrium_records
from ifp.exact.ideal_vae import make_batch
from ifp.exact.prepare import PreparedTraversal, in_batches, prepare_traversals
from ifp.exact.records import Records, follow, landings
from ifp.exact.search import search_curves
from ifp.exact.states import SETTLED, Depth
from ifp.exact.targets import DEEP_GROWTH, DEEPEST_KL_NATS, FLOOR, LEAST_KL_NATS, kl_targets
from ifp.likelihood import Likelihood, as_likelihood
from ifp.system.memory import keep_freed_memory
from ifp.system.progress import Progress
from ifp.system.settings import check_positive, check_threshold
from ifp.theory.closed_form import FreezingBounds, Images, freezing_bounds
from ifp.theory.flat import edges_of_the_others, flat_exact_trace, is_flat
from ifp.trace import OK, AnnealTrace

BRANCHES = ("cool", "heat")


@torch.inference_mode()
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

    A traversal's numbers do not depend on the others: alone or among them crossings agree to 1e-8 and single records to
    1e-6 (those of a batch are padded to one size, which only changes how sums are rounded).

    Parameters
    ----------
    images : one traversal [N, ...] (an array), or a sequence of traversals.
    likelihood, sigma : see `ifp.likelihood`.
    latents : 1, or 2 (on a two-dimensional grid: slower; diagonal posteriors).
    threshold_nats : the KL around which records are dense.
    tolerance : the relative width in beta within which the crossing of the threshold is bracketed.
    directions : "cool", "heat" or both; with both there is a third curve, "equilibrium".
    beta_floor : the beta down to which curves are followed, and at least to 0.8 of the lower edge, so that no strong
        transition is missed. Without it they end when they hold 1.8 nats (or 4 times the threshold), beta is below 0.8
        of the lower edge and, with two latents, the second holds twice the threshold; or at 0.3 of the lower edge (with
        two latents 0.05).
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
    keep_freed_memory()
    likelihood = as_likelihood(likelihood, sigma)
    _check(latents, threshold_nats, tolerance, directions, beta_floor)
    traversals = [as_array(traversal, "images") for traversal in as_traversals(images)]
    check_labels(traversals, factors=factors, contexts=contexts)
    if bounds is None:
        bounds = freezing_bounds(traversals, likelihood)
    flat = [number for number, x in enumerate(traversals) if is_flat(x)]
    prepared = prepare_traversals(traversals, likelihood, bounds, skip=flat)
    least = max(LEAST_KL_NATS, 4 * threshold_nats)
    targets = kl_targets(threshold_nats, tolerance, DEEPEST_KL_NATS + least, DEEP_GROWTH[latents])
    names = list(directions)
    if set(BRANCHES) <= set(names) and "equilibrium" not in names:
        names.append("equilibrium")
    annealed: dict[int, _Annealed] = {}

    def tick() -> None:
        if progress is not None:
            progress("Exact curves", len(annealed), len(prepared))

    for batch in in_batches(prepared, latents, device):
        edge_M = torch.tensor([t.beta_closed_form for t in batch], dtype=torch.float64, device=device)
        if beta_floor is None:
            # data of one dimension leave a second latent nothing to hold
            second = threshold_nats if batch[0].modes_NK.shape[1] > 1 else 0.0
            depth = Depth(targets, edge_M, FLOOR[latents] * edge_M, least, second)
        else:
            # with a floor above the deep state a strong transition would not be seen at all
            floor_M = (SETTLED * edge_M).clamp_max(beta_floor)
            depth = Depth(targets, edge_M, floor_M, math.inf, math.inf)
        for traversal, result in zip(
            batch, _anneal_batch(batch, likelihood, depth, latents, directions, names, tick), strict=True
        ):
            annealed[traversal.number] = result
        tick()
    traces = [_trace(prepared, annealed, names, latents, factors, contexts)] if prepared else []
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
    order = np.argsort(np.repeat([*(t.number for t in prepared), *flat], len(names)), kind="stable")
    return AnnealTrace.concatenate(traces).select(order)


@dataclass(frozen=True)
class _Annealed:
    """The curves of one traversal by direction, and why each ended at its deep end."""

    records: dict[str, Records]
    ended: dict[str, str]


def _anneal_batch(
    traversals: Sequence[PreparedTraversal],
    likelihood: Likelihood,
    depth: Depth,
    latents: int,
    directions: Sequence[str],
    names: Sequence[str],
    tick: Callable[[], None],
) -> list[_Annealed]:
    """The curves `names` of traversals of one shape: those of `directions`, and the equilibrium if it is among them."""
    edge_M = depth.beta_closed_form_M
    batch = make_batch([t.reduced for t in traversals], likelihood, edge_M.device)
    modes_MNK = torch.from_numpy(np.stack([t.modes_NK for t in traversals])).to(edge_M.device)
    around = Surroundings(batch, modes_MNK, tick)
    searched = search_curves(around, depth, latents=latents, heat=list(names) != ["cool"])
    fallen = landings(batch, modes_MNK, edge_M, latents)
    records = follow(around, searched, fallen, traversals, directions)
    if "equilibrium" in names:
        for m, equilibrium in enumerate(equilibrium_records(around, searched, traversals)):
            records[m]["equilibrium"] = equilibrium
    ended_of = {name: searched.cool_ended if name == "cool" else searched.deep_ended for name in names}
    return [_Annealed(records[m], {name: ended_of[name][m] for name in names}) for m in range(len(traversals))]


def _check(
    latents: int, threshold_nats: float, tolerance: float, directions: Sequence[str], beta_floor: float | None
) -> None:
    if latents not in FLOOR:
        raise bad_value("latents", latents, "1 or 2 for the exact method", "train networks for more")
    check_threshold("threshold_nats", threshold_nats)
    check_positive("tolerance", tolerance)
    if beta_floor is not None:
        check_positive("beta_floor", beta_floor)
    if not directions:
        raise IfpError(f"directions is empty: give at least one of {', '.join(BRANCHES)}.")
    for direction in directions:
        if direction not in BRANCHES:
            raise unknown_name("direction", direction, BRANCHES)


def check_labels(traversals: Sequence[np.ndarray], **labels_of: Sequence[object] | None) -> None:
    """Raise IfpError unless each kind of labels, by name (factors, contexts), has one for every traversal."""
    for name, labels in labels_of.items():
        if labels is not None and len(labels) != len(traversals):
            raise IfpError(
                f"Each traversal needs one label of its own: got {counted(len(labels), name.removesuffix('s'))} for "
                f"{counted(len(traversals), 'traversal')}."
            )


def _trace(
    traversals: Sequence[PreparedTraversal],
    annealed: Mapping[int, _Annealed],
    names: Sequence[str],
    latents: int,
    factors: Sequence[str] | None,
    contexts: Sequence[tuple[int, ...]] | None,
) -> AnnealTrace:
    """All curves as one trace, padded with NaN to the longest."""
    labels = [(t, name) for t in traversals for name in names]
    curves = [annealed[t.number].records[name] for t, name in labels]
    shape = len(curves), max(len(r.beta_T) for r in curves)
    beta_MT, recon_MT, kl_MTD = np.full(shape, np.nan), np.full(shape, np.nan), np.full((*shape, latents), np.nan)
    for row, r in enumerate(curves):
        count = len(r.beta_T)
        beta_MT[row, :count], recon_MT[row, :count], kl_MTD[row, :count] = r.beta_T, r.recon_nats_T, r.kl_nats_TD
    return AnnealTrace(
        factor_M=np.array([factors[t.number] if factors is not None else "" for t, _ in labels]),
        context_MF=np.array([contexts[t.number] if contexts is not None else (MOVING,) for t, _ in labels]),
        seed_M=np.zeros(len(labels), dtype=int),
        method_M=np.full(len(labels), "exact"),
        direction_M=np.array([name for _, name in labels]),
        status_M=np.full(len(labels), OK),
        n_images_M=np.array([len(t.reduced.values_NP) for t, _ in labels]),
        beta_closed_form_M=np.array([t.beta_closed_form for t, _ in labels]),
        beta_upper_M=np.array([t.beta_upper for t, _ in labels]),
        beta_MT=beta_MT,
        recon_nats_MT=recon_MT,
        kl_nats_MTD=kl_MTD,
        ended_M=np.array([annealed[t.number].ended[name] for t, name in labels]),
    )
