"""Below which beta each factor is held: one table, whether factors were annealed one at a time or all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.by_measure import COOL, EXACT, HEAT, LOWER_EDGE, measured_values
from ifp.analysis.freezing.median_interval import median_interval
from ifp.analysis.joint.points import ordered_values
from ifp.analysis.joint.response_result import WholeResponse
from ifp.analysis.joint.results import WholeAnnealing

HELD_COLUMNS = (
    "factor", "n", "beta", "bound", "low", "high", "cool", "cool_bound", "heat", "heat_bound", "in_all", "of",
    "n_beta", "n_cool", "n_heat", "n_below", "tried",
)  # fmt: skip
"""See `held_table`."""
BRACKET, JOINT, RESPONSE = "trained bracket", "joint bracket", "multi-rate"


def held_table(result: Annealing | WholeAnnealing | WholeResponse) -> pd.DataFrame:
    """One row per factor, highest beta first: below which beta it is held, and how surely.

    Returns
    -------
    DataFrame with `HELD_COLUMNS`. `n` counts contexts, or networks of a whole data set. `beta` is the median freezing
    point: exact where there is one, else the geometric middle of the trained bracket, else the lower edge, which is an
    onset (`of` says which). `bound` is "<" where all that is known is that it lies below `beta`, ">" above; `beta` is
    NaN where nothing froze and no bound is known. `low` and `high` are its 95 % interval, of a bracket its two ends.
    `cool` and `heat` are the median points of trained networks as beta falls and rises, `cool_bound` and `heat_bound`
    as `bound`. `in_all` is the beta below which every context whose images differ, or every network, held the factor;
    NaN where some are not known. `n_beta`, `n_cool` and `n_heat` are of how many of the `n` each median is: networks
    may have diverged, or a run not have come to them yet. Where `bound` is "<", `n_below` of them froze below `tried`,
    the lowest beta that was tried, and the others may have frozen above `beta`; 0 and NaN elsewhere.
    """
    rows = _of_traversals(result) if isinstance(result, Annealing) else _of_wholes(result)
    table = pd.DataFrame(rows, columns=list(HELD_COLUMNS))
    return table.sort_values("beta", ascending=False, kind="stable", ignore_index=True)


def _of_traversals(result: Annealing) -> list[dict[str, Any]]:
    summary = result.table()
    values = measured_values(result.freezing_points())
    rows = []
    for factor, of_factor in summary.groupby("factor", sort=False):
        by_measure = of_factor.set_index("measure")
        row = {"factor": factor, "n": int(of_factor["n_contexts"].max())} | _bracket(by_measure)
        known = [measure for measure in (EXACT, COOL, HEAT, LOWER_EDGE) if measure in by_measure.index]
        members = values[(values["factor"] == factor) & (values["measure"] == known[0]) & ~values["flat"].astype(bool)]
        in_all = members["order_beta"].min() if len(members) else np.nan
        if known[0] in (EXACT, LOWER_EDGE):
            best = by_measure.loc[known[0]]
            row |= {name: best[name] for name in ("bound", "low", "high")} | {"beta": best["median"], "of": known[0]}
        else:
            row |= _middle(row) | {"of": BRACKET}
        told = {measure: int(count) for measure, count in by_measure["n_contexts"].items()}
        counts = {"n_cool": told.get(COOL, 0), "n_heat": told.get(HEAT, 0), "n_beta": told[known[0]]}
        if row["of"] == BRACKET:  # of the end of fewer contexts
            counts["n_beta"] = min(told[measure] for measure in (COOL, HEAT) if measure in told)
        complete = np.isfinite(in_all) and told[known[0]] == row["n"]
        ended = members if not row["bound"] or row["of"] != BRACKET else values[
            (values["factor"] == factor) & (values["measure"] == (COOL if np.isfinite(row["cool"]) else HEAT))
        ]  # fmt: skip
        row |= _below(row, ended["order_beta"].to_numpy(float), ended["bound_high"].to_numpy(float))
        rows.append(row | counts | {"in_all": in_all if complete else np.nan})
    return rows


def _of_wholes(result: WholeAnnealing | WholeResponse) -> list[dict[str, Any]]:
    response = isinstance(result, WholeResponse)
    summary = result.tables["response_summary" if response else "joint_summary"]
    points = result.tables["response_points" if response else "joint_freezing_points"]
    points = points[points["kind"] == "factor"]
    rows = []
    for _, of_factor in summary.iterrows():
        networks = points[points["name"] == of_factor["factor"]]
        row: dict[str, Any] = {"factor": of_factor["factor"], "n": int(of_factor["networks"]), "of": JOINT}
        row |= dict.fromkeys(("n_beta", "n_cool", "n_heat"), row["n"])
        for name in ("cool", "heat"):
            beta = float(of_factor[f"{name}_median"])
            row |= {name: beta, f"{name}_bound": ""}
            if np.isnan(beta):
                row |= _bound_of(networks[networks["direction"] == name], name)
        if response:
            beta = float(of_factor["median"])
            known = {"beta": beta, "bound": ""} if np.isfinite(beta) else {
                key.replace("beta_bound", "bound"): value for key, value in _bound_of(networks, "beta").items()
            }  # fmt: skip
            row |= known | {"low": of_factor["low"], "high": of_factor["high"], "of": RESPONSE}
        else:
            row |= _middle(row)
        ended = networks if response else networks[
            networks["direction"] == ("cool" if np.isfinite(row["cool"]) else "heat")
        ]  # fmt: skip
        row |= _below(row, ordered_values(ended), ended["beta_bracket_high"].to_numpy(float))
        falling = networks if response else networks[networks["direction"] == "cool"]
        in_all = falling["beta_ifp"].min() if falling["beta_ifp"].notna().all() and len(falling) else np.nan
        rows.append(row | {"in_all": float(in_all)})
    return rows


def _bracket(by_measure: pd.DataFrame) -> dict[str, Any]:
    """The median points of trained networks with their bounds; NaN without any."""
    row: dict[str, Any] = {}
    for name in (COOL, HEAT):
        there = name in by_measure.index
        row[name] = by_measure["median"].to_dict()[name] if there else np.nan
        row[f"{name}_bound"] = by_measure["bound"].to_dict()[name] if there else ""
    return row


def _middle(row: dict[str, Any]) -> dict[str, Any]:
    """The geometric middle of a bracket with its ends; of one end alone that end."""
    ends = [(row[name], row[f"{name}_bound"]) for name in ("cool", "heat") if np.isfinite(row[name])]
    known = [beta for beta, bound in ends if not bound]
    if known:
        return {"beta": float(np.exp(np.mean(np.log(known)))), "bound": "", "low": row["cool"], "high": row["heat"]}
    beta, bound = ends[0] if ends else (np.nan, "")
    return {"beta": beta, "bound": bound, "low": np.nan, "high": np.nan}


def _below(row: dict[str, Any], order_beta: np.ndarray, bound_high: np.ndarray) -> dict[str, Any]:
    """Of a row that is a bound from above: how many froze below all betas tried, and the lowest that was tried."""
    below = np.isneginf(order_beta) & np.isfinite(bound_high)
    if row["bound"] != "<" or not below.any():
        return {"n_below": 0, "tried": np.nan}
    return {"n_below": int(below.sum()), "tried": float(bound_high[below].max())}


def _bound_of(networks: pd.DataFrame, name: str) -> dict[str, Any]:
    """Of networks whose median lies beyond what was tried: the bound that their records leave.

    Each network's point is at most (least) its own bound, so the median is at most (least) theirs.
    """
    order_beta, seeds = ordered_values(networks), networks["seed"].to_numpy()
    middle = median_interval(order_beta, seeds).median
    if not np.isinf(middle):
        return {name: np.nan, f"{name}_bound": ""}
    bound, column = ("<", "beta_bracket_high") if middle < 0 else (">", "beta_bracket_low")
    beyond = np.isinf(order_beta) & (np.sign(order_beta) == np.sign(middle))
    beta = median_interval(np.where(beyond, networks[column].to_numpy(float), order_beta), seeds).median
    return {name: beta, f"{name}_bound": bound} if np.isfinite(beta) else {name: np.nan, f"{name}_bound": ""}
