"""A run's folder as the analysis reads it: run.json and trace.npz, nothing else."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.figures.style import plain
from ifp.analysis.freezing.points import freezing_points
from ifp.errors import IfpError, IfpWarning
from ifp.trace import AnnealTrace

MOST_LETTERS = 28
"""Of a data set's name in a figure: the line of its conditions has to fit a column."""


@dataclass(frozen=True)
class RunFolder:
    """A saved run: `path`, the content of run.json (`run`) and the curves (`trace`)."""

    path: Path
    run: dict[str, Any]
    trace: AnnealTrace

    @property
    def config(self) -> dict[str, Any]:
        """The settings, as `AnnealConfig.to_json` wrote them."""
        config: dict[str, Any] = self.run["config"]
        return config

    @property
    def threshold_nats(self) -> float:
        """The total KL that counts as frozen."""
        return float(self.config.get("threshold_nats", 0.1))

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.run["dataset"]["name"])

    @property
    def likelihood(self) -> str:
        """The likelihood's name."""
        return str(self.run["likelihood"])

    @property
    def factor_names(self) -> tuple[str, ...]:
        """All factors of the data set, in storage order."""
        return tuple(self.run["dataset"]["factor_names"])

    @property
    def has_curves(self) -> bool:
        """Whether any member was followed in beta; a closed-form run has edges alone."""
        return bool(np.isfinite(self.trace.beta_MT).any())

    def conditions(self) -> str:
        """What a freezing point means nothing without: data set, image shape, likelihood."""
        return conditions_of(self.run)

    def points(self) -> pd.DataFrame:
        """The freezing points of all members."""
        return freezing_points(
            self.trace,
            threshold_nats=self.threshold_nats,
            dataset=self.dataset,
            likelihood=self.likelihood,
            factor_names=self.factor_names,
        )


def conditions_of(about: Mapping[str, Any]) -> str:
    """Data set, image shape and likelihood of a run, from its run.json, for a figure.

    >>> about = {"dataset": {"name": "toys", "image_shape": [1, 64, 64]}, "likelihood": "gaussian", "sigma": 0.5}
    >>> conditions_of(about).replace("\N{MULTIPLICATION SIGN}", "x")
    'toys, 64 x 64, Gaussian ($\\\\sigma$ = 0.5) likelihood'
    """
    sizes = [size for size in about["dataset"]["image_shape"] if size != 1]  # one channel goes without saying
    shape = " \N{MULTIPLICATION SIGN} ".join(str(size) for size in sizes)
    likelihood = str(about["likelihood"]).capitalize()
    if about["likelihood"] == "gaussian":
        sigma = about.get("sigma") or about.get("config", {}).get("sigma", 1.0)
        likelihood += f" ($\\sigma$ = {sigma:g})"
    name = Path(str(about["dataset"]["name"])).name
    if len(name) > MOST_LETTERS:
        name = f"{name[: MOST_LETTERS // 2]}\N{HORIZONTAL ELLIPSIS}{name[-MOST_LETTERS // 2 :]}"
    return f"{plain(name)}, {shape}, {likelihood} likelihood"


def read_run(folder: Path) -> RunFolder:
    """Read a run's folder; needs neither torch nor the data set.

    Raises
    ------
    IfpError : the folder or one of its two files is missing, damaged, or not a run's.
    """
    run = read_about(folder)
    trace = AnnealTrace.load(folder / "trace.npz")
    if len(trace) == 0:
        raise IfpError(f"{folder / 'trace.npz'} holds no curve yet; run the same `ifp anneal` command again.")
    return RunFolder(path=folder, run=run, trace=trace)


def check_table(run: RunFolder) -> None:
    """Warn where freezing_points.csv is not what the curves give: figures are drawn from trace.npz alone.

    A table that is not there, as of a run that was stopped, says nothing wrong.
    """
    path = run.path / "freezing_points.csv"
    if not path.is_file():
        return
    points = run.points()
    try:
        stored = pd.read_csv(path, dtype=str, keep_default_na=False)
        same = all(
            stored[name].tolist() == points[name].tolist() for name in ("factor", "method", "direction", "status")
        )
        there, now = (pd.to_numeric(table["beta_ifp"]).to_numpy(float) for table in (stored, points))
        same = same and np.allclose(there, now, rtol=1e-6, equal_nan=True)
    except (KeyError, ValueError, OSError):  # pandas' own errors of parsing are ValueErrors
        same = False
    if not same:
        warnings.warn(
            f"{path} is damaged or of another run than trace.npz beside it, from which all figures are drawn; the same "
            "`ifp anneal` command writes it anew.", IfpWarning, stacklevel=2,
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
        raise IfpError(f"There is no folder {folder}; give the --out folder of an `ifp anneal` run.")
    if not path.is_file():
        raise IfpError(f"{folder} holds no run.json; give the --out folder of an `ifp anneal` run.")
    try:
        run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in needed if key not in run]
        missing += [
            f"dataset.{key}" for key in ("name", "image_shape", "factor_names") if key not in run.get("dataset", {})
        ]
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, AttributeError) as error:
        raise IfpError(f"{path} cannot be read ({error}); run the same `ifp anneal` command again.") from error
    if missing:
        raise IfpError(f"{path} lacks {', '.join(missing)}; it is not a run of this version of ifp.")
    return run
