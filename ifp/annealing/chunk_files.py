"""Finished curves on disk while a run goes on: a small file per chunk, so that saving does not grow with the run.

The folder `.chunks` of a run holds files LEVEL-NUMBER.npz. A chunk that ends is written as a file of level 0; whenever
there are `FANOUT` files of a level they become one file of the next, so that M curves are written about
log(M) / log(FANOUT) times each and the files stay few. When the run ends all of it goes into trace.npz.

A process may be killed at any moment: a file is there whole or not at all, and a curve that is in two of them, because
the process was killed after merging and before removing, counts once.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from ifp.datasets.own_arrays import INT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.system.files import replacing
from ifp.trace import AnnealTrace, Key

FOLDER = ".chunks"
"""The folder within a run's folder that holds its chunks."""
FANOUT = 32
"""Files of one level that become one of the next."""
_NAME = re.compile(r"(\d+)-(\d+)\.npz")
_RANK = {"rank_M": Declared(INT, "M", low=0)}
_ADVICE = "delete it and run the same command again"


class ChunkFiles:
    """The chunks of one run on disk.

    Parameters
    ----------
    run_folder : the run's folder; nothing is made before `add`.
    """

    def __init__(self, run_folder: Path) -> None:
        self.folder = run_folder / FOLDER
        self._next = 1 + max((number for _, number, _ in self._files()), default=-1)

    def __bool__(self) -> bool:
        return bool(self._files())

    def add(self, trace: AnnealTrace, rank_M: np.ndarray) -> None:
        """Write a chunk; `rank_M` are the places of its curves among those of the finished run.

        Raises
        ------
        OSError : it cannot be written; all chunks before it are there.
        """
        self._write(0, trace, rank_M)
        level = 0
        while len(full := self._of_level(level)) >= FANOUT:
            rank_M, trace = _merged([_read(path) for path in full])
            level += 1
            self._write(level, trace, rank_M)
            for path in full:
                path.unlink()

    def read(self) -> list[tuple[np.ndarray, AnnealTrace]]:
        """The places and the curves of every file; raises IfpError for a damaged one."""
        files = self._files()
        try:
            return [_read(path) for _, _, path in files]
        except IfpError:
            if self._files() == files:
                raise
        return self.read()  # another process, whose run it is, has merged some meanwhile

    def clear(self) -> None:
        """Remove all files: what they hold is in trace.npz."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, level: int, trace: AnnealTrace, rank_M: np.ndarray) -> None:
        with replacing(self.folder / f"{level}-{self._next:06d}.npz") as file:
            np.savez(file, rank_M=rank_M, **{f.name: getattr(trace, f.name) for f in fields(trace)})
        self._next += 1

    def _of_level(self, level: int) -> list[Path]:
        return [path for of, _, path in self._files() if of == level]

    def _files(self) -> list[tuple[int, int, Path]]:
        """Level, number and path of every file, in the order of their numbers."""
        if not self.folder.is_dir():
            return []
        named = [(_NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        return sorted(((int(m[1]), int(m[2]), path) for m, path in named if m), key=lambda row: row[1])


def read_curves(run_folder: Path) -> AnnealTrace:
    """All finished curves of a run's folder, also of a run that goes on or was killed.

    Raises
    ------
    IfpError : no curve is finished, or a file is damaged.
    """
    path = run_folder / "trace.npz"
    parts = ChunkFiles(run_folder).read()
    if not parts:
        return AnnealTrace.load(path)
    rank_M, trace = _merged(parts)
    trace = trace.select(np.argsort(rank_M, kind="stable"))
    if not path.exists():
        return trace
    # what an earlier call finished is in the plan's order too, and comes first
    return merged_once([AnnealTrace.load(path), trace])


def merged_once(traces: Sequence[AnnealTrace]) -> AnnealTrace:
    """The curves of several traces, each once, in their order."""
    known: set[Key] = set()
    parts = []
    for trace in traces:
        labels = trace.labels()
        new = [row for row, key in enumerate(labels) if key not in known]
        known.update(labels)
        parts.append(trace if len(new) == len(labels) else trace.select(np.array(new, dtype=int)))
    return AnnealTrace.concatenate(parts)


def _merged(parts: Sequence[tuple[np.ndarray, AnnealTrace]]) -> tuple[np.ndarray, AnnealTrace]:
    """Places and curves of several files as one, each curve once."""
    rank_M = np.concatenate([rank for rank, _ in parts])
    _, first = np.unique(rank_M, return_index=True)
    rows = np.sort(first)
    return rank_M[rows], AnnealTrace.concatenate([trace for _, trace in parts]).select(rows)


def _read(path: Path) -> tuple[np.ndarray, AnnealTrace]:
    trace = AnnealTrace.load(path)
    rank_M = read_own_arrays(path, _RANK, _ADVICE)["rank_M"]
    if len(rank_M) != len(trace):
        raise IfpError(f"The array 'rank_M' of {path} is of {len(rank_M)} curves, not {len(trace)}; {_ADVICE}.")
    return rank_M, trace
