"""What the configs share: settings as JSON holds them, checked by the types of a config's fields, and their digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from ifp.errors import IfpError, bad_value, unknown_name

Kind = tuple[Callable[[Any], bool], str]
"""Whether a value suits a setting, and what to say is allowed."""


def is_number(value: Any) -> bool:
    """Whether it is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


KINDS: Mapping[str, Kind] = {
    "int": (lambda value: is_number(value) and isinstance(value, int), "a whole number"),
    "float": (is_number, "a number"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "str": (lambda value: isinstance(value, str), "a text"),
}
"""By the annotation of a field."""


def check_stored(config: type, stored: Mapping[str, Any], special: Mapping[str, Kind]) -> None:
    """Raise IfpError unless `stored` names a data set, and only fields of `config`, each with a value of its type.

    Parameters
    ----------
    config : a dataclass in a module with `from __future__ import annotations`.
    special : the kinds of the fields whose annotation is not in `KINDS`, by name.
    """
    annotations = {field.name: str(field.type) for field in dataclasses.fields(config)}
    for name in stored:
        if name not in annotations:
            raise unknown_name("setting", name, annotations)
    if "dataset" not in stored:
        raise IfpError('The settings name no dataset; add "dataset".')
    for name, value in stored.items():
        fits, allowed = special[name] if name in special else KINDS[annotations[name]]
        if not fits(value):
            raise bad_value(name, value, allowed)


def settings_digest(stored: Mapping[str, Any]) -> str:
    """Equal for equal settings, whatever their order; 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]
