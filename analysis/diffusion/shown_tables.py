"""The tables of a diagnosis as they are read: about latents, about factors, about models side by side.

Their cells are text: what is not known or within noise is a dash, and what a latent holds has a star.
"""

from __future__ import annotations

import pandas as pd

from ifp.analysis.diffusion.comparison import ACTIVE_LATENTS, TOTAL_KL
from ifp.analysis.diffusion.holders import COLLAPSED, SEPARATOR
from ifp.analysis.diffusion.joint_verdict import CONSTANT, COPIED, HIDDEN, JOINTLY, ONE, ROTATED
from ifp.analysis.diffusion.results import Results
from ifp.analysis.diffusion.wording import LEVEL_TEXT, decimals, latents_text, signed, two_decimals
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.information.intervals import LEAST_SHOWN
from ifp.analysis.tables import short_number
from ifp.errors import IfpError

_SHORT_CASES = {ONE: "one latent", COPIED: "copies", ROTATED: "rotated", JOINTLY: "jointly", HIDDEN: "hidden"}
"""What a verdict's case is called in a narrow column, where its own name is too long."""
_COMPARED = {"excess_nmi1": "NMI1", "excess_nmi2": "NMI2", TOTAL_KL: "KL nats", ACTIVE_LATENTS: "active latents"}
"""The measures that a table of two models shows; those as counted depend on the width of the posteriors."""


def shown_tables(name: str, results: Results) -> list[ShownTable]:
    """All that can be shown of one model: its latents, where each factor's information is, single latents by factor."""
    tables = [latents_shown(name, results)]
    if not results.table("joint").empty:
        tables.append(joint_shown(results))
    if results.estimators:
        tables.append(factors_shown(results))
    if not results.table("topology").empty:
        tables.append(topology_shown(results))
    return tables


def comparison_shown(results: Results) -> ShownTable:
    """One row per factor and measure of NMI above the floors, then of the whole model: A, B, and B less A.

    Raises IfpError where nothing was compared.
    """
    table, compared = results.table("comparison"), results.content["compared"]
    if table.empty or not compared:
        raise IfpError("This is a diagnosis of one model, in which nothing is compared.")
    rows = []
    for _, row in table[table["estimator"].isin([results.estimator, ""])].iterrows():
        name = _COMPARED.get(row["measure"])
        if name is None:
            continue
        values = [f"{row[side]:.0f}" if row["measure"] == ACTIVE_LATENTS else decimals(row[side]) for side in "ab"]
        apart = signed(*(float(row[part]) for part in ("difference", "low", "high")))
        says = "-" if pd.isna(row["within_noise"]) else "within noise" if row["within_noise"] else "differ"
        rows.append([str(row["factor"]) or "all", name, *values, *apart, says])
    return ShownTable(
        "Two models compared",
        pd.DataFrame(rows, columns=["factor", "of", "A", "B", "B less A", "low", "high", "says"]),
        f"A: {compared['a']}; B: {compared['b']}; NMI above the floor"
        + (f", {results.estimator}" if results.estimator else "")
        + f"; low, high: {LEVEL_TEXT} interval of the difference; it speaks of the two checkpoints, "
        "other training seeds would differ by more",
        left=("factor", "of", "says"),
        repeated=2,
    )


def topology_shown(results: Results) -> ShownTable:
    """One row per active latent: how far its shift is from a symmetry of what the decoder draws."""
    table = results.table("topology")
    rows = [
        [str(row["latent"]), f"{row['minmax']:.3f}", f"{row['standard_error']:.3f}", str(row["metric"])]
        for _, row in table.iterrows()
    ]
    beside = [
        f"{name}: random directions among these latents {numbers['random_value']:.3f}"
        for name, numbers in results.content["about"]["metrics"].items()
        if numbers.get("random_value") is not None
    ]
    return ShownTable(
        "Topological difference of images before and after each latent's shift (0: a symmetry)",
        pd.DataFrame(rows, columns=["latent", "MinMax", "standard error", "metric"]),
        note="; ".join(beside),
        left=("metric",),
    )


def latents_shown(name: str, results: Results) -> ShownTable:
    """One row per latent, largest KL first: its NMI above the floor with each factor, a star where it holds it.

    Of a GAN the information bound of each code, H - NLL on generated images, stands in the KL's place.
    """
    bounds = results.code_bounds_nats
    estimator = results.estimator
    latents = results.table("latents")
    latents = latents[latents["estimator"] == estimator].sort_values("kl_nats", ascending=False, kind="stable")
    nmi = results.table("nmi")
    nmi = nmi[nmi["estimator"] == estimator].set_index(["latent", "factor"])
    rows, exact = [], []
    for _, row in latents.iterrows():
        collapsed = row["status"] == COLLAPSED
        entries = [nmi.loc[(row["latent"], factor)] for factor in results.factor_names]
        cells = ["" if collapsed and not entry["above_noise"] else _nmi_cell(entry) for entry in entries]
        nats = row["kl_nats"] if bounds is None else bounds[int(row["latent"])]
        rows.append([str(row["latent"]), f"{nats:.3f}", str(row["status"]), *cells])
        held = "; ".join(factor for factor, entry in zip(results.factor_names, entries, strict=True) if entry["holds"])
        numbers = ["" if text == "" else _nmi_number(entry) for text, entry in zip(cells, entries, strict=True)]
        exact.append([int(row["latent"]), float(nats), str(row["status"]), *numbers, held])
    of_gan = "bound: H - NLL of the code on generated images, negative where Q knows nothing; "
    signs = "-: within noise or below 0.005; *: held by this latent; blank: collapsed"
    headings = ["latent", "KL nats" if bounds is None else "bound", "status", *results.factor_names]
    return ShownTable(
        f"{name}: what each latent holds" + (f" (NMI above the floor, {estimator})" if estimator else ""),
        pd.DataFrame(rows, columns=headings),
        of_gan * (bounds is not None) + signs * bool(estimator),
        left=("status",),
        repeated=3,
        exact=pd.DataFrame(exact, columns=[*headings, "holds"]),
    )


