"""The families of models that are read, and to which of them a checkpoint belongs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from ifp.checkpoints.families import unknown
from ifp.checkpoints.families.family import Family
from ifp.checkpoints.source import Source
from ifp.errors import IfpError, unknown_name

_MODULES = (
    "ours", "yanndubs", "dent", "erow_groups", "erow", "disent", "amir_abdi", "antixk", "pythae", "rtqichen", "konny",
    "google", "infogan",
)  # fmt: skip


def families() -> dict[str, Family]:
    """All families by name, the most specific first."""
    ordered = [import_module(f"ifp.checkpoints.families.{module}").FAMILY for module in _MODULES]
    return {family.name: family for family in ordered}


def recognise(source: Source, name: str | None = None) -> Family:
    """The family of a checkpoint: `name` if it is given, else the one that recognises its arrays.

    Raises
    ------
    IfpError : if the name is unknown, or if no family or more than one recognises the arrays.
    """
    by_name = families()
    if name is not None:
        if name not in by_name:
            raise unknown_name("family", name, by_name)
        return by_name[name]
    matches = matching(source)
    if len(matches) > 1:
        raise several_families(source, matches)
    if not matches:
        raise no_family(source)
    return matches[0]


def matching(source: Source) -> list[Family]:
    """The families that recognise a checkpoint by the names and shapes of its arrays."""
    return [family for family in families().values() if family.recognises(source)]


def several_families(source: Source, matches: Sequence[Family]) -> IfpError:
    """The error for a checkpoint that more than one family recognises."""
    names = ", ".join(family.name for family in matches)
    return IfpError(
        f"{source.path} could be of {len(matches)} families ({names}); say which with "
        "`reading=ifp.ReadingOptions(family=...)`."
    )


def no_family(source: Source) -> IfpError:
    """The error for a checkpoint that no family recognises."""
    return unknown.no_family(source, {family.name: family.title for family in families().values()})
