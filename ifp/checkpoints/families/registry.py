"""The families, and which of them a checkpoint belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from ifp.checkpoints.families import unknown
from ifp.checkpoints.families.family import Family
from ifp.checkpoints.source import Source
from ifp.errors import IfpError, unknown_name

_MODULES = (
    "ours", "yanndubs", "dent", "erow_groups", "erow", "disent", "amir_abdi", "antixk", "pythae", "rtqichen", "konny",
    "google",
)  # fmt: skip


def families() -> dict[str, Family]:
    """Every family by name, the most specific first."""
    found = [import_module(f"ifp.checkpoints.families.{module}").FAMILY for module in _MODULES]
    return {family.name: family for family in found}


def recognise(source: Source, name: str | None = None) -> Family:
    """The family of a checkpoint by the names and shapes in it; `name` decides where it is given.

    Raises
    ------
    IfpError : an unknown name, no family or more than one.
    """
    known = families()
    if name is not None:
        if name not in known:
            raise unknown_name("family", name, known)
        return known[name]
    found = matching(source)
    if len(found) > 1:
        raise several_families(source, found)
    if not found:
        raise no_family(source)
    return found[0]


def matching(source: Source) -> list[Family]:
    """The families that recognise a checkpoint by the names and shapes in it."""
    return [family for family in families().values() if family.recognises(source)]


def several_families(source: Source, found: Sequence[Family]) -> IfpError:
    """The error for a checkpoint that more than one recognises."""
    names = ", ".join(family.name for family in found)
    return IfpError(f"{source.path} could be of {len(found)} families ({names}); say which with --family.")


def no_family(source: Source) -> IfpError:
    """The error for a checkpoint that none recognises."""
    return unknown.no_family(source, {family.name: family.title for family in families().values()})
