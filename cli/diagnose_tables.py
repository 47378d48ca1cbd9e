"""`ifp diagnose` on screen: what latents and factors hold, the verdict, and how the model was read."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from ifp.analysis.diffusion.measures import SEPARATOR
from ifp.analysis.diffusion.results import Results
from ifp.cli.diagnose_reading import reading_lines
from ifp.cli.diagnose_runs import Diagnosed

LOG_WIDTH = 150
"""Columns where stdout is no terminal."""


def print_diagnosis(found: Diagnosed, results: Results) -> None:
    """One run: latents, factors, verdict, metrics, and everything assumed."""
    console = _console()
    console.print(_latents(found, results))
    if results.estimators:
        console.print(_factors(results))
    for sentence in results.sentences():
        console.print(f"- {sentence}", soft_wrap=True)
    if found.scores:
        scores = [f"{name} {score.value:.3f} ({seconds:.1f} s)" for name, (score, seconds) in found.scores.items()]
        console.print(f"Metrics: {', '.join(scores)}; settings in diagnosis.json", soft_wrap=True)
    for line in _regime(results.content["about"]["dataset"].get("regime")):
        console.print(line, soft_wrap=True)
    decomposition = results.content["decomposition"]
    if decomposition is not None:
        console.print(_decomposition(decomposition), soft_wrap=True)
    for line in reading_lines(found.run.last):
        console.print(line, soft_wrap=True)
    console.print()


def _regime(regime: dict[str, Any] | None) -> list[str]:
    """A sentence where factors were correlated: what they share, and what that does to the numbers above."""
    if regime is None:
        return []
    pairs = [
        f"{a} and {b} (sigma {sigma:g}, {nats:.2f} nats shared)"
        for (a, b, sigma), nats in zip(regime["pairs"], regime["shared_nats"], strict=True)
    ]
    return [
        f"These images were drawn with correlated factors: {', '.join(pairs)}. A latent that holds one of a pair "
        "reads on the other; minimality and sufficiency do not suffer from that (Almudévar et al. 2024), other metrics "
        "may."
    ]


def print_runs(runs: pd.DataFrame) -> None:
    """Several runs side by side, one a row."""
    table = Table(title="Runs side by side", box=box.SIMPLE_HEAD)
    for column in runs.columns:
        table.add_column(column, justify="left" if column == "run" else "right")
    for _, row in runs.iterrows():
        table.add_row(*[_short(value) for value in row])
    _console().print(table)


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    return console


def _latents(found: Diagnosed, results: Results) -> Table:
    estimator = results.estimator
    record = found.run.last
    step = f", step {record.step}" if record.step is not None else ""
    table = Table(
        title=f"{found.run.name}{step}: what each latent holds"
        + (f" (NMI above the noise floor, {estimator})" if estimator else ""),
        caption="-: within noise" if estimator else "",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("latent", "KL nats", "status", *results.factor_names, *(["holds"] if estimator else [])):
        table.add_column(heading, justify="left" if heading in ("status", "holds") else "right")
    latents = results.table("latents")
    latents = latents[latents["estimator"] == estimator].sort_values("kl_nats", ascending=False, kind="stable")
    nmi = results.table("nmi")
    nmi = nmi[nmi["estimator"] == estimator].set_index(["latent", "factor"])
    for _, row in latents.iterrows():
        cells = []
        for factor in results.factor_names:
            entry = nmi.loc[(row["latent"], factor)]
            cells.append(f"{entry['nmi'] - entry['floor_nmi']:.2f}" if entry["above_noise"] else "-")
        holds = [str(row["holds"]).replace(SEPARATOR, ", ")] if estimator else []
        table.add_row(str(row["latent"]), f"{row['kl_nats']:.3f}", str(row["status"]), *cells, *holds)
    return table


def _factors(results: Results) -> Table:
    """Best and second latent of each factor above the floor, and the literature's histogram numbers where measured."""
    compared = [name for name in results.estimators if name != results.estimator]
    table = Table(
        title=f"Factors: NMI above the noise floor, {results.estimator}, 95 % intervals"
        + (f"; NMI as counted, {compared[0]}" if compared else ""),
        box=box.SIMPLE_HEAD,
    )
    raw = [f"{compared[0]} NMI1", "NMI2"] if compared else []
    for heading in ("factor", "NMI1", "", "latent", "NMI2", "", "latent", "carriers", "held by", *raw):
        table.add_column(heading, justify="left" if heading in ("factor", "", "held by") else "right")
    rows = results.table("factors")
    counted = rows[rows["estimator"] == compared[0]].set_index("factor") if compared else None
    for _, row in rows[rows["estimator"] == results.estimator].iterrows():
        cells = [str(row["factor"])]
        for rank in ("1", "2"):
            name = f"excess_nmi{rank}"
            found = row[f"carrier{rank}"] >= 0 and bool(row[f"nmi{rank}_above_noise"])
            cells += (
                [f"{row[name]:.2f}", f"{row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f}"] if found else ["-", ""]
            )
            cells.append(f"{row[f'carrier{rank}']:g}" if found else "-")
        cells += [_short(row["carriers"]), str(row["held_by"]).replace(SEPARATOR, ", ")]
        if counted is not None:
            entry = counted.loc[row["factor"]]
            cells += [f"{entry['nmi1']:.2f}", _short(entry["nmi2"]) if entry["latent2"] < 0 else f"{entry['nmi2']:.2f}"]
        table.add_row(*cells)
    return table


def _decomposition(parts: dict[str, Any]) -> str:
    """KL in its three parts, and how far the first can be trusted."""
    text = (
        f"KL {parts['kl_nats']:.2f} nats = index-code MI {parts['index_code_mi_nats']:.2f} + total correlation "
        f"{parts['total_correlation_nats']:.2f} + dimension-wise KL {parts['dimwise_kl_nats']:.2f} (Monte Carlo)"
    )
    if parts["near_cap"]:
        text += (
            f"; the MI is near the most that these images can show, ln N = {parts['cap_nats']:.2f}, so the true one is "
            "larger and the total correlation smaller"
        )
    return text


def _short(value: Any) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.3g}"
    return str(value)
