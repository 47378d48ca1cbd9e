"""Gradient surgery: what is left has no part against the other gradient, and agreement is untouched."""

from __future__ import annotations

import torch

from ifp.topology.surgery import without_conflict


def product(first: list[torch.Tensor | None], second: list[torch.Tensor | None], row: int) -> float:
    there = [(f, s) for f, s in zip(first, second, strict=True) if f is not None and s is not None]
    return float(sum((f[row].double() * s[row].double()).sum() for f, s in there))


def gradients(seed: int, rows: int = 3) -> list[torch.Tensor | None]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, 40, 5, generator=generator), torch.randn(rows, 7, generator=generator)]


def test_conflict_is_taken_out_and_agreement_left() -> None:
    seen = set()
    for seed in range(20):
        g, r = gradients(seed), gradients(seed + 1000)
        found = without_conflict(g, r)
        for row in range(3):
            conflict = product(g, r, row) < 0
            seen.add(conflict)
            if conflict:
                # float32 gradients: the product is 0 up to rounding of the size of both
                size = (product(g, g, row) * product(r, r, row)) ** 0.5
                assert abs(product(found, r, row)) < 1e-6 * size
            else:
                assert all(torch.equal(f[row], o[row]) for f, o in zip(found, g, strict=True))  # type: ignore[index]
    assert seen == {True, False}


def test_what_points_the_other_way_vanishes() -> None:
    r = gradients(1)
    opposite = [None if part is None else -2 * part for part in r]
    assert all(part is not None and float(part.abs().max()) < 1e-6 for part in without_conflict(opposite, r))


def test_parameters_that_one_loss_does_not_reach() -> None:
    """They count in neither product; the other loss's length counts them."""
    g: list[torch.Tensor | None] = [torch.tensor([[1.0, 0.0]]), None, torch.tensor([[4.0]])]
    r: list[torch.Tensor | None] = [torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0]]), None]
    found = without_conflict(g, r)  # <g, r> = -1, <r, r> = 2
    assert [None if part is None else part.tolist() for part in found] == [[[0.5, 0.0]], [[0.5]], [[4.0]]]
    assert without_conflict([None], [torch.ones(1, 1)]) == [None]


def test_a_member_does_not_notice_the_others() -> None:
    g, r = gradients(5), gradients(6)
    together = without_conflict(g, r)
    for row in range(3):
        alone = without_conflict([p[row : row + 1] for p in g], [p[row : row + 1] for p in r])  # type: ignore[index]
        assert all(torch.equal(a[0], t[row]) for a, t in zip(alone, together, strict=True))  # type: ignore[index]
