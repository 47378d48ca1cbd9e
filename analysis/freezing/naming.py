"""In which order factors stand in a run's figures and tables, and what figures call them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.freezing.by_measure import COOL, EXACT, HEAT, LOWER_EDGE
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.system.printable import has_controls, without_controls


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
    _check_once(order)
    there = list(summary["factor"].unique())
    first = [name for name in order if name in there]
    medians = {
        (str(row["factor"]), str(row["measure"])): float(row["median"])
        for row in summary[["factor", "measure", "median"]].to_dict("records")
    }
    return first + sorted((name for name in there if name not in first), key=lambda name: -_center(medians, name))


def joint_order(summary: pd.DataFrame, order: Sequence[str] = ()) -> list[str]:
    """The factors of a whole data set in the order of its figure and tables.

    Parameters
    ----------
    summary : `joint_summary` or `joint_edges`, one row per factor. order : the factors that come first, in this order;
        the others follow, highest freezing point first: those above all betas that were tried, those that froze, those
        below. Within each of the three one measure orders all: the geometric middle of the medians of the directions
        that were annealed, where every factor has them, else the edge given all others.

    Raises
    ------
    IfpError : a factor named twice.
    """
    _check_once(order)
    side_F = _joint_sides(summary)
    tried = [name for name in ("cool_median", "heat_median") if name in summary and summary[name].notna().any()]
    centers: dict[str, tuple[int, float]] = {}
    for side in set(side_F.tolist()):
        rows = summary[side_F == side]
        known = bool(tried) and bool(rows[tried].notna().to_numpy().all())
        beta_FK = rows[tried if known else ["beta_given_rest"]].to_numpy(float)
        with np.errstate(divide="ignore"):
            center_F = np.exp(np.log(np.nan_to_num(beta_FK)).mean(axis=1))
        for name, center in zip(rows["factor"].astype(str), center_F.tolist(), strict=True):
            centers[name] = (side, center)
    there = [name for name in summary["factor"].astype(str) if name not in order]
    first = [name for name in order if name in centers]
    return first + sorted(there, key=lambda name: (-centers[name][0], -centers[name][1]))


def _joint_sides(summary: pd.DataFrame) -> np.ndarray:
    """For each factor 1 where its median lies above all betas that were tried, -1 where below, else 0.

    A factor of which either direction has a freezing point has frozen; tables of before lack the bounds.
    """
    side_F = np.zeros(len(summary), dtype=int)
    for direction in ("cool", "heat"):
        if f"{direction}_bound" in summary:
            bound = summary[f"{direction}_bound"]
            side_F = np.where(side_F == 0, (bound == ">").astype(int) - (bound == "<").astype(int), side_F)
    for direction in ("cool", "heat"):
        if f"{direction}_median" in summary and f"{direction}_bound" in summary:
            side_F = np.where(summary[f"{direction}_median"].notna(), 0, side_F)
    return side_F


def _check_once(order: Sequence[str]) -> None:
    twice = next((name for name in order if list(order).count(name) > 1), None)
    if twice is not None:
        raise IfpError(f"The order names the factor {twice!r} twice; name each once.")


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
    IfpError : no name at all, one that is none of `known`, or one that stands twice.

    >>> read_order(["posX,posY", "a, b"], ["posX", "posY", "a, b"])
    ['posX', 'posY', 'a, b']
    """
    names = [name for text in texts for name in ([text] if text in known else map(str.strip, text.split(",")))]
    names = [name for name in names if name]  # of a comma at the end
    if texts and not names:
        raise IfpError(f"The order names no factor; give those that come first ({', '.join(known)}), or leave it out.")
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
    IfpError : no "=", no text after it, a name before it that is none of `known` or stands twice, or a text that two
        factors would share.

    >>> read_labels(["posX=x position"], ["posX", "posY"])
    {'posX': 'x position'}
    """
    labels: dict[str, str] = {}
    for text in texts:
        # a name may hold "=" itself: the longest that fits is meant
        name = max((name for name in known if text.startswith(f"{name}=")), key=len, default=None)
        if name is None:
            if "=" in text:
                raise unknown_name("factor", text.partition("=")[0], known)
            raise IfpError(f'label must be FACTOR=TEXT, got {text!r}; write for example posX="x position".')
        label = text[len(name) + 1 :].strip()
        if not label:
            raise IfpError(f"The label of {name!r} is empty; give a text, or leave the label out.")
        if has_controls(label):
            raise IfpError(f"The label of {name!r} holds a control character, {label!r}; {without_controls(label)}.")
        if name in labels:
            raise IfpError(f"The factor {name!r} is labelled twice, {labels[name]!r} and {label!r}; label it once.")
        labels[name] = label
    _check_different(labels, known)
    return labels


def read_factors(texts: Sequence[str], known: Collection[str]) -> list[str]:
    """The factors that figures show, from what a user typed; none stands for all.

    Raises
    ------
    IfpError : no name at all, or one that is none of `known`.

    >>> read_factors("posX,scale", ["shape", "scale", "posX"])
    ['scale', 'posX']
    """
    texts = [texts] if isinstance(texts, str) else texts
    named = {name.strip() for text in texts for name in ([text] if text in known else text.split(","))} - {""}
    if texts and not named:
        raise IfpError(f"factors names no factor; give those to show ({', '.join(known)}), or leave it out for all.")
    check_names(sorted(named), known)
    return [name for name in known if name in named]


def read_hold(hold: Any, known: Collection[str], of_data: Collection[str] = ()) -> list[str]:
    """The factors that a beta shall hold, each once: names in a list or separated by commas; none where none is named.

    `known` : the factors that are annealed. `of_data` : those of the data set, some of which may not be.

    Raises
    ------
    IfpError : no texts, no name in them, or one that is none of `known`.

    >>> read_hold("posX, scale,posX", ["scale", "posX"]), read_hold((), ["scale"])
    (['posX', 'scale'], [])
    """
    if not isinstance(hold, str | list | tuple) or not all(isinstance(name, str) for name in hold):
        raise bad_value("hold", hold, "the name of a factor or a list of names")
    given = [hold] if isinstance(hold, str) else list(hold)
    names: list[str] = []
    for text in given:
        parts = [text] if text in known else [part.strip() for part in text.split(",") if part.strip()]
        check_annealed(parts, known, of_data)
        check_names(parts, known)
        names += [name for name in dict.fromkeys(parts) if name not in names]
    if given and not names and hold != "":
        raise IfpError(f"`hold` names no factor; give some of {', '.join(known)}, or leave it out.")
    return names


def keep_factors(table: pd.DataFrame, factors: Collection[str], column: str = "factor") -> pd.DataFrame:
    """The rows of a table that are of these factors, or of no factor (of latents, say); all where none is named."""
    if not factors or column not in table:
        return table
    kept = table[column].isin(list(factors))
    if column == "name" and "kind" in table:
        kept |= table["kind"] != "factor"
    return table[kept].reset_index(drop=True)


def tables_of(tables: Mapping[str, pd.DataFrame], factors: Collection[str]) -> dict[str, pd.DataFrame]:
    """Tables by their names, with the rows of these factors alone, and those of none."""
    return {name: keep_factors(keep_factors(table, factors), factors, "name") for name, table in tables.items()}


def in_order(table: pd.DataFrame, order: Sequence[str], column: str = "factor") -> pd.DataFrame:
    """The rows of a table with those of the factors in `order` first; others stay as they are."""
    places = {name: place for place, name in enumerate(order)}
    place_R = table[column].map(lambda name: places.get(name, len(places))).to_numpy()
    return table.iloc[np.argsort(place_R, kind="stable")].reset_index(drop=True)


def factor_naming(
    order: Sequence[str], labels: Mapping[str, str] | Sequence[str] | None, known: Collection[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Order and labels as a library call takes them (names, and a dictionary), or as a user typed them, checked.

    Raises
    ------
    IfpError : see `read_order` and `read_labels`.

    >>> factor_naming(["posY"], {"posX": "x position"}, ["posX", "posY"])
    (('posY',), {'posX': 'x position'})
    """
    if labels is None or isinstance(labels, Mapping):
        labels = [f"{name}={text}" for name, text in (labels or {}).items()]
    return tuple(read_order([order] if isinstance(order, str) else order, known)), read_labels(labels, known)


def _check_different(labels: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse labels with which figures would show two factors by one name."""
    called: dict[str, str] = {}
    for name in known:
        other = called.setdefault(labels.get(name, name), name)
        if other != name:
            raise IfpError(
                f"The factors {other!r} and {name!r} would both be called {labels.get(name, name)!r}; give each "
                "a label of its own."
            )


def check_annealed(names: Iterable[str], known: Collection[str], of_data: Collection[str]) -> None:
    """Raise IfpError for the first of `names` that is a factor of the data set and none of those annealed, `known`."""
    for name in names:
        if name in of_data and name not in known:
            raise IfpError(
                f"{name!r} is a factor of the data set that is not annealed here; annealed are {', '.join(known)}. "
                "Leave it out, or anneal it in a run of its own."
            )


def check_names(names: Collection[str], known: Collection[str]) -> None:
    """Raise IfpError for the first of `names` that is no factor."""
    for name in names:
        if name not in known:
            raise unknown_name("factor", name, known)
