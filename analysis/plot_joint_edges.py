"""The figure of a whole data set's closed form: the linear theory's spectrum above, two edges of each factor below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ifp.analysis.plot_style import FORMATS, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.style import INK, NEUTRAL, factor_looks, figure_width, plain
from ifp.errors import IfpError

TABLES = ("spectrum", "joint_edges")
_DECADES = 4.0
"""How far below the joint edge the axis of beta reaches at most."""


def draw_edges(
    folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS, out: Path | None = None
) -> list[Path]:
    """Draw `joint_edges` from the folder's tables; returns the paths written.

    Raises
    ------
    IfpError : no such tables, an unknown width or format.
    """
    for name in TABLES:
        if not (folder / f"{name}.csv").is_file():
            raise IfpError(f"There is no {folder / name}.csv; give the folder of a closed form of a whole data set.")
    spectrum, edges = (pd.read_csv(folder / f"{name}.csv") for name in TABLES)
    inches = figure_width(width)
    with paper_style():
        figure, shown = edges_figure(spectrum, edges, width_in=inches)
    return save_figure(figure, (out or folder / "figures") / "joint_edges", shown, formats=formats)


def edges_figure(spectrum: pd.DataFrame, edges: pd.DataFrame, *, width_in: float) -> tuple[Figure, pd.DataFrame]:
    """How many latents linear theory has at work at each beta, and each factor alone and given all others.

    Parameters
    ----------
    spectrum, edges : of `ifp.analysis.joint.edges.edge_tables`; `edges` may be empty, for data without factors.

    Returns
    -------
    The figure, and the rows it shows.
    """
    rows = len(edges)
    heights = [1.1] + ([0.16 * rows + 0.12] if rows else [])
    figure = new_figure(width_in, 0.35 + sum(heights) + (0.18 if rows else 0))
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    high = float(spectrum["beta_edge"].max())
    lowest = [float(edges[["beta_alone", "given_rest_low"]].replace(0, np.nan).min().min())] if rows else []
    low = max(min([float(spectrum["beta_edge"].min()), *lowest]), high / 10**_DECADES)
    top = max(high, float(edges["given_rest_high"].max()) if rows else high)
    for ax in axes:
        beta_axis(ax, low / 1.3, top * 1.3)
    _draw_spectrum(axes[0], spectrum, low / 1.3, top * 1.3)
    if rows:
        _draw_factors(axes[1], edges, low / 1.3)
        key = [
            Line2D([], [], marker="o", linestyle="", color=INK, markersize=3.5, label="alone"),
            Line2D([], [], marker="o", color=INK, markerfacecolor="white", markersize=3.5, linewidth=0.8,
                   label="given all others: median and range of contexts"),
        ]  # fmt: skip
        figure.legend(handles=key, loc="outside lower center", ncols=2)
    axes[-1].set_xlabel(r"$\beta$")
    parts = {"spectrum": spectrum, "factor": edges}
    shown = pd.concat([part.assign(shows=name) for name, part in parts.items() if len(part)], ignore_index=True)
    return figure, shown


def _draw_spectrum(ax: Axes, spectrum: pd.DataFrame, low: float, high: float) -> None:
    edges = spectrum["beta_edge"].to_numpy(float)
    shown = edges[edges >= low]
    # no further than the last eigenvalue that is known
    ax.step([high, *shown], range(len(shown) + 1), where="post", color=INK)
    ax.set_ylim(0, max(len(shown), 1) * 1.08)
    ax.set_ylabel("latents, linear theory")
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.axvline(edges[0], color=NEUTRAL, linewidth=0.6, linestyle=(0, (3, 1.5)))
    ax.annotate(f"joint edge {edges[0]:.3g}", (edges[0], 1), xycoords=("data", "axes fraction"), xytext=(-3, -1),
                textcoords="offset points", ha="right", va="top", fontsize="small", color=NEUTRAL)  # fmt: skip


def _draw_factors(ax: Axes, edges: pd.DataFrame, low: float) -> None:
    looks = factor_looks(edges["factor"])
    numbers = edges[["beta_alone", "beta_given_rest", "given_rest_low", "given_rest_high"]].to_numpy(float)
    for at, (name, (alone, given, lowest, highest)) in enumerate(zip(edges["factor"], numbers, strict=True)):
        look = looks[name]
        ax.plot([lowest, highest], [at, at], color=look.color, linewidth=0.8)
        ax.plot(given, at, look.marker, color=look.color, markerfacecolor="white", markersize=3.5)
        if alone >= low:
            ax.plot(alone, at, look.marker, color=look.color, markersize=3.5)
        else:
            # beyond the axis: the number alone
            ax.annotate(f"alone {alone:.2g}", (0, at), xycoords=("axes fraction", "data"), xytext=(2, 0),
                        textcoords="offset points", ha="left", va="center", fontsize="small")  # fmt: skip
    ax.set_yticks(range(len(edges)), [plain(str(name)) for name in edges["factor"]])
    ax.set_ylim(len(edges) - 0.5, -0.5)
