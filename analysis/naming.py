"""In which order factors stand in a run's figures and tables, and what figures call them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from ifp.analysis.measures import COOL, EXACT, HEAT, LOWER_EDGE
from ifp.errors import IfpError, unknown_name


def factor_order(summary: pd.DataFrame, order: Sequence[str] = ()) -> list[str]:
    """The factors of a run in the order of all its figures and tables.

    Parameters
    ----------
    summary : what `summarize` returned. order : the factors that come first, in this order. The others follow, highest
        freezing point first: the exact median, else the geometric middle of the trained ones, else the lower edge.

    Raises
    ------
    IfpError : a factor named twice. (Of those that are not in the summary nothing is shown.)
    """
    twice = next((name for name in order if list(order).count(name) > 1), None)
    if twice is not None:
        raise IfpError(f"The order names the factor {twice!r} twice; name each once.")
    there = list(summary["factor"].unique())
    first = [name for name in order if name in there]
    medians = {
        (str(row["factor"]), str(row["measure"])): float(row["median"])
        for row in summary[["factor", "measure", "median"]].to_dict("records")
    }
    return first + sorted((name for name in there if name not in first), key=lambda name: -_center(medians, name))


def _center(medians: Mapping[tuple[str, str], float], factor: str) -> float:
    """The freezing point that orders the factors; 0 where nothing is known."""
    for measures in ((EXACT,), (COOL, HEAT), (LOWER_EDGE,)):
        known = [medians[factor, measure] for measure in measures if medians.get((factor, measure), np.nan) > 0]
        if known:
            return float(np.exp(np.mean(np.log(known))))
    return 0.0


def read_order(texts: Sequence[str], known: Collection[str]) -> list[str]:
    """Factors from what a user typed: each text one name, or several with commas between.

    Raises
    ------
    IfpError : a name that is none of `known`, or one that stands twice.

    >>> read_order(["posX,posY", "a, b"], ["posX", "posY", "a, b"])
    ['posX', 'posY', 'a, b']
    """
    names = [name for text in texts for name in ([text] if text in known else map(str.strip, text.split(",")))]
    for name in names:
        if name not in known:
            raise unknown_name("factor", name, known)
        if names.count(name) > 1:
            raise IfpError(f"The order names the factor {name!r} twice; name each once.")
    return names


def read_labels(texts: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Labels from what a user typed, "FACTOR=TEXT" each.

    Raises
    ------
    IfpError : no "=", no text after it, or a name before it that is none of `known`.

    >>> read_labels(["posX=x position"], ["posX", "posY"])
    {'posX': 'x position'}
    """
    labels = {}
    for text in texts:
        # a name may hold "=" itself: the longest that fits is meant
        name = max((name for name in known if text.startswith(f"{name}=")), key=len, default=None)
        if name is None:
            if "=" in text:
                raise unknown_name("factor", text.partition("=")[0], known)
            raise IfpError(f'label must be FACTOR=TEXT, got {text!r}; write for example --label posX="x position".')
        labels[name] = text[len(name) + 1 :].strip()
        if not labels[name]:
            raise IfpError(f"The label of {name!r} is empty; give a text, or leave the label out.")
    return labels


def check_names(names: Collection[str], known: Collection[str]) -> None:
    """Raise IfpError for the first of `names` that is no factor."""
    for name in names:
        if name not in known:
            raise unknown_name("factor", name, known)
