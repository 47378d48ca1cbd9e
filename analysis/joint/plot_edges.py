"""The figure of a whole data set's closed form: the linear theory's spectrum above, two edges of each factor below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ifp.analysis.figures.conditions import conditions_of
from ifp.analysis.figures.plot_layout import on_lines, shortened
from ifp.analysis.figures.plot_page import FORMATS, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import INK, NEUTRAL, FactorLook, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, joint_order
from ifp.analysis.freezing.plot_lanes import NAMES_SHARE
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.joint.plot_lanes import say_beyond
from ifp.errors import IfpError

TABLES = ("spectrum", "joint_edges")
_DECADES = 4.0
"""How far below the joint edge the axis of beta reaches at most."""
_SIZE = 3.5


def draw_edges(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> list[Path]:
    """Draw `joint_edges` from the folder's tables; returns the paths written.

    Parameters
    ----------
    order : the factors that come first; the others follow, highest edge given all others first. labels : what the
        figure calls a factor, by its name.

    Raises
    ------
    IfpError : no such tables, an unknown width, format or factor.
    """
    for name in TABLES:
        if not (folder / f"{name}.csv").is_file():
            raise IfpError(f"There is no {folder / name}.csv; give the folder of a closed form of a whole data set.")
    spectrum, edges = (pd.read_csv(folder / f"{name}.csv", dtype={"factor": str}) for name in TABLES)
    about = read_about(folder, ("dataset", "likelihood"))
    inches = figure_width(width)
    check_names([*order, *(labels or {})], about["dataset"]["factor_names"])
    with paper_style():
        figure, shown = edges_figure(
            spectrum, edges, width_in=inches, conditions=conditions_of(about), order=order, labels=labels
        )
    return save_figure(figure, (out or folder / "figures") / "joint_edges", shown, formats=formats)


def edges_figure(
    spectrum: pd.DataFrame,
    edges: pd.DataFrame,
    *,
    width_in: float,
    conditions: str = "",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """How many latents linear theory has at work at each beta, and each factor alone and given all others.

    Parameters
    ----------
    spectrum, edges : of `ifp.analysis.joint.edges.edge_tables`; `edges` may be empty, for data without factors.
    conditions : data set, image shape and likelihood, for the axis label. order, labels : see `draw_edges`.

    Returns
    -------
    The figure, and the rows it shows.
    """
    rows = len(edges)
    label = [r"$\beta$ (nats per nat)", *([on_lines(conditions, width_in)] if conditions else [])]
    heights = [1.1] + ([0.16 * rows + 0.12] if rows else [])
    figure = new_figure(
        width_in, 0.24 + sum(heights) + 0.14 * len("\n".join(label).splitlines()) + (0.18 if rows else 0)
    )
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    high = float(spectrum["beta_edge"].max())
    lowest = [float(edges[["beta_alone", "given_rest_low"]].replace(0, np.nan).min().min())] if rows else []
    # not min() and max() of Python: an edge is NaN where a factor has no traversal
    low = max(float(np.nanmin([float(spectrum["beta_edge"].min()), *lowest])), high / 10**_DECADES)
    top = float(np.nanmax([high, *edges["given_rest_high"]]))
    for ax in axes:
        beta_axis(ax, low / 1.3, top * 1.3)
    _draw_spectrum(axes[0], spectrum, low / 1.3, top * 1.3)
    if rows:
        looks = factor_looks(edges["factor"])  # by their place in the data set, as in all figures of it
        names = {name: (labels or {}).get(name, name) for name in joint_order(edges, order)}
        edges = edges.set_index("factor").loc[list(names)].reset_index()
        _draw_factors(axes[1], edges, looks, low / 1.3)
        widest_in = NAMES_SHARE * width_in
        axes[1].set_yticks(range(rows), [plain(shortened(name, widest_in)) for name in names.values()])
        key = [
            Line2D([], [], marker="o", linestyle="", color=NEUTRAL, markersize=_SIZE, label="alone"),
            Line2D([], [], marker="o", color=NEUTRAL, markerfacecolor="white", markersize=_SIZE, linewidth=0.8,
                   label="given all others: median and range of contexts"),
        ]  # fmt: skip
        figure.legend(handles=key, loc="outside lower center", ncols=2)
    axes[-1].set_xlabel("\n".join(label), linespacing=1.35)
    parts = {"spectrum": spectrum, "factor": edges}
    shown = pd.concat([part.assign(shows=name) for name, part in parts.items() if len(part)], ignore_index=True)
    return figure, shown


def _draw_spectrum(ax: Axes, spectrum: pd.DataFrame, low: float, high: float) -> None:
    edges = spectrum["beta_edge"].to_numpy(float)
    shown = edges[edges >= low]
    # no further than the last eigenvalue that is known
    ax.step([high, *shown], range(len(shown) + 1), where="post", color=INK)
    ax.set_ylim(0, max(len(shown), 1) * 1.08)
    if len(shown) == len(edges) and shown[-1] > 1.5 * low:
        ax.annotate(f"the largest {len(edges)}", (shown[-1], len(edges)), xytext=(-3, 0), textcoords="offset points",
                    ha="right", va="top", fontsize="small", color=NEUTRAL)  # fmt: skip
    ax.set_ylabel("latents, linear theory")
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.axvline(edges[0], color=NEUTRAL, linewidth=0.6, linestyle=(0, (3, 1.5)))
    ax.annotate(f"joint edge {edges[0]:.3g}", (edges[0], 1), xycoords=("data", "axes fraction"), xytext=(-3, -1),
                textcoords="offset points", ha="right", va="top", fontsize="small", color=NEUTRAL)  # fmt: skip


def _draw_factors(ax: Axes, edges: pd.DataFrame, looks: Mapping[str, FactorLook], low: float) -> None:
    """A lane per factor; one marker for all, because each has a lane, so that it looks as it does in the legend."""
    numbers = edges[["beta_alone", "beta_given_rest", "given_rest_low", "given_rest_high"]].to_numpy(float)
    for at, (name, (alone, given, lowest, highest)) in enumerate(zip(edges["factor"], numbers, strict=True)):
        color, beyond = looks[name].color, []
        if given > 0:
            ax.plot([max(lowest, low), highest], [at, at], color=color, linewidth=0.8)
            ax.plot(given, at, "o", color=color, markerfacecolor="white", markersize=_SIZE)
        else:
            beyond.append("given all others 0" if given == 0 else "no traversal")
        if alone >= low:
            ax.plot(alone, at, "o", color=color, markersize=_SIZE)
        elif alone >= 0:
            beyond.insert(0, f"alone {alone:.2g}")
        say_beyond(ax, ", ".join(beyond), at)
    ax.set_ylim(len(edges) - 0.5, -0.5)
