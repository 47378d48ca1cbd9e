"""Stand-ins for the objects of a pickle that are not plain data: names are not imported and calls are not made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ifp.checkpoints.files.limits import Budget, Unreadable

_RUNNING_MODULES = {"os", "posix", "nt", "subprocess", "pty", "runpy", "importlib", "ctypes", "shutil", "socket"}
"""Modules whose functions run programs or code, or change files."""
_RUNNING_BUILTINS = {"eval", "exec", "execfile", "compile", "open", "breakpoint", "input", "__import__"}
"""Built-in functions that run code or open files."""


@dataclass(frozen=True, eq=False)
class Name:
    """A class or function that a pickle names, and that is never imported."""

    dotted: str


@dataclass(eq=False, slots=True)
class Inert:
    """An object of an unknown class: the arguments it would be made with, its state, and the items added to it."""

    class_name: str
    args: tuple[object, ...]
    state: object = None
    items: list[object] = field(default_factory=list)


class PickleContext:
    """What is shared while the pickles of one file are decoded: its budget, and the unknown names found in it."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.foreign: set[str] = set()

    def stub(self, name: str, args: tuple[object, ...]) -> Inert:
        """An inert object in place of what calling `name` would make.

        Raises
        ------
        Unreadable : if `name` runs code. It would not be called anyway, but no model needs such a call, and the user
            should know of it.
        """
        if _runs_code(name):
            raise Unreadable(
                f"asks its reader to call {name}, as no checkpoint needs to (nothing was called)",
                "do not open it with any other program, and get the weights from a source that you trust",
            )
        self.foreign.add(name)
        return Inert(name, args)

    def note_keys(self, keys: Iterable[object]) -> None:
        """Note keys of a dict, or items of a set, that are not simple values; torch must not read such a file.

        Python visits the whole of a tuple to compute its hash, and a deeply nested one overflows the process's stack.
        """
        if not all(key is None or isinstance(key, str | int | float | bytes) for key in keys):
            self.foreign.add("a dict key or set item that is not a simple value")


def _runs_code(name: str) -> bool:
    *modules, last = name.split(".")
    if modules == ["builtins"]:
        return last in _RUNNING_BUILTINS
    # a class such as os._Environ may be among a run's settings
    return not _RUNNING_MODULES.isdisjoint(modules) and not last.startswith("_")
