"""A hyper-parameter may be written as a whole number: what an objective remembers still holds fractions."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from ifp.objectives.registry import OBJECTIVES, get_objective, make_objective

NEEDED = {"deft": {"betas": [3, 1]}}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_no_state_is_of_integers(name: str) -> None:
    """An integer beta loses what its controller adds at each step, without a word."""
    whole = {
        field.name: int(field.default)
        for field in dataclasses.fields(get_objective(name))
        if isinstance(field.default, float) and field.default.is_integer()
    }
    objective = make_objective(name, **NEEDED.get(name, {}), **whole)
    state = objective.initial_state(2, 4, torch.device("cpu"))
    for key, value in state.items():
        assert value.is_floating_point(), key


def test_a_controller_moves_a_beta_that_was_given_as_a_whole_number() -> None:
    for name, options in (("dynamic", {"beta_start": 5, "beta_min": 1}), ("control", {"beta_min": 1})):
        state = make_objective(name, **options).initial_state(2, 4, torch.device("cpu"))
        assert state["beta_M"].dtype == torch.float32
