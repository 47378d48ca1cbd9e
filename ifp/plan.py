"""Plan: the traversals of a run and the curves it needs, in a fixed order. Everything is checked here, before
anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ifp.config import AnnealConfig
from ifp.datasets.base import FactorDataset
from ifp.members import Member, make_network
from ifp.trace import Key

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, units done, units in all)."""


EXACT_CHUNK = 16
"""Traversals an exact job: small enough that little is lost, large enough for the batch to pay."""
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
    return tuple(dict.fromkeys(config.factors)) or dataset.space.names


def plan_cells(
    dataset: FactorDataset, config: AnnealConfig, progress: Progress = lambda text, done, total: None
) -> list[Cell]:
    """Draw and render every traversal of a run.

    Raises
    ------
    IfpError : unknown factor, more contexts than exist, or images that the architecture cannot take.
    """
    if trains(config):
        make_network(config, dataset.image_shape)
    factors = run_factors(dataset, config)
    drawn = [t for f in factors for t in dataset.sample_traversals(f, config.contexts, config.seed, config.nuisance)]
    cells = []
    for number, traversal in enumerate(drawn):
        images = dataset.traversal_images(traversal)
        cells.append(Cell(traversal.factor, traversal.context, images, dataset.shared_nuisance(traversal)))
        progress("Images", number + 1, len(drawn))
    return cells


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
