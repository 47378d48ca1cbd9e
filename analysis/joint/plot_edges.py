"""The figure of a whole data set's closed form: the linear theory's spectrum above, two edges of each factor below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.conditions import conditions_in_words
from ifp.analysis.figures.plot_layout import on_lines
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import (
    axes_or_new,
    beta_axis,
    new_figure,
    paper_style,
    pyplot_figure,
    save_figure,
)
from ifp.analysis.figures.style import FORMATS, INK, NEUTRAL, FactorLook, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, joint_order, tables_of
from ifp.analysis.freezing.plot_lanes import NAMES_SHARE
from ifp.analysis.joint.plot_lanes import say_after, say_beyond
from ifp.analysis.joint.results import WholeEdges, read_edges
from ifp.errors import IfpError, unknown_name

PANELS = ("spectrum", "factors")
_TWO_COLUMNS_IN = 3.0
"""Width of a page, in inches, from which two entries of the legend stand side by side."""
WIDTH_IN = 5.5
"""Width of a new figure in a notebook, in inches."""
_DECADES = 4.0
"""How far below the joint edge the axis of beta reaches at most."""
_SIZE = 3.5
_BEYOND: dict[str, Any] = {"marker": "<", "markersize": 3.6, "markerfacecolor": "white", "markeredgewidth": 0.6,
                           "linestyle": "none", "clip_on": False}  # fmt: skip


def draw_edges(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `joint_edges` from the folder's tables; returns the paths written.

    Parameters
    ----------
    order : the factors that come first; the others follow, highest edge given all others first. labels : what the
        figure calls a factor, by its name.
    factors : those that are shown; all if none is named.

    Raises
    ------
    IfpError : no such tables, an unknown width, format or factor.
    """
    result = read_edges(folder)
    inches = figure_width(width)
    check_names([*order, *(labels or {}), *factors], result.factor_names)
    tables = tables_of(result.tables, factors)
    with paper_style():
        figure, shown = edges_figure(
            tables["spectrum"], tables["joint_edges"], width_in=inches,
            conditions=result.conditions(), factor_names=result.factor_names, order=order, labels=labels,
        )  # fmt: skip
    words = caption("joint_edges", of=conditions_in_words(result.run))
    return save_figure(figure, (out or folder / "figures") / "joint_edges", shown, formats=formats, caption=words)


def plot_edges(result: WholeEdges, *, panel: str | None = None, ax: Axes | None = None) -> Axes:
    """See `WholeEdges.plot`."""
    if panel is not None and panel not in PANELS:
        raise unknown_name("panel", panel, PANELS)
    spectrum, edges = result.tables["spectrum"], result.tables["joint_edges"]
    if panel == "factors" and not len(edges):
        raise IfpError(f"{result.dataset} has no factors, so that there is no panel 'factors'; draw another.")
    if panel is not None or ax is not None:
        with paper_style() if ax is None else nullcontext():
            ax = axes_or_new(ax, WIDTH_IN, 2.0)
            low, high = _range(spectrum, edges if panel == "factors" else edges.iloc[:0])
            beta_axis(ax, low, high)
            if panel == "factors":
                looks = factor_looks(result.factor_names)
                _draw_factors(ax, _in_order(edges, result.order), looks, low)
                _name_factors(ax, joint_order(edges, result.order), result.factor_labels, WIDTH_IN)
            else:
                _draw_spectrum(ax, spectrum, low, high)
            ax.set_xlabel(r"$\beta$ (nats per nat)")
        return ax
    with paper_style():
        figure = pyplot_figure(WIDTH_IN)
        edges_figure(
            result.tables["spectrum"], result.tables["joint_edges"], width_in=WIDTH_IN,
            conditions=result.conditions(), factor_names=result.factor_names, order=result.order,
            labels=result.factor_labels, figure=figure,
        )  # fmt: skip
    return figure.axes[0]


