"""What `ifp watch` shows of a run: its standing, its networks, the latents and the factors of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ifp.cli.printing import cell_text
from ifp.cli.progress import duration
from ifp.codes import ACTIVE_NATS
from ifp.system.printable import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType
    from rich.table import Table

    from ifp.analysis.watching.state import RunState

BAR = 24
"""Characters of the bar of the largest KL."""
MOST_ROWS = 12
"""Networks, latents and factors beyond these are counted, not shown: a view that is longer than the screen flickers."""
_HEADINGS = {
    "recon_nats": "recon nats", "kl_nats": "KL nats", "active_latents": "active", "exact": "beta, exact",
    "cooling": "beta, cooling", "heating": "beta, heating",
}  # fmt: skip
_FORMATS = {"recon_nats": ".2f", "kl_nats": ".2f", "beta": ".4g"}


def view(state: RunState, network: int) -> list[RenderableType]:
    """The parts of the view, from above."""
    from rich.text import Text

    parts: list[RenderableType] = [Text(printable(line)) for line in _standing(state)]
    table = state.table()
    if not table.empty:
        parts.append(_table(table, "networks" if state.networks else "factors"))
    if not state.networks:
        return parts
    shown = state.networks[min(network, len(state.networks) - 1)]
    number = state.networks.index(shown)
    latents, factors = state.latents(number), state.factors(number)
    if latents.empty:
        return [*parts, Text(f"{shown.name}: no record yet")]
    of = f" of {shown.name}" if len(state.networks) > 1 else ""
    parts += [Text(f"Latents{of}, by their KL"), _latents(latents)]
    if not factors.empty:
        parts += [Text(f"Factors{of}: largest and second NMI over latents, above the floor"), _factors(factors)]
    return parts


def _standing(state: RunState) -> list[str]:
    lines = [str(state.path), state.headline()]
    if not state.ended:
        left = "unknown" if state.seconds_left is None else f"about {duration(state.seconds_left)}"
        changed = f"last change {duration(state.seconds_unchanged)} ago"
        nobody = state.at_work is False
        lines.append(
            f"{changed}; no process of this machine is at work here. {state.going_on()}"
            if nobody
            else f"time left: {left}; {changed}"
        )
    return [*lines, *filter(None, [state.advice()]), *state.doubts]


def _new(*columns: tuple[str, bool]) -> Table:
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading, left in columns:
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    return table


def _table(rows: pd.DataFrame, what: str) -> RenderableType:
    """The table of networks, or of factors of an annealing of traversals."""
    left = ("network", "status", "factor")
    table = _new(*((_HEADINGS.get(str(name), str(name)), name in left) for name in rows.columns))
    for _, row in rows.iloc[:MOST_ROWS].iterrows():
        table.add_row(*(printable(cell_text(value, _FORMATS.get(str(name), ""))) for name, value in row.items()))
    if len(rows) > MOST_ROWS:
        table.caption = f"and {len(rows) - MOST_ROWS} more {what}"
    return table


def _latents(rows: pd.DataFrame) -> RenderableType:
    named = "factor" in rows.columns
    table = _new(
        ("latent", False), ("KL nats", False), ("", True), *([("holds", True), ("NMI", False)] if named else [])
    )
    largest = max(float(rows["kl_nats"].max()), ACTIVE_NATS)
    for _, row in rows.iloc[:MOST_ROWS].iterrows():
        kl_nats = float(row["kl_nats"])
        cells = [str(int(row["latent"])), f"{kl_nats:.3f}", "#" * round(BAR * max(kl_nats, 0.0) / largest)]
        if named:
            holds = kl_nats >= ACTIVE_NATS and row["nmi"] > 0
            cells += [printable(str(row["factor"])) if holds else "-", f"{row['nmi']:.3f}" if holds else "-"]
        table.add_row(*cells, style=None if kl_nats >= ACTIVE_NATS else "dim")
    if len(rows) > MOST_ROWS:
        table.caption = f"and {len(rows) - MOST_ROWS} more latents of less KL"
    return table


def _factors(rows: pd.DataFrame) -> RenderableType:
    table = _new(("factor", True), ("NMI1", False), ("latent", False), ("NMI2", False), ("latent", False))
    for _, row in rows.iloc[:MOST_ROWS].iterrows():
        second = [f"{row['nmi2']:.3f}", str(int(row["latent2"]))] if "nmi2" in rows.columns else ["-", "-"]
        table.add_row(printable(str(row["factor"])), f"{row['nmi1']:.3f}", str(int(row["latent1"])), *second)
    if len(rows) > MOST_ROWS:
        table.caption = f"and {len(rows) - MOST_ROWS} more factors"
    return table
