"""The trained curves of a run: chunks of members in parallel, the longest first; out of memory, a chunk is halved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ifp.annealing.config import AnnealConfig
from ifp.annealing.device_chunks import device_chunks
from ifp.annealing.finished import Curves
from ifp.annealing.members import Member, MemberData, chunk_members, data_of
from ifp.annealing.resources import Resources
from ifp.annealing.train import anneal_chunk, beta_range
from ifp.annealing.training_cost import training_cost
from ifp.schedule import get_law
from ifp.system.devices import DevicePool, slots
from ifp.system.progress import Progress, Say
from ifp.system.threads import run_jobs
from ifp.theory.flat import FLAT_RECORDS, edges_of_the_others, flat_trace
from ifp.trace import AnnealTrace


def add_trained(
    members: Sequence[Member],
    config: AnnealConfig,
    curves: Curves,
    resources: Resources,
    progress: Progress,
    say: Say,
) -> None:
    """Train these members and add each finished chunk to `curves`."""
    data = data_of(members, config)
    chunk = resources.chunk or training_cost(members, data, config, resources.device, resources.threads).chunk
    total = len(members) * (config.steps + config.hold_steps)
    steps_done = 0

    def count(steps: int) -> None:
        nonlocal steps_done
        steps_done += steps  # from several threads: only the display can be a little off
        progress("Training (member-steps; members stop early)", min(steps_done, total), total)

    devices = slots(resources.device, resources.threads)
    pool = DevicePool(devices)

    def job(rows: list[int], stop: Callable[[], bool]) -> AnnealTrace:
        with pool.lent() as device:
            return _anneal_halving(
                [members[i] for i in rows], [data[i] for i in rows], config, device, count, stop, say
            )

    count(0)
    if resources.device == "cpu":
        chunks = chunk_members(data, config, chunk)
    else:
        chunks = device_chunks(data, config, chunk, len(devices))
    # the longest first, so that the last chunks are short and no core waits
    chunks.sort(key=lambda rows: -len(rows) * data[rows[0]].values_NP.size)
    run_jobs([partial(job, rows) for rows in chunks], len(devices), curves.add)
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
    """Train a chunk; out of memory, in two halves."""
    try:
        return anneal_chunk(members, config, data=data, device=device, on_block=count, stop=stop, say=say)
    except (MemoryError, torch.OutOfMemoryError):
        if len(members) == 1:
            raise
    # the failed attempt's memory is free only here, outside its error
    half = len(members) // 2
    say(f"Out of memory with {len(members)} members per chunk: trying {half}.")
    halves = (slice(None, half), slice(half, None))
    parts = [_anneal_halving(members[p], data[p], config, device, count, stop, say) for p in halves]
    return AnnealTrace.concatenate(parts)


def flat_trained(members: Sequence[Member], edges: np.ndarray, config: AnnealConfig) -> AnnealTrace:
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
