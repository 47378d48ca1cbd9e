"""A run's folder as the analysis reads it: run.json and the curves, nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.tables import MAX_CELLS, quoted, read_csv, unquoted
from ifp.annealing.chunk_files import read_curves
from ifp.errors import IfpError, IfpWarning
from ifp.system.own_files import AnnealRun, EdgesRun, read_own_json

_LABELS = ("factor", "method", "direction", "status")
"""Columns of freezing_points.csv that tell its rows apart."""


def read_run(folder: Path) -> Annealing:
    """Read a run's folder; needs neither torch nor the data set.

    Raises
    ------
    IfpError : the folder or one of its files is missing, damaged, or not a run's.
    """
    run = read_about(folder)
    trace = read_curves(folder)
    if len(trace) == 0:
        raise IfpError(f"{folder / 'trace.npz'} holds no curve yet; run the same `ifp anneal` command again.")
    names = run["dataset"]["factor_names"]
    strangers = sorted(set(trace.factor_M.tolist()) - set(names))
    if strangers or trace.context_MF.shape[1] != len(names):
        what = f"a curve of {strangers[0]!r}" if strangers else f"contexts of {trace.context_MF.shape[1]} factors"
        raise IfpError(
            f"{folder / 'trace.npz'} holds {what}, and {folder / 'run.json'} names {', '.join(names)}: they are of two "
            "runs; run the same `ifp anneal` command in a new folder."
        )
    return Annealing(trace, run, path=folder)


def check_table(run: Annealing) -> None:
    """Warn where freezing_points.csv is not what the curves give: figures are drawn from trace.npz alone.

    A table that is not there, as of a run that was stopped, says nothing wrong.
    """
    assert run.path is not None
    path = run.path / "freezing_points.csv"
    if not path.is_file():
        return
    points = run.freezing_points()
    try:
        stored = read_csv(path, "", texts=_LABELS, most_cells=MAX_CELLS + 2 * points.size, rows=False)
        # a csv shows a name's control characters as escapes
        shown = points[list(_LABELS)].map(lambda name: unquoted(quoted(name)))
        same = all(stored[name].astype(object).fillna("").tolist() == shown[name].tolist() for name in _LABELS)
        there, now = (pd.to_numeric(table["beta_ifp"]).to_numpy(float) for table in (stored, points))
        same = same and np.allclose(there, now, rtol=1e-6, equal_nan=True)
    except (KeyError, ValueError):  # an IfpError is a ValueError
        same = False
    if not same:
        warnings.warn(
            f"{path} is damaged, or of another run or an earlier version of ifp than trace.npz beside it, "
            "from which all figures are drawn; the same `ifp anneal` command writes it anew.", IfpWarning, stacklevel=2,
        )  # fmt: skip


def factors_in(folder: Path) -> tuple[str, ...]:
    """The factors that a run has tested, in storage order; see `read_run` for errors."""
    run = read_run(folder)
    there = set(run.trace.factor_M.tolist())
    return tuple(name for name in run.factor_names if name in there)


def read_about(folder: Path, needed: Sequence[str] = ("config", "dataset", "likelihood")) -> dict[str, Any]:
    """The run.json of an `ifp anneal` run, of traversals or of a whole data set, checked; see `read_run` for errors.

    `needed` : the entries it must have; a closed form of a whole data set has no config.
    """
    path = folder / "run.json"
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give the folder of an `ifp anneal` run.")
    if not path.is_file():
        raise IfpError(f"{folder} holds no run.json; give the folder of an `ifp anneal` run.")
    schema = AnnealRun if "config" in needed else EdgesRun
    run = read_own_json(path, schema, "run the same `ifp anneal` command again")
    missing = [key for key in needed if key not in run]
    dataset = run.get("dataset")
    named = dataset if isinstance(dataset, dict) else {}
    missing += [f"dataset.{key}" for key in ("name", "image_shape", "factor_names") if key not in named]
    if missing:
        raise IfpError(f"{path} lacks {', '.join(missing)}; it is not a run of this version of ifp.")
    return run
