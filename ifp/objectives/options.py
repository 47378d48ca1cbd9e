"""Checks of an objective's hyper-parameters, made when it is built; each error is one sentence."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, cast

from ifp.errors import bad_value
from ifp.objectives.base import Objective


def require_positive(objective: Objective, *names: str) -> None:
    """Raise IfpError unless each of these fields is a finite number above 0."""
    for name in names:
        value = getattr(objective, name)
        if not (math.isfinite(value) and value > 0):
            kind = "a whole number of at least 1" if _is_whole(objective, name) else "a positive number"
            raise bad_value(f"{objective.name}: {name}", value, kind)


def require_not_negative(objective: Objective, *names: str) -> None:
    """Raise IfpError unless each of these fields is a finite number of at least 0."""
    for name in names:
        value = getattr(objective, name)
        if not (math.isfinite(value) and value >= 0):
            kind = "a whole number" if _is_whole(objective, name) else "a number"
            raise bad_value(f"{objective.name}: {name}", value, f"{kind} of at least 0")


def _is_whole(objective: Objective, name: str) -> bool:
    """Whether the field is for whole numbers, by its annotation."""
    fields = {field.name: str(field.type) for field in dataclasses.fields(cast(Any, objective))}
    return fields[name].partition(" | ")[0] == "int"


def warm_up(step: int, steps: int) -> float:
    """A weight's share while it rises linearly from 0 to 1 over the first `steps`; 1 from the start where they are 0.

    >>> warm_up(2500, 10_000), warm_up(20_000, 10_000), warm_up(0, 0)
    (0.25, 1.0, 1.0)
    """
    return min(step / steps, 1.0) if steps else 1.0
