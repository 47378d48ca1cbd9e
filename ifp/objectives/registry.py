"""The objectives by name, and how one is built from options as a user or a checkpoint gives them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ifp.errors import unknown_name
from ifp.objectives.annealed import AnnealedVae
from ifp.objectives.base import Objective
from ifp.objectives.beta import BetaVae
from ifp.objectives.beta_tc import BetaTcVae
from ifp.objectives.build import build
from ifp.objectives.cascade import CascadeVae
from ifp.objectives.controlled import ControlVae, DynamicVae
from ifp.objectives.deft import Deft
from ifp.objectives.dip import DipVae1, DipVae2
from ifp.objectives.factor import FactorVae
from ifp.objectives.topdis import TopDis

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        BetaVae, AnnealedVae, CascadeVae, BetaTcVae, FactorVae, DipVae1, DipVae2, ControlVae, DynamicVae, Deft,
        TopDis,
    )
}  # fmt: skip


def get_objective(name: str) -> type[Objective]:
    """The class called `name`; raises IfpError with the known names."""
    if name not in OBJECTIVES:
        raise unknown_name("objective", name, OBJECTIVES)
    return OBJECTIVES[name]


def make_objective(name: str, **options: Any) -> Objective:
    """The objective called `name` with these hyper-parameters, those of its paper where none are given.

    Raises
    ------
    IfpError : an unknown name, an option that it does not have or that is missing, a value of the wrong type or out of
        range.

    >>> make_objective("annealed", c_max=15)
    AnnealedVae(gamma=1000.0, c_max=15, threshold_steps=100000)
    """
    return build(get_objective(name), options)


def describe_options(objective: Objective) -> dict[str, Any]:
    """The hyper-parameters as a plain dictionary; `make_objective(objective.name, **...)` builds the same again."""
    return dataclasses.asdict(objective)
