"""Errors that a user can act on: each is one sentence with the value, what is allowed, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ifp.system.printable import printable


class IfpError(ValueError):
    """A mistake in what the user gave; the command line prints its one sentence and exits with 2."""


class NothingFroze(Exception):
    """A run that ended well but in which no member froze; the command line exits with 1."""


class IfpWarning(UserWarning):
    """Something that a user should know and that stops nothing; the command line prints its one sentence."""


def unknown_name(kind: str, got: object, allowed: Iterable[str]) -> IfpError:
    """The error for a name that is not in a closed list, with the nearest legal one.

    >>> print(unknown_name("factor", "posx", ["shape", "posX"]))
    Unknown factor 'posx': allowed are shape, posX; did you mean 'posX'?
    """
    names = list(allowed)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(got).lower(), lowered, n=1)
    hint = f"; did you mean {lowered[near[0]]!r}?" if near else "."
    return IfpError(f"Unknown {kind} {got!r}: allowed are {printable(', '.join(names))}{hint}")


def bad_value(name: str, got: object, allowed: str, remedy: str = "") -> IfpError:
    """The error for a value out of range.

    >>> print(bad_value("contexts", 0, "a whole number of at least 1"))
    contexts must be a whole number of at least 1, got 0.
    """
    return IfpError(f"{name} must be {allowed}, got {got!r}{'; ' + remedy if remedy else ''}.")


def counted(number: int, noun: str) -> str:
    """A number and what it counts, one of them or several.

    >>> counted(1, "image"), counted(0, "image"), counted(48600, "image")
    ('1 image', '0 images', '48,600 images')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
