"""Multi-rate networks beside cooled and heated ones: factors' points in their bracket, and whose objective is lower.

Shapes: G betas.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.freezing.median_interval import median_interval
from ifp.analysis.joint.points import FACTOR, ordered_values
from ifp.analysis.joint.prepared import COOL, HEAT, MEASURE_AGAIN
from ifp.analysis.tables import Column, read_csv

SUMMARY_COLUMNS = (
    "factor", "networks", "median", "low", "high", "frozen", "beta_alone", "beta_given_rest", "cool_median",
    "heat_median", "place",
)  # fmt: skip
OBJECTIVE_COLUMNS = ("beta", "multi_rate_nats", "cool_nats", "heat_nats", "excess_nats")
INSIDE, BELOW_IT, ABOVE_IT, UNKNOWN = "inside", "below", "above", ""
"""Where a factor's median lies with respect to those of cooled and heated networks."""
RECORDS: dict[str, Column] = {"seed": "whole", "beta": "number", "recon_nats": "number", "kl_nats": "number"}
"""The columns of records.csv that are read."""


def summarise_response(points: pd.DataFrame, edges: pd.DataFrame, beside: pd.DataFrame | None) -> pd.DataFrame:
    """One row per factor with `SUMMARY_COLUMNS`: the median over networks and where it lies in the bracket.

    `place` says whether the median lies between those of cooled and heated networks, of which `beside` is the
    `joint_summary`; it is empty where one of the three is unknown.
    """
    factors = points[points["kind"] == FACTOR]
    rows = []
    for name, part in factors.groupby("name", sort=False):
        interval = median_interval(ordered_values(part), part["seed"].to_numpy())
        median = interval.median if np.isfinite(interval.median) else np.nan
        row: dict[str, object] = {
            "factor": name, "networks": part["seed"].nunique(), "median": median, "low": interval.low,
            "high": interval.high, "frozen": int(part["beta_ifp"].notna().sum()),
        }  # fmt: skip
        edge = edges[edges["factor"] == name]
        for column in ("beta_alone", "beta_given_rest"):
            row[column] = float(edge[column].iloc[0]) if len(edge) else np.nan
        there = beside[beside["factor"] == name] if beside is not None else None
        for column in ("cool_median", "heat_median"):
            row[column] = float(there[column].iloc[0]) if there is not None and len(there) else np.nan
        row["place"] = _place(median, row["cool_median"], row["heat_median"])
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return table.sort_values(["median", "beta_given_rest"], ascending=False, kind="stable", ignore_index=True)


def _place(median: float, cool: Any, heat: Any) -> str:
    if not np.isfinite([median, cool, heat]).all():
        return UNKNOWN
    low, high = min(cool, heat), max(cool, heat)
    return BELOW_IT if median < low else ABOVE_IT if median > high else INSIDE


def compare_objectives(curves: pd.DataFrame, cooled: Path | None) -> pd.DataFrame:
    """The objective at every beta, mean over networks, with `OBJECTIVE_COLUMNS`.

    All are upper bounds of the least that such networks reach at that beta, on the same images with the same noise, so
    that the lowest is nearest to it. `excess_nats` is the multi-rate network's less the lower of the other two; empty
    where there is no run beside.
    """
    mean = curves.groupby("beta", sort=False)["objective_nats"].mean()
    beta_G = mean.index.to_numpy(float)
    table = pd.DataFrame({"beta": beta_G, "multi_rate_nats": mean.to_numpy()})
    for direction in (COOL, HEAT):
        records = cooled_records(cooled, direction) if cooled is not None else None
        table[f"{direction}_nats"] = _objective_at(records, beta_G) if records is not None else np.nan
    best = table[["cool_nats", "heat_nats"]].min(axis=1)
    return table.assign(excess_nats=table["multi_rate_nats"] - best)[list(OBJECTIVE_COLUMNS)]


def cooled_records(cooled: Path, direction: str) -> pd.DataFrame | None:
    """The records of the networks that were cooled, or heated, in a folder; None where they were not."""
    path = (cooled / HEAT if direction == HEAT else cooled) / "records.csv"
    return read_csv(path, MEASURE_AGAIN, RECORDS) if path.is_file() else None


def _objective_at(records: pd.DataFrame, beta_G: np.ndarray) -> np.ndarray:
    """Mean over networks of reconstruction + beta x KL, both interpolated in ln(beta); NaN beyond the records."""
    found = []
    for _, rows in records.groupby("seed"):
        rows = rows.sort_values("beta")
        parts = [
            np.interp(np.log(beta_G), np.log(rows["beta"]), rows[name], left=np.nan, right=np.nan)
            for name in ("recon_nats", "kl_nats")
        ]
        found.append(parts[0] + beta_G * parts[1])
    return np.asarray(np.mean(found, axis=0))
