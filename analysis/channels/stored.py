"""Hotspots and the map over beta as channels.json holds them, and read back.

The names in the file are those of its format: the models that have a hotspot are its `runs`, the models of a level its
`members`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.channels.fragment_tables import FRAGMENT_COLUMNS, LINK_COLUMNS, Level
from ifp.analysis.channels.fragments import FragmentMap
from ifp.analysis.channels.hotspot import Hotspot, Spread


def hotspot_content(hotspot: Hotspot) -> dict[str, Any]:
    """A hotspot as a dictionary."""
    content = dataclasses.asdict(hotspot)
    content["runs"] = content.pop("models")
    return content


def read_hotspot(stored: Mapping[str, Any]) -> Hotspot:
    """The hotspot that `hotspot_content` gave."""
    values = dict(stored)
    values["models"] = values.pop("runs")
    for name in ("channels", "span", "models"):
        values[name] = tuple(values[name])
    for name in ("information_bits", "upper_bits"):
        values[name] = Spread(*values[name])
    values["nmi_with_factors_F"] = np.array(values["nmi_with_factors_F"], dtype=np.float64)
    values["factor_nmi"] = np.nan if values["factor_nmi"] is None else float(values["factor_nmi"])
    return Hotspot(**values)


def map_content(found: FragmentMap) -> dict[str, Any]:
    """A map over beta as a dictionary, without its tables."""
    return {
        "levels": [
            {"beta": level.beta, "members": level.models, "min_samples": level.min_samples} for level in found.levels
        ],
        "hotspots": [hotspot_content(hotspot) for hotspot in found.hotspots],
        "factors": found.factors,
        "link": found.link,
    }


def read_map(stored: Mapping[str, Any], rows: Mapping[str, Any]) -> FragmentMap:
    """The map that `map_content` gave, with the rows of its tables."""
    return FragmentMap(
        levels=tuple(Level(level["beta"], tuple(level["members"]), level["min_samples"]) for level in stored["levels"]),
        hotspots=tuple(read_hotspot(hotspot) for hotspot in stored["hotspots"]),
        factors=tuple(stored["factors"]),
        fragments=read_rows(rows.get("fragments", []), FRAGMENT_COLUMNS),
        links=read_rows(rows.get("links", []), LINK_COLUMNS),
        link=stored["link"],
    )


def read_rows(rows: list[dict[str, Any]], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows as a table; a column of which nothing is known holds NaN, whole numbers stay whole beside gaps."""
    table = pd.DataFrame(rows, columns=None if columns is None else list(columns))
    for column in table.columns if rows else ():
        known = [row[column] for row in rows if row[column] is not None]
        if not known:
            table[column] = np.nan
        elif len(known) < len(rows) and all(type(value) is int for value in known):
            table[column] = pd.array([row[column] for row in rows], dtype="Int64")
    return table


def plain(value: Any) -> Any:
    """What strict JSON can hold: arrays and tuples as lists, numbers that are not finite as None, paths as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value) if isinstance(value, Path) else value
