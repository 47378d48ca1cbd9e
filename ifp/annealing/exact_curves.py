"""The exact curves of a run: chunks of traversals in parallel, each saved as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ifp.annealing.config import AnnealConfig
from ifp.annealing.finished import Curves
from ifp.annealing.plan import EXACT_CHUNK, Cell, directions, exact_directions, exact_latents
from ifp.annealing.resources import Resources
from ifp.exact.annealing import exact_annealing
from ifp.exact.targets import FLOOR
from ifp.system.devices import DevicePool, slots
from ifp.system.progress import Progress
from ifp.system.threads import Stopped, run_jobs
from ifp.theory.closed_form import FreezingBounds
from ifp.theory.flat import edges_of_the_others, flat_exact_trace
from ifp.trace import AnnealTrace


def add_exact(
    cells: Sequence[Cell],
    edges: np.ndarray,
    config: AnnealConfig,
    curves: Curves,
    resources: Resources,
    progress: Progress,
) -> None:
    """Compute the exact curves of these traversals, whose edges are `edges` [cells, 2], and add them to `curves`."""

    devices = slots(resources.device, resources.threads)
    pool = DevicePool(devices)

    def job(chunk: slice, stop: Callable[[], bool]) -> AnnealTrace:
        with pool.lent() as device:
            return curves_of(chunk, device, stop)

    def curves_of(chunk: slice, device: str, stop: Callable[[], bool]) -> AnnealTrace:
        def check(text: str, done: int, total: int) -> None:
            if stop():
                raise Stopped

        chosen = cells[chunk]
        return exact_annealing(
            [c.images for c in chosen],
            config.pixel_likelihood,
            latents=exact_latents(config),
            threshold_nats=config.threshold_nats,
            directions=directions(config),
            beta_floor=config.exact_floor,
            bounds=FreezingBounds(*edges[chunk].T),
            factors=[c.factor for c in chosen],
            contexts=[c.context for c in chosen],
            device=device,
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
    run_jobs(jobs, len(devices), save)


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