def edges_figure(
    spectrum: pd.DataFrame,
    joint_edges: pd.DataFrame,
    *,
    width_in: float,
    conditions: str = "",
    factor_names: Sequence[str] = (),
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    figure: Figure | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """How many latents linear theory has at work at each beta, and each factor alone and given all others.

    Parameters
    ----------
    spectrum, joint_edges : of `ifp.analysis.joint.edges.edge_tables`; the second may be empty, for data without
        factors.
    factor_names : of the data set, in storage order, which decides their colours; those of the table if left out.
    figure : where to draw, in the place of a new figure.
    conditions : data set, image shape and likelihood, for the axis label. order, labels : see `draw_edges`.

    Returns
    -------
    The figure, and the rows it shows.
    """
    edges, rows = joint_edges, len(joint_edges)
    label = [r"$\beta$ (nats per nat)", *([on_lines(conditions, width_in)] if conditions else [])]
    heights = [1.1] + ([0.16 * rows + 0.12] if rows else [])
    figure = figure or new_figure(width_in, 1.0)
    figure.set_size_inches(
        width_in, 0.24 + sum(heights) + 0.14 * len("\n".join(label).splitlines()) + (0.18 if rows else 0)
    )
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    low, high = _range(spectrum, edges)
    for ax in axes:
        beta_axis(ax, low, high, most_labels=6 if width_in >= _TWO_COLUMNS_IN else 4)
    _draw_spectrum(axes[0], spectrum, low, high)
    if rows:
        looks = factor_looks(factor_names or edges["factor"])  # by their place in the data set, as in all figures of it
        edges = _in_order(edges, order)
        goes_on = _draw_factors(axes[1], edges, looks, low)
        _name_factors(axes[1], edges["factor"], labels, width_in)
        key = [
            Line2D([], [], marker="o", linestyle="", color=NEUTRAL, markersize=_SIZE, label="alone"),
            Line2D([], [], marker="o", color=NEUTRAL, markerfacecolor="white", markersize=_SIZE, linewidth=0.8,
                   label="given all others: median and range of contexts"),
        ]  # fmt: skip
        if goes_on:
            key.append(Line2D([], [], color=NEUTRAL, label="range goes on to lower beta", **_BEYOND))
        columns = 2 if width_in >= _TWO_COLUMNS_IN * len(key) / 2 else 1
        if width_in < _TWO_COLUMNS_IN:
            key[1].set_label("given all others: median,\nand range of contexts")
        lines = math.ceil(sum(1 + str(entry.get_label()).count("\n") for entry in key) / columns)
        figure.set_size_inches(width_in, figure.get_figheight() + 0.14 * (lines - 1))
        figure.legend(handles=key, loc="outside lower center", ncols=columns)
    axes[-1].set_xlabel("\n".join(label), linespacing=1.35)
    parts = {"spectrum": spectrum, "factor": edges}
    shown = pd.concat([part.assign(shows=name) for name, part in parts.items() if len(part)], ignore_index=True)
    return figure, shown


def _range(spectrum: pd.DataFrame, edges: pd.DataFrame) -> tuple[float, float]:
    """The ends of the axis of beta; `edges` may be empty."""
    high = float(spectrum["beta_edge"].max())
    lowest = [float(edges[["beta_alone", "given_rest_low"]].replace(0, np.nan).min().min())] if len(edges) else []
    # not min() and max() of Python: an edge is NaN where a factor has no traversal
    low = max(float(np.nanmin([float(spectrum["beta_edge"].min()), *lowest])), high / 10**_DECADES)
    return low / 1.3, float(np.nanmax([high, *edges["given_rest_high"]])) * 1.3


def _in_order(edges: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    return edges.set_index("factor").loc[joint_order(edges, order)].reset_index()


def _name_factors(ax: Axes, factors: Iterable[str], labels: Mapping[str, str] | None, width_in: float) -> None:
    called = [(labels or {}).get(name, name) for name in factors]
    names = [plain(shortened(name, NAMES_SHARE * width_in, among=called)) for name in called]
    ax.set_yticks(range(len(names)), names)


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


def _draw_factors(ax: Axes, edges: pd.DataFrame, looks: Mapping[str, FactorLook], low: float) -> bool:
    """A lane per factor; one marker for all, because each has a lane, so that it looks as it does in the legend.

    Returns whether a range goes on below the axis, which an arrow at its end says.
    """
    numbers = edges[["beta_alone", "beta_given_rest", "given_rest_low", "given_rest_high"]].to_numpy(float)
    goes_on = False
    for lane, (name, (alone, given_rest, lowest, highest)) in enumerate(zip(edges["factor"], numbers, strict=True)):
        color, beyond = looks[name].color, []
        if highest >= low:
            ax.plot([max(lowest, low), highest], [lane, lane], color=color, linewidth=0.8)
            if lowest < low:
                goes_on = True
                ax.plot(low, lane, color=color, **_BEYOND)
        if given_rest >= low:
            ax.plot(given_rest, lane, "o", color=color, markerfacecolor="white", markersize=_SIZE)
        elif highest >= low:
            say_after(ax, f"given all others {given_rest:.2g}", highest, lane)
        else:
            beyond.append("no traversal" if np.isnan(given_rest) else f"given all others {given_rest:.2g}")
        if alone >= low:
            ax.plot(alone, lane, "o", color=color, markersize=_SIZE)
        elif alone >= 0:
            beyond.insert(0, f"alone {alone:.2g}")
        say_beyond(ax, ", ".join(beyond), lane, line=(lowest, highest))
    ax.set_ylim(len(edges) - 0.5, -0.5)
    return goes_on
