"""The laws of beta: start, end, monotone, value at step k, for floats, arrays and tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ifp.errors import IfpError
from ifp.schedule import LAWS, author, get_law

U = np.linspace(0, 1, 101)


@pytest.mark.parametrize("name", ["geometric", "linear"])
@pytest.mark.parametrize(("start", "end"), [(80.0, 1.0), (1.0, 300.0)])
def test_law_runs_from_start_to_end(name: str, start: float, end: float) -> None:
    beta = LAWS[name](U, start, end)
    assert beta[0] == pytest.approx(start)
    assert beta[-1] == pytest.approx(end)
    assert (np.diff(beta) * np.sign(end - start) > 0).all()


def test_author_law_has_the_published_values() -> None:
    # beta(t) = 70 exp(-15 t / 8000) + 1, by hand
    for step in (0, 500, 1000, 2000, 4000):
        assert author(step / 8000) == pytest.approx(70 * math.exp(-15 * step / 8000) + 1, rel=1e-12)
    assert [round(author(step / 8000), 2) for step in (0, 500, 1000, 2000, 4000)] == [71.0, 28.41, 11.73, 2.65, 1.04]


@pytest.mark.parametrize("name", LAWS)
def test_laws_work_on_tensors_with_one_value_a_member(name: str) -> None:
    start, end = torch.tensor([80.0, 40.0]), torch.tensor([1.0, 2.0])
    beta = LAWS[name](torch.tensor([0.25, 0.5]), start, end)
    for m, u in enumerate((0.25, 0.5)):
        assert beta[m].item() == pytest.approx(LAWS[name](u, start[m].item(), end[m].item()), rel=1e-6)


def test_unknown_law_names_the_known_ones() -> None:
    with pytest.raises(IfpError, match="geometric, linear, author"):
        get_law("exponential")
