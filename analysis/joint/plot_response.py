"""The figure of multi-rate networks: KL of each latent, information on each factor, objective, and freezing points.

Where cooled and heated networks lie beside, theirs are drawn in grey below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from ifp.analysis.figures.style import FORMATS, INK, NEUTRAL, PALE, FactorLook, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, tables_of
from ifp.analysis.freezing.plot_lanes import draw_line_samples
from ifp.analysis.joint.plot_marks import ARROWS
from ifp.analysis.joint.prepared import COOL, HEAT, read_whole_table
from ifp.analysis.joint.response_result import WholeResponse, read_response
from ifp.analysis.joint.response_settings import cooled_beside

WIDTH_IN = 5.5
"""Width of a new figure in a notebook, in inches."""
_PANEL_IN, _LANE_IN, _FOOT_IN = 1.15, 0.19, 0.75
_HEAT_LINE = (0, (1, 0.8))
_NAMES_SHARE = 0.2
_NARROW_IN = 2.6


def draw_response(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `multi_rate` from the folder's tables; returns the paths written.

    Raises
    ------
    IfpError : no such tables, an unknown width, format or factor.
    """
    inches = figure_width(width)
    result = read_response(folder)
    check_names([*order, *(labels or {}), *factors], result.factor_names)
    named = WholeResponse(
        tables_of(result.tables, factors),
        result.about,
        result.run,
        path=folder,
        order=tuple(order),
        factor_labels=labels or {},
    )
    with paper_style():
        figure, shown = response_figure(named, width_in=inches)
    words = caption(
        "multi_rate", of=conditions_in_words(result.run), threshold_nats=float(result.about["threshold_nats"])
    )
    return save_figure(figure, (out or folder / "figures") / "multi_rate", shown, formats=formats, caption=words)


def plot_response(result: WholeResponse, *, ax: Axes | None = None) -> Axes:
    """See `WholeResponse.plot`."""
    if ax is None:
        with paper_style():
            figure = pyplot_figure(WIDTH_IN)
            response_figure(result, width_in=WIDTH_IN, figure=figure)
        return figure.axes[0]
    ax = axes_or_new(ax, WIDTH_IN, 2.0)
    _beta(ax, result.tables["response_curves"])
    draw_kl_response(
        ax, result.tables["response_curves"], _curves_beside(result), float(result.about["threshold_nats"])
    )
    ax.set_xlabel(r"$\beta$ (nats per nat)")
    return ax


def response_figure(
    result: WholeResponse, *, width_in: float, figure: Figure | None = None
) -> tuple[Figure, pd.DataFrame]:
    """The panels over one axis of beta, and the rows that they show; call within `paper_style`."""
    tables, threshold = result.tables, float(result.about["threshold_nats"])
    curves, beside = tables["response_curves"], _curves_beside(result)
    names, looks = _names(result, width_in), factor_looks(result.factor_names)
    compared = bool(tables["response_objective"]["excess_nats"].notna().any())
    heights = [_PANEL_IN, *([_PANEL_IN] if names else []), *([0.8 * _PANEL_IN] if compared else [])]
    heights += [_LANE_IN * len(names) + 0.2] if names else []
    figure = figure or new_figure(width_in, 1.0)
    figure.set_size_inches(width_in, sum(heights) + _FOOT_IN)
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0])
    for ax in axes:
        _beta(ax, curves, most_labels=3 if width_in < _NARROW_IN else 6)
    draw_kl_response(axes[0], curves, beside, threshold)
    if names:
        draw_factor_response(axes[1], curves, names, looks, threshold)
        draw_points(axes[-1], result, names, looks)
    if compared:
        draw_excess(axes[2 if names else 1], tables["response_objective"])
    axes[-1].set_xlabel("\n".join([r"$\beta$ (nats per nat)", on_lines(result.conditions(), width_in)]))
    figure.align_ylabels(axes)
    figure.legend(handles=_legend(beside, bool(names)), loc="outside lower center", ncols=2 if width_in < 4 else 4)
    parts = {"curve": curves, "point": tables["response_points"], "objective": tables["response_objective"],
             "beside": beside, "edge": tables["joint_edges"]}  # fmt: skip
    shown = pd.concat(
        [part.assign(shows=name) for name, part in parts.items() if part is not None and len(part)], ignore_index=True
    )
    return figure, shown


def draw_kl_response(ax: Axes, curves: pd.DataFrame, beside: pd.DataFrame | None, threshold_nats: float) -> None:
    """KL of each latent of each network; cooled and heated networks' in grey."""
    latents = [name for name in curves.columns if name.startswith("kl_nats_")]
    if beside is not None:
        for (direction, _), rows in beside.groupby(["direction", "seed"]):
            for name in (column for column in beside.columns if column.startswith("kl_nats_")):
                ax.plot(rows["beta"], rows[name], color=PALE, linewidth=0.5,
                        linestyle=_HEAT_LINE if direction == HEAT else "-")  # fmt: skip
    for _, rows in curves.groupby("seed"):
        for name in latents:
            ax.plot(rows["beta"], rows[name], color=INK, linewidth=0.9)
    _level(ax, threshold_nats)
    ax.set_ylabel("KL (nats)")
    ax.set_ylim(0, max(1.05 * float(curves[latents].max().max()), 2 * threshold_nats))
    ax.yaxis.set_major_locator(MaxNLocator(4))


