"""Builds an objective from options as a user or a checkpoint gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from ifp.errors import IfpError, bad_value, unknown_name
from ifp.system.settings import KINDS


class HasOptions(Protocol):
    """A frozen dataclass of hyper-parameters with the name of an objective."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    name: ClassVar[str]


Kind = TypeVar("Kind", bound=HasOptions)


def build(objective: type[Kind], options: Mapping[str, Any]) -> Kind:
    """The objective with these hyper-parameters, the defaults of its class where none are given.

    Raises
    ------
    IfpError : an option that it does not have or that is missing, a value of the wrong type or out of range.
    """
    name = objective.name
    fields = {field.name: field for field in dataclasses.fields(objective)}
    for option, field in fields.items():
        if option not in options and field.default is field.default_factory is dataclasses.MISSING:
            raise IfpError(f"The objective {name} needs {option}.")
    for option, value in options.items():
        if option not in fields:
            raise unknown_name(f"option of {name}", option, fields)
        _check_type(f"{name}: {option}", value, str(fields[option].type))
    return objective(**options)


def _check_type(name: str, value: Any, annotation: str) -> None:
    """Raise IfpError unless the value suits the annotation; compound types are left to the objective itself."""
    kind, _, optional = annotation.partition(" | ")
    if (value is None and optional == "None") or kind not in KINDS:
        return
    fits, allowed = KINDS[kind]
    if not fits(value):
        raise bad_value(name, value, allowed)
