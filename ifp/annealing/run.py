"""A whole annealing run: edges, exact curves and trained members, chunk by chunk, so that it can be resumed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.annealing.config import AnnealConfig
from ifp.annealing.exact_curves import add_exact, flat_exact
from ifp.annealing.finished import Curves
from ifp.annealing.plan import (
    Cell,
    exact_directions,
    is_exact,
    plan_members,
    trains,
)
from ifp.annealing.resources import Resources
from ifp.annealing.trained_curves import add_trained, flat_trained
from ifp.errors import counted
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.threads import single_threaded_kernels
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.flat import is_flat
from ifp.trace import AnnealTrace, closed_form_trace


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
        say(f"Already there: {counted(len(done), 'curve')}.")
    curves.nuisances = {(c.factor, c.context): c.nuisance for c in cells}
    _add_edges(cells, config, curves, progress)
    edges = _edges_of(cells, curves.trace)
    if is_exact(config):
        missing = [
            i for i, c in enumerate(cells) if (c.factor, c.context, 0, "exact", exact_directions(config)[0]) not in done
        ]
        flat = [i for i in missing if is_flat(cells[i].images)]
        if flat:
            curves.add(flat_exact([cells[i] for i in flat], edges, config))
        missing = [i for i in missing if i not in set(flat)]
        add_exact([cells[i] for i in missing], edges[missing], config, curves, resources, progress, say)
    if trains(config):
        wanted = [
            m for m in plan_members(cells, edges, config)
            if (m.factor, m.context, m.seed, "train", m.direction) not in done
        ]  # fmt: skip
        flat_members = [m for m in wanted if is_flat(m.images)]
        if flat_members:
            curves.add(flat_trained(flat_members, edges, config))
        wanted = [m for m in wanted if not is_flat(m.images)]
        if wanted:
            add_trained(wanted, config, curves, resources, progress, say)
    return curves.trace


def _add_edges(cells: Sequence[Cell], config: AnnealConfig, curves: Curves, progress: Progress) -> None:
    done = curves.finished()
    if all((c.factor, c.context, 0, "closed-form", "") in done for c in cells):
        return
    # products this small take longer on several threads, and much longer where another process wants the cores
    with single_threaded_kernels():
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
