"""The figure of `ifp shift`: each factor's melting point before and after, paired by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_page import axes_or_new, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, INK, NEUTRAL, PALE, FactorLook, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, in_order, keep_factors
from ifp.analysis.shift.melting import MELTED
from ifp.analysis.shift.result import SIDES
from ifp.analysis.tables import Column, read_csv
from ifp.errors import IfpError
from ifp.system.files import read_json

_LANE = 0.24
"""Half the vertical distance between the points of the two sides of a factor, in rows of the figure."""


MELTING: dict[str, Column] = {
    "kind": "text", "name": "text", "beta_ifp": "positive", "status": "text", "beta_start": "given positive",
    "beta_end": "given positive", "side": "text", "number": "whole",
}  # fmt: skip
"""The columns of melting.csv that are drawn."""


def draw_shift(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `ifp_shift` from the folder's melting.csv; returns the paths written.

    Parameters
    ----------
    order : the factors that come first, as a user typed them. labels : what the figure calls a factor, by its name.
    factors : those that are shown; all if none is named.

    Raises
    ------
    IfpError : no such table, an unknown width, format or factor.
    """
    inches = figure_width(width)
    melting = melting_of(folder)
    check_names([*order, *(labels or {}), *factors], melting["name"].unique())
    with paper_style(), looking(factor_looks(melting["name"])):
        figure, shown = shift_figure(
            in_order(keep_factors(melting, factors, "name"), order, "name"), width_in=inches, labels=labels
        )
    words = caption("ifp_shift", of=_compared(folder))
    return save_figure(figure, (out or folder / "figures") / "ifp_shift", shown, formats=formats, caption=words)


def melting_of(folder: Path) -> pd.DataFrame:
    """The rows of factors of a folder's melting.csv; raises IfpError where there is no such table."""
    path = folder / "melting.csv"
    if not path.is_file():
        raise IfpError(f"There is no {path}; give the folder of an `ifp shift` run.")
    melting = read_csv(path, "run the same `ifp shift` command again", MELTING)
    twice = melting.duplicated(["kind", "name", "side", "number"])
    if twice.any() or not set(melting["side"]) <= set(SIDES) or not (melting["kind"] == "factor").any():
        raise IfpError(f"{path} must have one row per factor, side and model; run the same `ifp shift` command again.")
    return _factor_rows(melting)


def _compared(folder: Path) -> str:
    """The data set, where shift.json says it."""
    about = folder / "shift.json"
    if not about.is_file():
        return ""
    dataset = read_json(about, "run the same `ifp shift` command again").get("dataset")
    return str(dataset.get("name", "")) if isinstance(dataset, dict) else ""


def shift_figure(
    melting: pd.DataFrame, *, width_in: float, labels: Mapping[str, str] | None = None
) -> tuple[Figure, pd.DataFrame]:
    """The figure of `plot_shift` on a page of this width; call within `paper_style`.

    Returns
    -------
    The figure, and the rows of `melting` that it shows.
    """
    shown = _factor_rows(melting)
    figure = new_figure(width_in, _height_in(shown))
    draw_factors(figure.subplots(), shown, labels)
    figure.legend(handles=shift_key(), loc="outside lower center", ncols=3)
    return figure, shown


def plot_shift(melting: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One row per factor: open points of the baseline, filled ones of the mitigated models, a line between each pair.

    Models of which a factor did not melt are left out and counted at the right. The mean of a side is geometric, over
    its models in pairs; a factor without a pair has none.

    Parameters
    ----------
    melting : rows of `ifp.analysis.shift.melting.melting_points` with the columns `side` and `number`.
    """
    shown = _factor_rows(melting)
    ax = axes_or_new(ax, 5.5, _height_in(shown))
    draw_factors(ax, shown)
    ax.legend(handles=shift_key(), loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return ax


def _factor_rows(melting: pd.DataFrame) -> pd.DataFrame:
    return melting[melting["kind"] == "factor"].reset_index(drop=True)


def _height_in(shown: pd.DataFrame) -> float:
    return 0.62 + 0.34 * shown["name"].nunique()


def draw_factors(ax: Axes, shown: pd.DataFrame, labels: Mapping[str, str] | None = None) -> None:
    """A row of points per factor, and the axis of beta."""
    factors = list(dict.fromkeys(shown["name"]))
    looks = factor_looks(factors)
    for row, factor in enumerate(factors):
        _draw_factor(ax, row, shown[shown["name"] == factor], looks[factor])
    known = shown["beta_ifp"].dropna()
    low, high = (known.min(), known.max()) if len(known) else (shown["beta_start"].min(), shown["beta_end"].max())
    beta_axis(ax, float(low) / 1.25, float(high) * 1.25)
    ax.set_ylim(len(factors) - 0.5, -0.5)
    ax.set_yticks(range(len(factors)), [plain((labels or {}).get(factor, factor)) for factor in factors])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("melting point β of the trained models")


def _draw_factor(ax: Axes, row: int, rows: pd.DataFrame, look: FactorLook) -> None:
    melted = rows[rows["status"] == MELTED]
    by_side = {side: melted[melted["side"] == side].set_index("number")["beta_ifp"] for side in SIDES}
    heights = dict(zip(SIDES, (row - _LANE, row + _LANE), strict=True))
    pairs = by_side["baseline"].index.intersection(by_side["mitigated"].index)
    for number in pairs:
        ax.plot([by_side[side][number] for side in SIDES], list(heights.values()), color=PALE, linewidth=0.6, zorder=1)
    for side, betas in by_side.items():
        filled = side == "mitigated"
        ax.plot(
            betas, np.full(len(betas), heights[side]), look.marker, color=look.color, markersize=3.4, linestyle="none",
            markerfacecolor=look.color if filled else "white", markeredgewidth=0.7, zorder=3,
        )  # fmt: skip
        if len(pairs):
            mean = float(np.exp(np.log(betas[pairs]).mean()))
            ax.plot([mean, mean], [heights[side] - 0.16, heights[side] + 0.16], color=INK, linewidth=1.2, zorder=2)
    left_out = len(rows) - len(melted)
    if left_out:
        ax.annotate(f"{left_out} not melted", (1.01, row), xycoords=("axes fraction", "data"), ha="left", va="center",
                    fontsize="small", color=NEUTRAL)  # fmt: skip


def shift_key() -> list[Line2D]:
    """The entries of the legend."""
    points = [
        Line2D([], [], color=INK, marker="o", markersize=3.4, linestyle="none", markerfacecolor=fill, label=label)
        for fill, label in (("white", SIDES[0]), (INK, SIDES[1]))
    ]
    return [*points, Line2D([], [], color=INK, linewidth=1.2, marker="|", linestyle="none", label="mean of pairs")]
