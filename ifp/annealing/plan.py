"""Plan: the traversals of a run and the curves it needs, in a fixed order. Everything is checked here, before
anything is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ifp.annealing.config import AnnealConfig
from ifp.annealing.members import Member, make_network
from ifp.datasets.base import FactorDataset
from ifp.datasets.factors import FactorTraversal
from ifp.errors import IfpError, NothingFroze
from ifp.system.progress import Progress, silent, unsaid
from ifp.theory.flat import is_flat
from ifp.trace import Key

EXACT_CHUNK_IMAGES, LEAST_EXACT_CHUNK, MOST_EXACT_CHUNK = 1024, 16, 64
"""Images of an exact job, and the fewest and most traversals: small enough that little is lost and no worker is alone
for long at the end, large enough for the batch to pay."""
MOST_EXACT_LATENTS = 2


@dataclass(frozen=True)
class Cell:
    """One traversal of a run: a factor in a context, with its images [N, C, H, W] and the nuisance they share or -1."""

    factor: str
    context: tuple[int, ...]
    images: np.ndarray
    nuisance: int = -1


def run_factors(dataset: FactorDataset, config: AnnealConfig) -> tuple[str, ...]:
    """The factors that the config asks for, all if it names none; raises IfpError for an unknown one."""
    for factor in config.factors:
        dataset.space.index_of(factor)
    return config.factors or dataset.space.names


def plan_cells(
    dataset: FactorDataset,
    config: AnnealConfig,
    progress: Progress = silent,
    *,
    typed: Collection[str] = (),
    say: Callable[[str], None] = unsaid,
    most_rendered: int | None = None,
) -> list[Cell]:
    """Draw and render every traversal of a run.

    A factor with fewer contexts than the config has takes all that it has, and one that never changes while the others
    are held is left out, unless the user asked for that number or that factor.

    Parameters
    ----------
    typed : the settings that the user gave, by their names in the config: they are refused, not clipped.
    say : is told what was clipped.
    most_rendered : traversals of a factor that are rendered, evenly spaced; the others get the images of the one before
        them, which serves to estimate a cost. None renders all.

    Raises
    ------
    IfpError : unknown factor, more contexts than exist where they were asked for, no context at all, or images that the
        architecture cannot take.
    """
    if trains(config):
        make_network(config, dataset.image_shape)
    factors = run_factors(dataset, config)
    there = {factor: dataset.num_contexts(factor) for factor in factors}
    if not config.factors:
        there = _with_contexts(there, dataset.name, say)
    wanted = dict.fromkeys(there, config.contexts)
    if "contexts" not in typed:
        wanted = {factor: min(config.contexts, max(count, 1)) for factor, count in there.items()}
        fewer = [f"{factor} {count}" for factor, count in wanted.items() if count < config.contexts]
        only = next(iter(there))
        if len(dataset.space.names) == 1 and wanted[only] == 1 < config.contexts:
            say(f"All images are one traversal, along {only}: one context, not the default of {config.contexts}.")
        elif fewer:
            say(f"Contexts: all there are, {', '.join(fewer)}, not the default of {config.contexts}.")
    drawn: list[FactorTraversal] = []
    for factor, count in wanted.items():
        drawn += dataset.sample_traversals(factor, count, config.seed, config.nuisance)
        progress("Contexts", len(drawn), sum(wanted.values()))
    cells: list[Cell] = []
    of_factor: dict[str, int] = {}
    for number, traversal in enumerate(drawn):
        at = of_factor[traversal.factor] = of_factor.get(traversal.factor, -1) + 1
        stride = 1 if most_rendered is None else math.ceil(wanted[traversal.factor] / most_rendered)
        images = cells[-1].images if at % stride else dataset.traversal_images(traversal)
        cells.append(Cell(traversal.factor, traversal.context, images, dataset.shared_nuisance(traversal)))
        progress("Images", number + 1, len(drawn))
    return cells


def check_some_can_freeze(cells: Sequence[Cell]) -> None:
    """Raise NothingFroze where in every traversal all images are equal, before anything is computed or written."""
    if all(is_flat(cell.images) for cell in cells):
        raise NothingFroze(
            f"Nothing can freeze: in each of the {len(cells)} traversals all images are equal; choose other factors, "
            "or a `seed` that draws other contexts."
        )


def _with_contexts(there: dict[str, int], name: str, say: Callable[[str], None]) -> dict[str, int]:
    """The factors that change while the others are held."""
    fixed = [factor for factor, count in there.items() if count < 1]
    if len(fixed) == len(there):
        raise IfpError(
            f"In {name} no factor changes while the others are held, so there is no traversal to anneal; give images "
            "that differ in one factor alone."
        )
    if fixed:
        say(f"Left out, because they never change while the others are held: {', '.join(fixed)}.")
    return {factor: count for factor, count in there.items() if count}


def trains(config: AnnealConfig) -> bool:
    """Whether the run trains networks."""
    return config.method in ("train", "both")


def is_exact(config: AnnealConfig) -> bool:
    """Whether the run computes exact curves."""
    return config.method in ("exact", "both")


def directions(config: AnnealConfig) -> tuple[str, ...]:
    """The branches of a run."""
    return ("cool", "heat") if config.direction == "both" else (config.direction,)


def exact_directions(config: AnnealConfig) -> tuple[str, ...]:
    """The exact branches of a run; with both there is the equilibrium too."""
    return (*directions(config), "equilibrium") if config.direction == "both" else directions(config)


def exact_latents(config: AnnealConfig) -> int:
    """Latents of the exact curves: the network's, but no more than the quadrature grid has dimensions."""
    return min(config.latents, MOST_EXACT_LATENTS)


def exact_chunk_size(images: int) -> int:
    """Traversals of so many images that make an exact job.

    >>> exact_chunk_size(3), exact_chunk_size(32), exact_chunk_size(200)
    (64, 32, 16)
    """
    return min(max(EXACT_CHUNK_IMAGES // images, LEAST_EXACT_CHUNK), MOST_EXACT_CHUNK)


def plan_members(cells: Sequence[Cell], edges: np.ndarray, config: AnnealConfig) -> list[Member]:
    """The members to be trained; `edges` [cells, 2] holds each traversal's beta_closed_form and beta_upper."""
    return [
        Member(c.factor, c.context, seed, direction, c.images, float(lower), float(upper))
        for c, (lower, upper) in zip(cells, edges, strict=True)
        for seed in range(config.seeds)
        for direction in directions(config)
    ]


def plan_keys(cells: Sequence[Cell], config: AnnealConfig) -> list[Key]:
    """Every curve of the finished run, in the order of its files."""
    keys: list[Key] = [(c.factor, c.context, 0, "closed-form", "") for c in cells]
    if is_exact(config):
        keys += [(c.factor, c.context, 0, "exact", d) for c in cells for d in exact_directions(config)]
    if trains(config):
        keys += [
            (c.factor, c.context, seed, "train", d)
            for c in cells
            for seed in range(config.seeds)
            for d in directions(config)
        ]
    return keys
