"""The runs of a report: each of them once, and what the page calls it where there are several."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.run_names import run_names
from ifp.errors import IfpError, IfpWarning, counted
from ifp.system.out_folder import as_folder

Run = str | Path | Result
Names = str | Sequence[str] | Mapping[int, str]


def each_once(runs: Sequence[Run], names: Names) -> tuple[list[Run], dict[int, str]]:
    """The runs without those that are given a second time, of which a warning says so, and the names by their places.

    Raises IfpError where there are more names than runs.
    """
    listed = [names] if isinstance(names, str) else names
    given = dict(listed) if isinstance(listed, Mapping) else dict(enumerate(listed))
    beyond = next((name for place, name in given.items() if place not in range(len(runs))), None)
    if beyond is not None:
        raise IfpError(f"{counted(len(runs), 'run')} given, and {beyond!r} names another; give one name per run.")
    kept: dict[object, tuple[int, Run]] = {}
    for place, run in enumerate(runs):
        path = getattr(run, "path", None) if isinstance(run, Result) else as_folder(run, "run")
        key = id(run) if path is None else Path(path).resolve()
        if key in kept:
            warnings.warn(f"The run {path or repr(run)} is given twice and stands on the page once.", IfpWarning,
                          stacklevel=3)  # fmt: skip
        kept.setdefault(key, (place, run))
    named = {number: given[place] for number, (place, _) in enumerate(kept.values()) if place in given}
    if named and len(kept) == 1:
        raise IfpError("A page on one run takes no names, which tell several apart; leave them out, or give a title.")
    return [run for _, run in kept.values()], named


def run_titles(runs: Sequence[Run], folders: Sequence[Path], names: Mapping[int, str]) -> list[str]:
    """What the page calls each run: the user's name, its folder, or its number where it has none."""
    without = {place: f"run {place + 1}" for place, run in enumerate(runs) if in_memory(run)}
    return run_names(folders, {**without, **names})


def in_memory(run: Run) -> bool:
    """Whether a run is a result without a folder of its own."""
    return isinstance(run, Result) and getattr(run, "path", None) is None