def draw_factor_response(
    ax: Axes, curves: pd.DataFrame, names: Mapping[str, str], looks: Mapping[str, FactorLook], threshold_nats: float
) -> None:
    """Information on each factor where it was measured, up to some thresholds: it is measured around its crossing."""
    for name in names:
        for _, rows in curves.groupby("seed"):
            known = rows[rows[f"info_nats_{name}"].notna()]
            ax.plot(known["beta"], known[f"info_nats_{name}"], color=looks[name].color, linewidth=0.9,
                    linestyle=looks[name].linestyle)  # fmt: skip
    _level(ax, threshold_nats)
    ax.set_ylim(-0.3 * threshold_nats, 6 * threshold_nats)
    ax.set_ylabel("$I(z;\\,$factor$)$\n(nats)")


def draw_excess(ax: Axes, objective: pd.DataFrame) -> None:
    """The multi-rate network's objective less the lower of the cooled and the heated networks'."""
    known = objective.dropna(subset="excess_nats")
    ax.axhline(0, color=PALE, linewidth=0.5)
    ax.plot(known["beta"], known["excess_nats"], color=INK, linewidth=0.9)
    ax.set_ylabel("objective,\nexcess\n(nats)")
    ax.yaxis.set_major_locator(MaxNLocator(3))


def draw_points(ax: Axes, result: WholeResponse, names: Mapping[str, str], looks: Mapping[str, FactorLook]) -> None:
    """A lane per factor: its point in each network, the medians of cooling and heating, and its two edges."""
    points, summary = result.tables["response_points"], result.tables["response_summary"].set_index("factor")
    for lane, name in enumerate(names):
        color, row = looks[name].color, summary.loc[name]
        for edge, marker in (("beta_alone", "|"), ("beta_given_rest", "o")):
            ax.plot([row[edge]], [lane], marker=marker, linestyle="none", color=NEUTRAL, markerfacecolor="white",
                    markersize=6 if marker == "|" else 2.8, markeredgewidth=0.7)  # fmt: skip
        ends = [row["cool_median"], row["heat_median"]]
        if np.isfinite(ends).all():
            ax.plot(ends, [lane - 0.22] * 2, color=PALE, linewidth=0.8)
        for beta, direction in zip(ends, (COOL, HEAT), strict=True):
            ax.plot([beta], [lane - 0.22], marker=ARROWS[direction], linestyle="none", color=PALE, markersize=3.6,
                    markeredgewidth=0)  # fmt: skip
        found = points[(points["kind"] == "factor") & (points["name"] == name)]["beta_ifp"].dropna()
        ax.plot(found, np.full(len(found), lane + 0.18), marker="d", linestyle="none", color=color, markersize=3.6,
                markeredgewidth=0)  # fmt: skip
    ax.set_yticks(range(len(names)), [plain(name) for name in names.values()])
    ax.set_ylim(len(names) - 0.5, -0.5)
    draw_line_samples(ax, [looks[name] for name in names], range(len(names)))


def _curves_beside(result: WholeResponse) -> pd.DataFrame | None:
    """The curves of the cooled and heated networks beside; None without them."""
    cooled = cooled_beside(result.path)
    return read_whole_table(cooled, "joint_information") if cooled is not None else None


def _names(result: WholeResponse, width_in: float) -> dict[str, str]:
    called = {name: result.factor_labels.get(name, name) for name in result.factors_in_order()}
    return {name: shortened(label, _NAMES_SHARE * width_in, among=called.values()) for name, label in called.items()}


def _beta(ax: Axes, curves: pd.DataFrame, most_labels: int = 6) -> None:
    beta_axis(ax, float(curves["beta"].min()), float(curves["beta"].max()), most_labels=most_labels)


def _level(ax: Axes, threshold_nats: float) -> None:
    ax.axhline(threshold_nats, color=INK, linewidth=0.6, linestyle=(0, (1, 1.5)))


def _legend(beside: pd.DataFrame | None, factors: bool) -> list[Line2D]:
    line: dict[str, Any] = {"linewidth": 0.9}
    mark: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0.7}
    handles = [Line2D([], [], color=INK, label="multi-rate network", **line)]
    if beside is not None:
        handles.append(Line2D([], [], color=PALE, label="cooled network", **line))
        if (beside["direction"] == HEAT).any():
            handles.append(Line2D([], [], color=PALE, linestyle=_HEAT_LINE, label="heated network", **line))
    if factors:
        handles.append(Line2D([], [], color=INK, marker="d", markersize=3.6, label="its freezing point", **mark))
        if beside is not None:
            handles.append(Line2D([], [], color=PALE, marker="<", markersize=3.6, label="cooled, median", **mark))
            if (beside["direction"] == HEAT).any():
                handles.append(Line2D([], [], color=PALE, marker=">", markersize=3.6, label="heated, median", **mark))
        edge = {**mark, "color": NEUTRAL, "markerfacecolor": "white"}
        handles.append(Line2D([], [], marker="|", markersize=6, label="edge alone", **edge))
        handles.append(Line2D([], [], marker="o", markersize=2.8, label="edge given the rest", **edge))
    return handles
