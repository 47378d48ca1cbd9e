"""The trained curves of a run: chunks of members in parallel, the longest first; out of memory, a chunk is halved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ifp.annealing.config import AnnealConfig
from ifp.annealing.finished import Curves
from ifp.annealing.members import Member, MemberData, chunk_members, data_of
from ifp.annealing.resources import Resources
from ifp.annealing.train import anneal_chunk, beta_range
from ifp.annealing.training_cost import best_chunk
from ifp.schedule import get_law
from ifp.system.progress import Progress, Say
from ifp.system.workers import Site
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
    workers = resources.workers
    size = resources.chunk or best_chunk(members, data, config, resources.device, resources.threads)
    total = len(members) * (config.steps + config.hold_steps)
    steps_done = 0

    def count(steps: int) -> None:
        nonlocal steps_done
        steps_done += steps  # from several threads: only the display can be a little off
        progress("Training (member-steps; members stop early)", min(steps_done, total), total)

    count(0)
    # nobody is left without a chunk for want of them; members are the same in every division
    chunks = chunk_members(data, config, min(size, math.ceil(len(members) / workers.count)))
    # the longest first, so that the last chunks are short and no core waits
    chunks.sort(key=lambda rows: -len(rows) * data[rows[0]].values_NP.size)
    workers.map_chunks(
        train_chunk, config, [TrainedChunk([members[i] for i in rows], [data[i] for i in rows]) for rows in chunks],
        curves.add, name=TrainedChunk.name, count=count, say=say,
    )  # fmt: skip
    progress("Training (member-steps; members stop early)", total, total)


@dataclass
class TrainedChunk:
    """Members that train as one batch. Without their images where it travels: only the reduced ones are trained on."""

    members: list[Member]
    data: list[MemberData]

    def name(self) -> str:
        """What tells these members from others."""
        return "members " + ", ".join(member.key for member in self.members)

    def __getstate__(self) -> dict[str, Any]:
        shapes = [(member.images.shape, member.images.dtype) for member in self.members]
        plain = [MemberData(d.values_NP, d.weight_P, d.constant_nats) for d in self.data]
        return {"members": [replace(m, images=_NO_IMAGES) for m in self.members], "data": plain, "shapes": shapes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        blank = [np.broadcast_to(np.zeros((), dtype), shape) for shape, dtype in state["shapes"]]
        self.members = [replace(m, images=images) for m, images in zip(state["members"], blank, strict=True)]
        self.data = state["data"]


_NO_IMAGES = np.empty(0, np.uint8)


def train_chunk(config: AnnealConfig, chunk: TrainedChunk, site: Site) -> AnnealTrace:
    """The curves of a chunk."""
    return _anneal_halving(chunk.members, chunk.data, config, site)


def _anneal_halving(members: list[Member], data: list[MemberData], config: AnnealConfig, site: Site) -> AnnealTrace:
    """Train a chunk; out of memory, in two halves."""
    try:
        return anneal_chunk(
            members, config, data=data, device=site.device, on_block=site.count, stop=site.stop, say=site.say
        )
    except (MemoryError, torch.OutOfMemoryError):
        if len(members) == 1:
            raise
    # the failed attempt's memory is free only here, outside its error
    half = len(members) // 2
    site.say(f"Out of memory with {len(members)} members per chunk: trying {half}.")
    halves = (slice(None, half), slice(half, None))
    return AnnealTrace.concatenate([_anneal_halving(members[p], data[p], config, site) for p in halves])


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
