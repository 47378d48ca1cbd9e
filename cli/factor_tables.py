"""Tables of `ifp diagnose` about latents and factors, each within 80 columns however many factors there are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.table import Table

from ifp.analysis.diffusion.holders import COLLAPSED, SEPARATOR
from ifp.analysis.diffusion.joint_verdict import CONSTANT, COPIED, HIDDEN, JOINTLY, ONE, ROTATED
from ifp.analysis.diffusion.results import Results
from ifp.analysis.diffusion.wording import latents_text, two_decimals
from ifp.analysis.information.intervals import LEAST_SHOWN

COLUMNS = 80
"""What a table takes at most, but for one with a single very long name."""
_LATENT_COLUMNS = 30
"""Of the latent, its KL and status."""
_PADDING = (0, 1, 0, 0)
_SHORT = {ONE: "one latent", COPIED: "copies", ROTATED: "rotated", JOINTLY: "jointly", HIDDEN: "hidden"}


def latents_tables(name: str, results: Results) -> list[Table]:
    """A row per latent, largest KL first; its NMI above the floor with each factor, a star where it holds it."""
    estimator = results.estimator
    latents = results.table("latents")
    latents = latents[latents["estimator"] == estimator].sort_values("kl_nats", ascending=False, kind="stable")
    nmi = results.table("nmi")
    nmi = nmi[nmi["estimator"] == estimator].set_index(["latent", "factor"])
    tables = []
    for factors in _chunks(results.factor_names, [max(len(factor), 5) + 2 for factor in results.factor_names]):
        table = Table(
            title=f"{name}: what each latent holds" + (f" (NMI above the floor, {estimator})" if estimator else ""),
            caption="-: within noise or below 0.005; *: held by this latent; blank: collapsed" if estimator else "",
            box=box.SIMPLE_HEAD,
            padding=_PADDING,
        )
        for heading in ("latent", "KL nats", "status", *factors):
            table.add_column(heading, justify="left" if heading == "status" else "right")
        for _, row in latents.iterrows():
            collapsed = row["status"] == COLLAPSED
            entries = [nmi.loc[(row["latent"], factor)] for factor in factors]
            cells = ["" if collapsed and not entry["above_noise"] else _nmi_cell(entry) for entry in entries]
            table.add_row(str(row["latent"]), f"{row['kl_nats']:.3f}", str(row["status"]), *cells)
        tables.append(table)
    return tables


def joint_table(results: Results) -> Table:
    """Where each factor's information is: all latents, the best, the set that is needed; nats, at least."""
    table = Table(
        title="Where each factor's information is (nats, at least; +- 95 %)",
        caption="best: one latent; needed: for 90 %; given: other factors known; -: nothing",
        box=box.SIMPLE_HEAD,
        padding=_PADDING,
    )
    for heading in ("factor", "entropy", "all latents", "best", "needed", "given", "verdict"):
        table.add_column(heading, justify="left" if heading in ("factor", "needed", "verdict") else "right")
    for _, row in results.table("joint").iterrows():
        if row["case"] == CONSTANT:
            table.add_row(str(row["factor"]), "0.00", *["-"] * 4, CONSTANT)
            continue
        width = (row["joint_high"] - row["joint_low"]) / 2
        latents = [int(latent) for latent in str(row["set_latents"]).split(SEPARATOR) if latent]
        table.add_row(
            str(row["factor"]),
            two_decimals(row["entropy_nats"]),
            f"{two_decimals(row['joint_nats'])} +-{two_decimals(width)}" if row["above_noise"] else "-",
            f"{two_decimals(row['single_nats'])} (in {row['single_latent']:.0f})" if _single_holds(row) else "-",
            latents_text(latents) or "-",
            two_decimals(row["given_others_nats"]) if row["given_others_nats"] >= LEAST_SHOWN else "-",
            _SHORT.get(row["case"], str(row["case"])),
        )
    return table


def _single_holds(row: pd.Series) -> bool:
    return bool(row["above_noise"] and row["single_nats"] >= LEAST_SHOWN and (row["alone"] or row["case"] != JOINTLY))


def factors_table(results: Results) -> Table:
    """Best and second latent of each factor above the floor, and the literature's histogram numbers where measured."""
    compared = [name for name in results.estimators if name != results.estimator]
    table = Table(
        title=f"Single latents: NMI above the floor, {results.estimator}"
        + (f"; as counted, {compared[0]}" if compared else ""),
        box=box.SIMPLE_HEAD,
        padding=_PADDING,
    )
    raw = [f"{compared[0]} NMI1", "NMI2"] if compared else []
    for heading in ("factor", "NMI1", "latent", "NMI2", "latent", "carriers", *raw):
        table.add_column(heading, justify="left" if heading == "factor" else "right")
    rows = results.table("factors")
    counted = rows[rows["estimator"] == compared[0]].set_index("factor") if compared else None
    for _, row in rows[rows["estimator"] == results.estimator].iterrows():
        cells = [str(row["factor"])]
        for rank in ("1", "2"):
            found = row[f"carrier{rank}"] >= 0 and bool(row[f"nmi{rank}_above_noise"])
            cells += [two_decimals(row[f"excess_nmi{rank}"]), f"{row[f'carrier{rank}']:g}"] if found else ["-", "-"]
        cells.append("-" if pd.isna(row["carriers"]) else f"{row['carriers']:.2f}")
        if counted is not None:
            entry = counted.loc[row["factor"]]
            cells += [two_decimals(entry["nmi1"]), "-" if entry["latent2"] < 0 else two_decimals(entry["nmi2"])]
        table.add_row(*cells)
    return table


def runs_tables(runs: pd.DataFrame) -> list[Table]:
    """Several models side by side: a column per model, a row per number."""
    names = [str(name) for name in runs["run"]]
    measures = [str(column) for column in runs.columns if column != "run"]
    first = max(map(len, measures)) + 3
    tables = []
    for chunk in _chunks(names, [max(len(name), 8) + 3 for name in names], COLUMNS - first):
        table = Table(title="Models side by side", box=box.SIMPLE_HEAD, padding=_PADDING)
        table.add_column("", justify="left")
        for name in chunk:
            table.add_column(name, justify="right")
        of_chunk = runs[runs["run"].astype(str).isin(chunk)]
        for measure in measures:
            table.add_row(measure, *[_short(value) for value in of_chunk[measure]])
        tables.append(table)
    return tables


def _chunks(names: Sequence[str], widths: Sequence[int], room: int = COLUMNS - _LATENT_COLUMNS) -> list[list[str]]:
    """`names` in stretches whose columns fit into `room`, one at least in each."""
    chunks: list[list[str]] = [[]]
    used = 0
    for name, width in zip(names, widths, strict=True):
        if chunks[-1] and used + width > room:
            chunks.append([])
            used = 0
        chunks[-1].append(name)
        used += width
    return chunks


def _nmi_cell(entry: pd.Series) -> str:
    if not entry["above_noise"]:
        return "- "
    excess = entry["nmi"] - entry["floor_nmi"]
    return two_decimals(excess) + ("*" if entry["holds"] else " ")


def _short(value: object) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value + 0.0:.3g}"
    return str(value)
