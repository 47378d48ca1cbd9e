"""All figures of a run, from its folder alone: exact page widths, PDF, PNG, and a csv beside each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ifp.analysis.curves import curve_table
from ifp.analysis.lanes import lanes_table, prepare_lanes
from ifp.analysis.plot_distribution import plot_freezing_points
from ifp.analysis.plot_style import FORMATS, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.plot_trace import plot_trace
from ifp.analysis.run_folder import RunFolder, read_run
from ifp.analysis.style import BAND, INK, NEUTRAL, PALE, SMALL_PT, factor_looks, figure_width
from ifp.analysis.summary import summarize
from ifp.errors import IfpError, unknown_name

KINDS = ("kde", "trace", "hist", "strip", "ridge")
DEFAULT_KINDS = ("kde", "trace")
FILE_OF = {"kde": "ifp_distribution", "trace": "kl_trace", "hist": "ifp_hist", "strip": "ifp_strip",
           "ridge": "ifp_ridge"}  # fmt: skip
# inches: of a lane (one unit of the vertical axis) by kind, of the tick labels, and of a line of text
_LANE_IN = {"kde": 0.28, "strip": 0.33, "ridge": 0.42, "hist": 0.42}
_TICKS_IN, _LINE_IN = 0.22, 0.14


def draw_run(
    folder: Path,
    *,
    kinds: Sequence[str] | None = None,
    width: str | float = "icml",
    method: str | None = None,
    out: Path | None = None,
    formats: Sequence[str] = FORMATS,
    scale: str = "log",
) -> list[Path]:
    """Draw a run's figures; returns the paths written, figures and csv.

    Parameters
    ----------
    folder : what `ifp anneal --out` wrote. kinds : of `KINDS`; None for the distribution ("kde")
        and, where there are curves, the "trace". width : a venue or inches; see `figure_width`.
    method : "exact", "train" or "closed-form" members only; None for all that is there.
    out : where to write; `folder/figures` if None. formats : of "pdf", "png". scale : of beta in distributions.

    Raises
    ------
    IfpError : not a run's folder, an unknown kind, width, method, format or scale.
    """
    for names, known, kind in ((kinds or (), KINDS, "kind"), (formats, FORMATS, "figure format"),
                               ([scale], ("log", "linear"), "scale")):  # fmt: skip
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known)
    inches = figure_width(width)
    run = read_run(folder)
    points = run.points()
    if kinds is None:
        kinds = DEFAULT_KINDS if run.has_curves and method != "closed-form" else DEFAULT_KINDS[:1]
    summary = summarize(points)
    with paper_style():
        # all are drawn before the first is saved: a mistake leaves no half of the set
        drawn = {
            kind: trace_figure(run, points, width_in=inches, method=method)
            if kind == "trace"
            else distribution_figure(run, points, summary, kind=kind, width_in=inches, method=method, scale=scale)
            for kind in kinds
        }
    into = out or folder / "figures"
    saved = [save_figure(figure, into / FILE_OF[kind], data, formats=formats) for kind, (figure, data) in drawn.items()]
    return [path for paths in saved for path in paths]


def distribution_figure(
    run: RunFolder,
    points: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    kind: str,
    width_in: float,
    method: str | None = None,
    scale: str = "log",
) -> tuple[Figure, pd.DataFrame]:
    """A figure of the freezing points' distribution with its legend, and the table of what it shows."""
    looks = factor_looks(run.factor_names)
    lanes = prepare_lanes(points, method=method, summary=summary, looks=looks)
    figure = new_figure(width_in, 1.0)
    ax = figure.add_subplot()
    plot_freezing_points(
        points, kind=kind, method=method, summary=summary, looks=looks, scale=scale, conditions=run.conditions(), ax=ax
    )
    handles = legend_handles([ax])
    columns = 2 if width_in < 4.2 else 3 if width_in < 5.8 else 4
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns)
    lines = len(ax.get_xlabel().splitlines()) + math.ceil(len(handles) / columns)
    low, high = ax.get_ylim()
    figure.set_size_inches(width_in, _LANE_IN[kind] * (high - low) + _TICKS_IN + _LINE_IN * lines)
    return figure, lanes_table(lanes)


def trace_figure(
    run: RunFolder, points: pd.DataFrame, *, width_in: float, method: str | None = None
) -> tuple[Figure, pd.DataFrame]:
    """A panel per factor with its curves, a legend in the last cell, and the table of what is shown."""
    factors = [name for name in run.factor_names if name in set(points["factor"])]
    curves = {name: curve_table(run.trace, points, factor=name, method=method) for name in factors}
    data = pd.concat(curves.values(), ignore_index=True)
    if data.empty:
        raise IfpError("The run holds no curves of this method (the closed form has none); draw another kind.")
    looks = factor_looks(run.factor_names)
    columns = min(len(factors) + 1, 2 if width_in < 4.5 else 3)
    rows = math.ceil((len(factors) + 1) / columns)
    figure = new_figure(width_in, rows * min(1.45, 0.8 * width_in / columns) + 0.25)
    cells = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    panels, spare = cells[: len(factors)], cells[len(factors) :]
    for number, (ax, name) in enumerate(zip(panels, factors, strict=True)):
        plot_trace(run.trace, points, factor=name, curves=curves[name], look=looks[name], ax=ax)
        ax.tick_params(labelbottom=number + columns >= len(factors))  # where no panel is below
        if number // columns < (len(factors) - 1) // columns:
            ax.set_xlabel("")
        if number % columns:
            ax.set_ylabel("")
    beta_axis(panels[0], data["beta"].min(), data["beta"].max(), most_labels=4 if width_in / columns < 1.8 else 5)
    panels[0].set_ylim(top=2 * max(float(data["kl_nats"].max()), 2 * run.threshold_nats))
    for ax in spare:
        ax.set_axis_off()
    handles = legend_handles(panels)
    spare[-1].legend(
        handles.values(), handles.keys(), loc="center", title="\n".join(run.conditions().rsplit(", ", 1)),
        title_fontsize=SMALL_PT,
    )  # fmt: skip
    return figure, data


def legend_handles(axes: Sequence[Axes]) -> dict[str, Artist]:
    """Every label of these axes once, with a handle in neutral grey, because colour stands for the factor."""
    found: dict[str, Artist] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, _neutral(handle))
    return dict(sorted(found.items(), key=lambda item: item[0].startswith("censored")))


def _neutral(handle: Artist) -> Artist:
    if not isinstance(handle, Line2D):
        return Patch(facecolor=BAND, edgecolor=PALE, linewidth=0.5)
    color = INK if handle.get_color() == INK else NEUTRAL
    is_open = handle.get_markerfacecolor() == "white"
    arrow = handle.get_marker() in ("<", ">")
    return Line2D(
        [], [], color=color, linestyle=handle.get_linestyle(), linewidth=max(handle.get_linewidth(), 0.8),
        marker=handle.get_marker() if arrow else "o" if handle.get_marker() != "None" else "None",
        markersize=4 if arrow else 3.2, markerfacecolor="white" if is_open else color, markeredgecolor=color,
        markeredgewidth=0.6 if is_open else 0,
    )  # fmt: skip
