"""A whole annealing run: edges, exact curves and trained members, chunk by chunk, so that it can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ifp.annealing.config import AnnealConfig
from ifp.annealing.finished import Curves
from ifp.annealing.members import Member, MemberData, chunk_members, data_of
from ifp.annealing.plan import (
    EXACT_CHUNK,
    Cell,
    directions,
    exact_directions,
    exact_latents,
    is_exact,
    plan_members,
    trains,
)
from ifp.annealing.train import anneal_chunk, beta_range
from ifp.annealing.training_cost import training_cost
from ifp.exact.annealing import exact_annealing
from ifp.exact.targets import FLOOR
from ifp.schedule import get_law
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.threads import Stopped, run_jobs
from ifp.theory.closed_form import FreezingBounds, freezing_bounds
from ifp.theory.flat import FLAT_RECORDS, edges_of_the_others, flat_exact_trace, flat_trace, is_flat
from ifp.trace import AnnealTrace, closed_form_trace


@dataclass(frozen=True)
class Resources:
    """What a run may use: decides how fast, never what.

    Attributes
    ----------
    device : a torch device name.
    threads : chunks at work at once on a CPU.
    chunk : members a batch, None to measure.
    """

    device: str = "cpu"
    threads: int = 1
    chunk: int | None = None


def run(
    cells: Sequence[Cell],
    config: AnnealConfig,
    curves: Curves,
    resources: Resources,
    *,
    progress: Progress = silent,
    say: Say = unsaid,
) -> AnnealTrace:
    """Compute every curve that `curves` lacks, adding each finished chunk at once, and return all of them."""
    done = curves.finished()
    if done:
        say(f"{len(done)} curves are already there.")
    curves.nuisances = {(c.factor, c.context): c.nuisance for c in cells}
    _add_edges(cells, config, curves, progress)
    edges = _edges_of(cells, curves.trace)
    if is_exact(config):
        missing = [
            i for i, c in enumerate(cells) if (c.factor, c.context, 0, "exact", exact_directions(config)[0]) not in done
        ]
        flat = [i for i in missing if is_flat(cells[i].images)]
        if flat:
            curves.add(_flat_exact([cells[i] for i in flat], edges, config))
        missing = [i for i in missing if i not in set(flat)]
        _add_exact([cells[i] for i in missing], edges[missing], config, curves, resources, progress)
    if trains(config):
        wanted = [
            m for m in plan_members(cells, edges, config)
            if (m.factor, m.context, m.seed, "train", m.direction) not in done
        ]  # fmt: skip
        flat_members = [m for m in wanted if is_flat(m.images)]
        if flat_members:
            curves.add(_flat_trained(flat_members, edges, config))
        wanted = [m for m in wanted if not is_flat(m.images)]
        if wanted:
            _add_trained(wanted, config, curves, resources, progress, say)
    return curves.trace


def _add_edges(cells: Sequence[Cell], config: AnnealConfig, curves: Curves, progress: Progress) -> None:
    done = curves.finished()
    if all((c.factor, c.context, 0, "closed-form", "") in done for c in cells):
        return
    bounds = freezing_bounds([c.images for c in cells], config.pixel_likelihood, progress=progress)
    curves.add(
        closed_form_trace(
            [c.factor for c in cells],
            [c.context for c in cells],
            [len(c.images) for c in cells],
            bounds.beta_closed_form_M,
            bounds.beta_upper_M,
        )
    )


def _edges_of(cells: Sequence[Cell], trace: AnnealTrace) -> np.ndarray:
    rows = {key: row for row, key in enumerate(trace.labels())}
    at = [rows[c.factor, c.context, 0, "closed-form", ""] for c in cells]
    return np.stack([trace.beta_closed_form_M[at], trace.beta_upper_M[at]], axis=1)


def _add_exact(
    cells: Sequence[Cell],
    edges: np.ndarray,
    config: AnnealConfig,
    curves: Curves,
    resources: Resources,
    progress: Progress,
) -> None:
    def job(part: slice, stop: Callable[[], bool]) -> AnnealTrace:
        def check(text: str, done: int, total: int) -> None:
            if stop():
                raise Stopped

        chosen = cells[part]
        return exact_annealing(
            [c.images for c in chosen],
            config.pixel_likelihood,
            latents=exact_latents(config),
            threshold_nats=config.threshold_nats,
            directions=directions(config),
            beta_floor=config.exact_floor,
            bounds=FreezingBounds(*edges[part].T),
            factors=[c.factor for c in chosen],
            contexts=[c.context for c in chosen],
            device=resources.device,
            progress=check,
        )

    starts = range(0, len(cells), EXACT_CHUNK)
    finished = 0

    def save(trace: AnnealTrace) -> None:
        nonlocal finished
        curves.add(trace)
        finished += len(trace) // len(exact_directions(config))
        progress("Exact curves", finished, len(cells))

    progress("Exact curves", 0, len(cells))
    jobs = [partial(job, slice(s, s + EXACT_CHUNK)) for s in starts]
    run_jobs(jobs, resources.threads if resources.device == "cpu" else 1, save)


def _flat_exact(cells: Sequence[Cell], edges: np.ndarray, config: AnnealConfig) -> AnnealTrace:
    """The exact curves of traversals of equal images; `edges` [cells of the run, 2] sets their range of beta."""
    lower, upper = edges_of_the_others(*edges.T)
    latents = exact_latents(config)
    return flat_exact_trace(
        [c.images for c in cells],
        likelihood=config.pixel_likelihood,
        names=exact_directions(config),
        low=0.5 * FLOOR[latents] * lower,
        high=2 * upper,
        latents=latents,
        factors=[c.factor for c in cells],
        contexts=[c.context for c in cells],
    )


def _flat_trained(members: Sequence[Member], edges: np.ndarray, config: AnnealConfig) -> AnnealTrace:
    """The curves of members of equal images, which need no training: along the law of beta, as if of the others."""
    lower, upper = edges_of_the_others(*edges.T)
    law, progress_T = get_law(config.law), np.linspace(0, 1, min(config.records, FLAT_RECORDS))
    ends = [beta_range(replace(m, beta_closed_form=lower, beta_upper=upper), config) for m in members]
    return flat_trace(
        [m.images for m in members],
        np.stack([np.array(law(progress_T, first, last), dtype=float) for first, last in ends]),
        likelihood=config.pixel_likelihood,
        method="train",
        directions=[m.direction for m in members],
        factors=[m.factor for m in members],
        contexts=[m.context for m in members],
        seeds=[m.seed for m in members],
        latents=config.latents,
    )


def _add_trained(
    members: Sequence[Member],
    config: AnnealConfig,
    curves: Curves,
    resources: Resources,
    progress: Progress,
    say: Say,
) -> None:
    data = data_of(members, config)
    chunk = resources.chunk or training_cost(members, data, config, resources.device, resources.threads).chunk
    total = len(members) * (config.steps + config.hold_steps)
    steps_done = 0

    def count(steps: int) -> None:
        nonlocal steps_done
        steps_done += steps  # from several threads: only the display can be a little off
        progress("Training (member-steps; members stop early)", min(steps_done, total), total)

    def job(rows: list[int], stop: Callable[[], bool]) -> AnnealTrace:
        return _anneal_halving(
            [members[i] for i in rows], [data[i] for i in rows], config, resources.device, count, stop, say
        )

    count(0)
    groups = chunk_members(data, config, chunk)
    # the longest first, so that the last chunks are short and no core waits
    groups.sort(key=lambda rows: -len(rows) * data[rows[0]].values_NP.size)
    run_jobs([partial(job, rows) for rows in groups], resources.threads if resources.device == "cpu" else 1, curves.add)
    progress("Training (member-steps; members stop early)", total, total)


def _anneal_halving(
    members: list[Member],
    data: list[MemberData],
    config: AnnealConfig,
    device: str,
    count: Callable[[int], None],
    stop: Callable[[], bool],
    say: Say,
) -> AnnealTrace:
    """Train a chunk; out of memory, halve it once."""
    train = partial(anneal_chunk, config=config, device=device, on_block=count, stop=stop)
    try:
        return train(members, data=data)
    except (MemoryError, torch.OutOfMemoryError):
        if len(members) == 1:
            raise
        half = len(members) // 2
        say(f"Out of memory with {len(members)} members a chunk: trying {half}.")
        parts = [train(members[p], data=data[p]) for p in (slice(None, half), slice(half, None))]
        return AnnealTrace.concatenate(parts)
