"""Public names that load their module on first use, so that importing a package costs neither torch nor matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, home: Mapping[str, str], rooms: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package.

    Parameters
    ----------
    package : its name.
    home : public name -> the module that defines it.
    rooms : subpackages and modules that are reached by attribute too, without an import of their own.
    """
    inner = tuple(rooms)

    def get(name: str) -> Any:
        if name in inner:
            return import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name]), name)

    def names() -> list[str]:
        return sorted([*home, *inner])

    return get, names
