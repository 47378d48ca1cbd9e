"""What stands for the objects of a pickle that are not plain data: names that are not imported, calls not made."""

from __future__ import annotations

from dataclasses import dataclass, field

from ifp.checkpoints.limits import Budget


@dataclass(frozen=True, eq=False)
class Name:
    """A class or function that a pickle names; never imported."""

    dotted: str


@dataclass(eq=False, slots=True)
class Inert:
    """An object of a class that is not known: what it was called with, and what was set on it."""

    class_name: str
    args: tuple[object, ...]
    state: object = None
    items: list[object] = field(default_factory=list)


class Reading:
    """What one file may still cost, and the names in it that are not known."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.foreign: set[str] = set()

    def stub(self, name: str, args: tuple[object, ...]) -> Inert:
        """An inert object in place of what calling `name` would make."""
        self.foreign.add(name)
        return Inert(name, args)
