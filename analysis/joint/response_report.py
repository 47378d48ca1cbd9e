"""What a run of multi-rate networks says: what the curve is, the factors' points, and whose objective is lower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.joint.report import EDGES_IN_A_SENTENCE, PrintedTable, Report
from ifp.analysis.joint.response_summary import UNKNOWN

MARK = (
    "Amortised response: one network was trained for all betas at once, without a history of cooling or heating, so "
    "its points are no bracket; at each beta its objective is an upper bound of the least that such networks reach"
)
"""What is said wherever these curves are shown."""
MOST_MOVED_NATS = 0.1
"""A curve that moved by more in the last quarter of the training had not come to rest."""


def response_report(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any], factors: Sequence[str]) -> Report:
    """The report.

    Parameters
    ----------
    tables, about : of `ifp.analysis.joint.response_measure.read_response_tables`. factors : in the order of the table.
    """
    parts: Report = []
    if len(tables["response_summary"]):
        parts.append(_factors(tables, about, factors))
    parts.append(MARK)
    parts.append(_settled(about))
    edges = ", ".join(f"{beta:.4g}" for beta in tables["spectrum"]["beta_edge"][:EDGES_IN_A_SENTENCE])
    parts.append(f"Linear theory: joint edge and the eigenvalues after it {edges} ...")
    parts.append(_objectives(tables["response_objective"]))
    return parts


def _factors(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any], factors: Sequence[str]) -> PrintedTable:
    summary = tables["response_summary"].set_index("factor", drop=False)
    points = tables["response_points"]
    beside = bool(summary[["cool_median", "heat_median"]].notna().to_numpy().any())
    rows = []
    for name in factors:
        row = summary.loc[name]
        of_factor = points[(points["kind"] == "factor") & (points["name"] == name)]
        texts = {"factor": name, "multi-rate": _points(of_factor)}
        if beside:
            texts |= {"cooling": _number(row["cool_median"]), "heating": _number(row["heat_median"])}
            known = isinstance(row["place"], str) and row["place"] != UNKNOWN  # an empty cell is read as a number
            texts |= {"in the bracket": str(row["place"]) if known else "unknown"}
        texts |= {"alone": _number(row["beta_alone"]), "given the rest": _number(row["beta_given_rest"])}
        rows.append(texts)
    note = f"beta at which all latents together hold {about['threshold_nats']:g} nat of the factor: each network"
    if beside:
        note += "; cooling and heating: medians of the run beside"
    return PrintedTable("Joint freezing points of the factors", pd.DataFrame(rows), note)


def _points(of_factor: pd.DataFrame) -> str:
    words = [f"{beta:.3g}" for beta in sorted(of_factor["beta_ifp"].dropna(), reverse=True)]
    counts = of_factor.loc[of_factor["beta_ifp"].isna(), "status"].value_counts()
    return ", ".join([*words, *(f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items())])


def _number(value: Any) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "-"


def _settled(about: Mapping[str, Any]) -> str:
    moved = about.get("moved_nats")
    if moved is None or not np.isfinite(moved):
        return "Whether the curve had come to rest is unknown: the training was too short for two records to compare."
    text = f"In the last quarter of the training no latent's KL moved by more than {moved:.2g} nat at any beta"
    if moved > MOST_MOVED_NATS:
        return f"{text}: the curve had not come to rest; raise `steps`."
    return text


def _objectives(objective: pd.DataFrame) -> str:
    known = objective.dropna(subset="excess_nats")
    if known.empty:
        return (
            "Nothing lies beside to compare the objective with; `ifp anneal --whole` with the same `out` folder first, "
            "then this method, shows both."
        )
    lower = int((known["excess_nats"] < 0).sum())
    ordered = known.sort_values("excess_nats")
    best, worst = ordered.iloc[0], ordered.iloc[-1]
    return (
        f"Its objective is below that of the cooled and heated networks at {lower} of {len(known)} betas: from "
        f"{best['excess_nats']:+.2g} nats at beta {best['beta']:.3g} to {worst['excess_nats']:+.2g} at beta "
        f"{worst['beta']:.3g}"
    )
