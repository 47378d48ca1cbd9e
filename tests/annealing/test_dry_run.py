"""The cost of a run is estimated in bounded time: few traversals, few seconds, and it says so."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ifp.annealing.config import AnnealConfig
from ifp.annealing.plan import plan_cells
from ifp.annealing.run_cost import run_cost
from ifp.datasets.base import FactorTraversal
from ifp.datasets.npz import NpzDataset

CONTEXTS = 60


class Counting(NpzDataset):
    """Counts the traversals that are rendered."""

    rendered = 0

    def traversal_images(self, traversal: FactorTraversal) -> np.ndarray:
        self.rendered += 1
        return super().traversal_images(traversal)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Counting:
    path = tmp_path_factory.mktemp("data") / "many.npz"
    factors = np.array(list(itertools.product(range(3), range(3), range(CONTEXTS // 3))))
    images = np.zeros((len(factors), 6, 30), np.uint8)
    for image, (row, column, place) in zip(images, factors, strict=True):
        image[row : row + 2, place : place + 4 + column] = 255
    np.savez(path, images=images, factors=factors)
    return Counting(path)


CONFIG = AnnealConfig(dataset="npz:many", contexts=CONTEXTS, factors=("factor_0", "factor_1"), steps=150)


def estimate(cells: list, config: AnnealConfig, **more: Any):  # type: ignore[no-untyped-def,type-arg]
    return run_cost(cells, config, (), device="cpu", threads=1, time_exact=True, **more)  # type: ignore[arg-type]


def test_few_traversals_are_rendered_and_all_are_counted(dataset: Counting) -> None:
    dataset.rendered = 0
    cells = plan_cells(dataset, CONFIG, most_rendered=4)
    assert dataset.rendered == 8
    assert [c.context for c in cells] == [c.context for c in plan_cells(dataset, CONFIG)]
    told: list[tuple[str, int, int]] = []
    cost = estimate(cells, CONFIG, most_seconds=0.2, progress=lambda *state: told.append(state))
    exact = [(done, total) for text, done, total in told if text == "Measuring exact curves"]
    assert (exact[0], exact[-1]) == ((0, 2), (2, 2))  # its line is closed
    assert (cost.traversals, cost.exact_traversals, cost.rendered) == (120, 120, 8)
    assert cost.training is not None
    assert cost.training.members == 240
    assert "estimated from 8 of the traversals" in cost.text()


def test_measuring_is_cut_short_and_says_so(dataset: Counting) -> None:
    cells = plan_cells(dataset, CONFIG, most_rendered=1)
    started = time.perf_counter()
    cost = estimate(cells, replace(CONFIG, latents=2, method="exact"), most_seconds=0.05)
    assert time.perf_counter() - started < 20
    assert cost.exact_at_least
    assert "exact curves, at least" in cost.text()


def test_a_whole_estimate_is_that_of_all(dataset: Counting) -> None:
    cells = plan_cells(dataset, replace(CONFIG, contexts=2))
    cost = estimate(cells, replace(CONFIG, contexts=2, method="exact"))
    assert (cost.rendered, cost.exact_at_least) == (4, False)
    assert "estimated from" not in cost.text()


def test_everything_flat_costs_nothing(tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", images=np.full((4, 3, 3), 9, np.uint8), factors=np.arange(4)[:, None])
    config = AnnealConfig(dataset="npz:flat", contexts=1)
    cost = estimate(plan_cells(NpzDataset(tmp_path / "flat.npz"), config), config)
    assert (cost.exact_traversals, cost.exact_seconds, cost.training) == (0, None, None)


def test_without_a_limit_every_size_of_a_chunk_is_measured(bars_npz: Path) -> None:
    """A run itself sets no limit; one member per chunk trains several times slower than the best size."""
    config = AnnealConfig(dataset="npz:bars", architecture="mlp", method="train", contexts=3, steps=40, records=10)
    cells = plan_cells(NpzDataset(bars_npz), config)
    cost = run_cost(cells, config, [], device="cpu", threads=1, time_exact=False)
    assert cost.training is not None
    assert len(cost.training.rates) > 1
