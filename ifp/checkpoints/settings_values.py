"""Values out of a run's settings, of the kind that is wanted or None: what stands there is somebody else's."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

_MAX_REFERENCES = 8
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def lookup(config: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, nested or under the dotted name itself; None where there is none.

    A value "${other.path}", as OmegaConf writes them, is followed.

    >>> lookup({"a": {"b": "${c.d}"}, "c.d": 3}, "a.b")
    3
    """
    for _ in range(_MAX_REFERENCES):
        value = _at(config, path)
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference is None:
            return value
        path = reference[1]
    return None


def _at(config: Mapping[str, Any], path: str) -> Any:
    if path in config:
        return config[path]
    first, _, rest = path.partition(".")
    inner = config.get(first)
    return _at(inner, rest) if rest and isinstance(inner, Mapping) else None


def finite(value: object) -> float | None:
    """`value` where it is a finite number, else None.

    >>> finite(4), finite(True), finite(10**400)
    (4.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # compared, not converted: a whole number may be beyond any float
    return float(value) if abs(value) <= sys.float_info.max else None


def number_at(config: Mapping[str, Any], *paths: str) -> float | None:
    """The first finite number of at least 0 at one of `paths`.

    >>> number_at({"beta": True, "loss": {"beta": 4}}, "beta", "loss.beta")
    4.0
    """
    for path in paths:
        number = finite(lookup(config, path))
        if number is not None and number >= 0:
            return number
    return None


def word_at(config: Mapping[str, Any], *paths: str) -> str | None:
    """The first text at one of `paths`."""
    return next((value for value in (lookup(config, path) for path in paths) if isinstance(value, str)), None)
