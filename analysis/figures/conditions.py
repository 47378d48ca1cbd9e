"""The line that says of what a figure is: data set, image shape and likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ifp.analysis.figures.style import plain
from ifp.system.printable import has_controls, printable

MOST_LETTERS = 28
"""Longest name of a data set in a figure, in letters, so that the line fits a column of a paper."""


def conditions_of(about: Mapping[str, Any]) -> str:
    """Data set, image shape and likelihood of a run, from its run.json, for a figure.

    >>> about = {"dataset": {"name": "toys", "image_shape": [1, 64, 64]}, "likelihood": "gaussian", "sigma": 0.5}
    >>> conditions_of(about).replace("\N{MULTIPLICATION SIGN}", "x")
    'toys, 64 x 64, Gaussian ($\\\\sigma$ = 0.5) likelihood'
    """
    return _written(about, plain, "\N{MULTIPLICATION SIGN}", "$\\sigma$")


def conditions_in_words(about: Mapping[str, Any]) -> str:
    """The same as plain text, for a caption.

    >>> about = {"dataset": {"name": "a_$", "image_shape": [1, 64, 64]}, "likelihood": "gaussian", "sigma": 0.5}
    >>> conditions_in_words(about)
    'a_$, 64 x 64, Gaussian (sigma = 0.5) likelihood'
    """
    return _written(about, _one_line, "x", "sigma")


def _one_line(name: str) -> str:
    name = " ".join(name.split())
    return printable(name) if has_controls(name) else name


def _written(about: Mapping[str, Any], name_as: Callable[[str], str], times: str, sigma_as: str) -> str:
    sizes = [size for size in about["dataset"]["image_shape"] if size != 1]  # one channel goes without saying
    shape = f" {times} ".join(str(size) for size in sizes)
    likelihood = str(about["likelihood"]).capitalize()
    if about["likelihood"] == "gaussian":
        sigma = about.get("sigma") or about.get("config", {}).get("sigma", 1.0)
        likelihood += f" ({sigma_as} = {sigma:g})"
    name = Path(str(about["dataset"]["name"])).name
    if len(name) > MOST_LETTERS:
        name = f"{name[: MOST_LETTERS // 2]}\N{HORIZONTAL ELLIPSIS}{name[-MOST_LETTERS // 2 :]}"
    return f"{name_as(name)}, {shape}, {likelihood} likelihood"
