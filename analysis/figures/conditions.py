"""The line that says of what a figure is: data set, image shape and likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifp.analysis.figures.style import plain

MOST_LETTERS = 28
"""Longest name of a data set in a figure, in letters, so that the line fits a column of a paper."""


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
