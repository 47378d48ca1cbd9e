"""The exact curves of a run: chunks of traversals in parallel, each saved as soon as it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ifp.annealing.config import AnnealConfig
from ifp.annealing.finished import Curves
from ifp.annealing.plan import Cell, directions, exact_chunk_size, exact_directions, exact_latents
from ifp.annealing.resources import Resources
from ifp.exact.annealing import exact_annealing
from ifp.exact.targets import FLOOR
from ifp.system.processes import ProcessWorkers
from ifp.system.progress import Progress, Say
from ifp.system.threads import Stopped
from ifp.system.workers import Site
from ifp.theory.closed_form import FreezingBounds
from ifp.theory.flat import edges_of_the_others, flat_exact_trace
from ifp.theory.reduction import reduce_traversal
from ifp.trace import AnnealTrace

SECONDS_PER_IMAGE = {1: 0.015, 2: 0.5}
"""What a traversal costs on one core for each of its images, by the number of latents: right to some threefold."""


def add_exact(
    cells: Sequence[Cell],
    edges: np.ndarray,
    config: AnnealConfig,
    curves: Curves,
    resources: Resources,
    progress: Progress,
    say: Say,
) -> None:
    """Compute the exact curves of these traversals, whose edges are `edges` [cells, 2], and add them to `curves`."""
    finished = 0

    def save(trace: AnnealTrace) -> None:
        nonlocal finished
        curves.add(trace)
        finished += len(trace) // len(exact_directions(config))
        progress("Exact curves", finished, len(cells))

    progress("Exact curves", 0, len(cells))
    chunks = [ExactChunk([cells[i] for i in numbers], edges[numbers]) for numbers in _in_chunks(cells, config)]
    workers = resources.workers_for(SECONDS_PER_IMAGE[exact_latents(config)] * sum(len(c.images) for c in cells))
    if isinstance(workers, ProcessWorkers) and len(chunks) > 1:
        say(f"Exact curves: {min(workers.count, len(chunks))} processes, of one thread each.")
    workers.map_chunks(exact_chunk, config, chunks, save, name=ExactChunk.name, say=say)


def _in_chunks(cells: Sequence[Cell], config: AnnealConfig) -> list[list[int]]:
    """The numbers of cells that are alike in images and distinct pixels, `exact_chunk_size` at a time.

    A curve's last digits depend on which others are computed with it, so that the chunks which are left of a stopped
    run must be those of the whole run: they are, since whole chunks were saved. The dearest come first, so that no
    worker is left alone with one of them at the end.
    """
    size = [(len(c.images), len(reduce_traversal(c.images, config.pixel_likelihood).weight_P)) for c in cells]
    order = sorted(range(len(cells)), key=lambda i: (*size[i], i))
    alike = [list(group) for _, group in groupby(order, key=lambda i: size[i][0])]
    chunks = []
    for group in alike[::-1]:
        together = exact_chunk_size(len(cells[group[0]].images))
        chunks += [group[at : at + together] for at in range(0, len(group), together)]
    return chunks


@dataclass
class ExactChunk:
    """Traversals whose curves are computed together, with their edges [cells, 2]."""

    cells: Sequence[Cell]
    edges: np.ndarray

    def name(self) -> str:
        """What tells these traversals from others."""
        return "exact curves " + ", ".join(f"{c.factor}|{'-'.join(map(str, c.context))}" for c in self.cells)


def exact_chunk(config: AnnealConfig, chunk: ExactChunk, site: Site) -> AnnealTrace:
    """The exact curves of a chunk."""

    def check(text: str, done: int, total: int) -> None:
        if site.stop():
            raise Stopped

    return exact_annealing(
        [c.images for c in chunk.cells],
        config.pixel_likelihood,
        latents=exact_latents(config),
        threshold_nats=config.threshold_nats,
        directions=directions(config),
        beta_floor=config.exact_floor,
        bounds=FreezingBounds(*chunk.edges.T),
        factors=[c.factor for c in chunk.cells],
        contexts=[c.context for c in chunk.cells],
        device=site.device,
        progress=check,
    )


def flat_exact(cells: Sequence[Cell], edges: np.ndarray, config: AnnealConfig) -> AnnealTrace:
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
