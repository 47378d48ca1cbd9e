"""The batched minimiser against problems whose minimum is known."""

from __future__ import annotations

import torch
from torch import Tensor

from ifp.exact.inverse_hessians import LimitedMemory
from ifp.exact.minimiser import minimise


def quartics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Minimisers [A, 10] and badly scaled curvatures [A, 10] of the problems in `rows`."""
    at = rows[:, None] + torch.arange(10, dtype=torch.float64) / 7
    return at.sin(), 10 ** (torch.arange(10, dtype=torch.float64) / 3 + 0.1 * rows[:, None])


def objective(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of curvature (y^2 + y^4) / 2 with y = x - minimiser."""
    at, curvature = quartics(rows)
    y = x - at
    return (curvature * (y**2 + y**4) / 2).sum(1), curvature * (y + 2 * y**3)


def solve(problems: list[int]) -> Tensor:
    rows = torch.tensor(problems)
    start = torch.zeros(len(rows), 10, dtype=torch.float64)
    found = minimise(
        lambda x, r: objective(x, rows[r]),
        start,
        LimitedMemory.begin(torch.ones_like(start)),
        torch.full((len(rows),), 1e-16, dtype=torch.float64),
        max_step_MV=torch.full_like(start, 0.5),
        max_evaluations=500,
    )
    return found.x_MV


def test_finds_every_minimum_of_a_batch() -> None:
    torch.testing.assert_close(solve([0, 3, 4, 9]), quartics(torch.tensor([0, 3, 4, 9]))[0], rtol=0, atol=1e-7)


def test_together_equals_alone() -> None:
    together = solve([5, 1, 8])
    for row, problem in enumerate([5, 1, 8]):
        torch.testing.assert_close(together[row], solve([problem])[0], rtol=0, atol=1e-12)
