"""What figures of several runs call each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ifp.errors import IfpError, bad_value
from ifp.system.printable import has_controls


def run_names(folders: Sequence[Path], names: str | Sequence[str] | Mapping[int, str] = ()) -> list[str]:
    """A name for each run: the user's, else as much of the end of its path as tells it from the others.

    Parameters
    ----------
    names : one per run, or some of them by their place from 0.

    Raises
    ------
    IfpError : more names than runs, an empty name, one that two runs would share, or a run that is given twice.

    >>> run_names([Path("a/run"), Path("b/run")])
    ['a/run', 'b/run']
    >>> run_names([Path("runs/beta"), Path("runs/deft")], {1: "DEFT"})
    ['beta', 'DEFT']
    """
    listed = [names] if isinstance(names, str) else names
    given = dict(listed) if isinstance(listed, Mapping) else dict(enumerate(listed))
    resolved = [folder.resolve() for folder in folders]
    twice = next((folder for folder, path in zip(folders, resolved, strict=True) if resolved.count(path) > 1), None)
    if twice is not None:
        raise IfpError(f"The run {twice} is given twice; give each run once.")
    for place, name in given.items():
        if not isinstance(name, str) or not name.strip() or has_controls(name):
            raise bad_value("names", name, "texts on one line, one per run")
        if not isinstance(place, int) or not 0 <= place < len(folders):
            raise IfpError(f"{len(folders)} runs are given, and {name!r} names another; give one name per run.")
    parts = next(n for n in range(1, 99) if len({path.parts[-n:] for path in resolved}) == len(folders))
    called = [given.get(n, "/".join(path.parts[-parts:])).strip() for n, path in enumerate(resolved)]
    same = next((name for name in called if called.count(name) > 1), None)
    if same is not None:
        raise IfpError(f"Two runs would both be called {same!r}; give each a name of its own.")
    return called