def joint_shown(results: Results) -> ShownTable:
    """One row per factor: what all latents, the best latent and the set that is needed hold of it; nats, at least."""
    rows, exact = [], []
    for _, row in results.table("joint").iterrows():
        if row["case"] == CONSTANT:
            rows.append([str(row["factor"]), "0.00", *["-"] * 4, CONSTANT])
            exact.append([str(row["factor"]), 0.0, *["-"] * 6, CONSTANT])
            continue
        half_width = (row["joint_high"] - row["joint_low"]) / 2
        held, single = row["above_noise"], _single_holds(row)
        latents = [int(latent) for latent in str(row["set_latents"]).split(SEPARATOR) if latent]
        rows.append(
            [
                str(row["factor"]),
                two_decimals(row["entropy_nats"]),
                f"{two_decimals(row['joint_nats'])} +-{two_decimals(half_width)}" if held else "-",
                f"{two_decimals(row['single_nats'])} (in {row['single_latent']:.0f})" if single else "-",
                latents_text(latents) or "-",
                two_decimals(row["given_others_nats"]) if row["given_others_nats"] >= LEAST_SHOWN else "-",
                _SHORT_CASES.get(row["case"], str(row["case"])),
            ]
        )
        numbers = [*((row["joint_nats"], half_width) if held else "--"),
                   *((row["single_nats"], int(row["single_latent"])) if single else "--")]  # fmt: skip
        given = row["given_others_nats"] if row["given_others_nats"] >= LEAST_SHOWN else "-"
        exact.append([rows[-1][0], row["entropy_nats"], *numbers, rows[-1][4], given, rows[-1][-1]])
    return ShownTable(
        "Where each factor's information is (nats, at least; +- 95 %)",
        pd.DataFrame(rows, columns=["factor", "entropy", "all latents", "best", "needed", "given", "verdict"]),
        "best: one latent; needed: for 90 %; given: other factors known; -: nothing",
        left=("factor", "needed", "verdict"),
        exact=pd.DataFrame(exact, columns=["factor", "entropy", "all latents", "+- 95 %", "best", "in latent", "needed",
                                           "given", "verdict"]),
    )  # fmt: skip


def _single_holds(row: pd.Series) -> bool:
    return bool(row["above_noise"] and row["single_nats"] >= LEAST_SHOWN and (row["alone"] or row["case"] != JOINTLY))


def factors_shown(results: Results) -> ShownTable:
    """One row per factor: best and second latent above the floor, beside the histogram's numbers where measured."""
    compared = [name for name in results.estimators if name != results.estimator]
    rows = results.table("factors")
    counted = rows[rows["estimator"] == compared[0]].set_index("factor") if compared else None
    cells = []
    for _, row in rows[rows["estimator"] == results.estimator].iterrows():
        line = [str(row["factor"])]
        for rank in ("1", "2"):
            has_carrier = row[f"carrier{rank}"] >= 0 and bool(row[f"nmi{rank}_above_noise"])
            line += (
                [two_decimals(row[f"excess_nmi{rank}"]), f"{row[f'carrier{rank}']:g}"] if has_carrier else ["-", "-"]
            )
        line.append("-" if pd.isna(row["carriers"]) else f"{row['carriers']:.2f}")
        if counted is not None:
            entry = counted.loc[row["factor"]]
            line += [two_decimals(entry["nmi1"]), "-" if entry["latent2"] < 0 else two_decimals(entry["nmi2"])]
        cells.append(line)
    headings = ["factor", "NMI1", "latent", "NMI2", "latent", "carriers"]
    headings += [f"{compared[0]} NMI1", "NMI2"] if compared else []
    return ShownTable(
        f"Single latents: NMI above the floor, {results.estimator}"
        + (f"; as counted, {compared[0]}" if compared else ""),
        pd.DataFrame(cells, columns=headings),
        left=("factor",),
    )


def models_shown(models: pd.DataFrame) -> ShownTable:
    """Several models side by side: one column per model, one row per number."""
    measures = [str(column) for column in models.columns if column != "run"]
    columns = {"": measures} | {
        str(row["run"]): [_short(row[measure]) for measure in measures] for _, row in models.iterrows()
    }
    return ShownTable("Models side by side", pd.DataFrame(columns), left=("",))


def _nmi_cell(entry: pd.Series) -> str:
    if not entry["above_noise"]:
        return "- "
    excess = entry["nmi"] - entry["floor_nmi"]
    return two_decimals(excess) + ("*" if entry["holds"] else " ")


def _nmi_number(entry: pd.Series) -> float | str:
    return float(entry["nmi"] - entry["floor_nmi"]) if entry["above_noise"] else "-"


def _short(value: object) -> str:
    if isinstance(value, float):
        return short_number(value)
    return str(value)
