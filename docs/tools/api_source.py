"""How the API reference, which is read from the source without importing it, sees public names and docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Any

from griffe import Alias, Extension, GriffeLoader, Module, Object

_ENTRIES = {"Parameters", "Attributes", "Raises", "Warns"}
_RESULT = {"Returns", "Yields"}


class LazyNames(Extension):
    """Shows the names of `_HOME` in a package's __init__.py, which load on first use, as that package's own."""

    def on_package(self, *, pkg: Module, loader: GriffeLoader, **kwargs: Any) -> None:
        """Add an alias for each public name of `ifp` and its packages."""
        waiting = [pkg]
        while waiting:
            module = waiting.pop()
            waiting += [inner for inner in module.modules.values() if not inner.is_alias]
            home = module.attributes.get("_HOME")
            if home is not None and home.value is not None and module.is_init_module:
                for name, where in ast.literal_eval(str(home.value)).items():
                    if name not in module.members:
                        module.set_member(name, Alias(name, f"{where}.{name}"))


class NumpyDocstrings(Extension):
    """Lays docstrings out as numpydoc does: the house style leaves types to the signature and saves lines."""

    def on_object(self, *, obj: Object, loader: GriffeLoader, **kwargs: Any) -> None:
        """Rewrite the docstring of a function or class."""
        if obj.docstring is not None and (obj.is_function or obj.is_class):
            names = {parameter.name for parameter in obj.parameters} if obj.is_function else set(obj.members)
            returns = str(getattr(obj, "returns", None) or "")
            obj.docstring.value = as_numpydoc(obj.docstring.value, names, returns)


def as_numpydoc(text: str, names: Collection[str], returns: str = "") -> str:
    r"""A docstring with each entry of a section on a line, its description indented below, and examples under a title.

    Parameters
    ----------
    names : of the parameters, which may stand several on a line: "a : the first. b : the second."
    returns : the annotation of what is returned.

    >>> print(as_numpydoc("Add.\n\nParameters\n----------\na : the first. b : the\n    second.", ["a", "b"]))
    Add.
    <BLANKLINE>
    Parameters
    ----------
    a
        the first.
    b
        the
        second.
    """
    sections = []
    for title, body in _sections(text):
        body, examples = _without_examples(body) if title != "Examples" else (body, "")
        if title in _ENTRIES:
            body = "\n".join(_entries(body, names))
        elif title in _RESULT and returns:
            body = "\n".join([returns, *(f"    {line}".rstrip() for line in body.splitlines())])
        sections.append(f"{title}\n{'-' * len(title)}\n{body}" if title else body)
        if examples:
            sections.append(f"Examples\n--------\n{examples}")
    return "\n\n".join(section.strip("\n") for section in sections)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Title and text of each section; the first has no title."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    yield "", parts[0]
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _without_examples(body: str) -> tuple[str, str]:
    """A section's text, and the examples that begin in it."""
    start = re.search(r"^>>> ", body, flags=re.MULTILINE)
    return (body[: start.start()], body[start.start() :]) if start else (body, "")


def _entries(body: str, names: Collection[str]) -> Iterator[str]:
    """The lines of a section of entries, as numpydoc has them; what is said of several names is said of each."""
    name = rf"(?:{'|'.join(map(re.escape, sorted(names))) or 'a^'})"
    apart = re.sub(rf"(?<=[.;])\s+(?={name}(?:, {name})* : )", "\n", body)
    entries: list[tuple[list[str], list[str]]] = []
    for line in apart.splitlines():
        start = re.match(r"(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*) : ?(.*)", line)
        if start:
            entries.append((start[1].split(", "), [f"    {start[2]}"]))
        elif entries and line.strip():
            entries[-1][1].append(line if line.startswith(" ") else f"    {line}")
    for told, lines in entries:
        for one in told:
            yield from (one, *lines)
