"""All figures of a run, from its folder alone: exact page widths, PDF, PNG, and a csv beside each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.conditions import conditions_in_words
from ifp.analysis.figures.plot_layout import label_lines, on_lines
from ifp.analysis.figures.plot_legend import (
    ABRUPT,
    ABRUPT_NETWORK,
    BOUND,
    BRACKET,
    CENSORED,
    EDGES,
    FILLED,
    MEDIAN,
    MEDIAN_ALONE,
    NETWORK,
    OUTLINE,
    POINT,
    add_legend,
)  # fmt: skip
from ifp.analysis.figures.plot_page import beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, KNOWN_FORMATS, SMALL_PT, factor_looks, figure_width
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.by_measure import COOL, EXACT, HEAT, LOWER_EDGE
from ifp.analysis.freezing.curve_table import curve_table
from ifp.analysis.freezing.distribution_table import Lane, lanes_table, prepare_lanes
from ifp.analysis.freezing.naming import check_names, factor_order, keep_factors
from ifp.analysis.freezing.plot_distribution import draw_distribution
from ifp.analysis.freezing.plot_trace import make_room, plot_trace, trace_legend
from ifp.analysis.freezing.saved_run import check_table, read_run
from ifp.analysis.freezing.summary import summarize
from ifp.errors import IfpError, unknown_name

KINDS = ("kde", "trace", "hist", "strip", "ridge")
DEFAULT_KINDS = ("kde", "trace")
ALL = "all"
"""The word that stands for all kinds of figures of a run."""
FILE_OF = {"kde": "ifp_distribution", "trace": "kl_trace", "hist": "ifp_hist", "strip": "ifp_strip",
           "ridge": "ifp_ridge"}  # fmt: skip
# inches: of a lane (one unit of the vertical axis) by kind, of the tick labels, and of a line of text
LANE_IN = {"kde": 0.28, "strip": 0.33, "ridge": 0.55, "hist": 0.6}
_TICKS_IN, _LINE_IN = 0.22, 0.14
_TWO_COLUMNS_IN = 2.6
"""Width of a page, in inches, from which the legend of curves has room for two columns."""


def draw_run(
    folder: Path,
    *,
    kinds: Sequence[str] | None = None,
    width: str | float = "icml",
    method: str | None = None,
    out: Path | None = None,
    formats: Sequence[str] = FORMATS,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw a run's figures; returns the paths written, figures and csv.

    Parameters
    ----------
    folder : what `ifp anneal --out` wrote. kinds : of `KINDS`, or "all" for all that can be drawn; None for the
        distribution ("kde") and, where there are curves, the "trace". width : a venue or inches; see `figure_width`.
    method : "exact", "train" or "closed-form" members only; None for all that is there.
    out : where to write; `folder/figures` if None. formats : of `KNOWN_FORMATS`. scale : of beta in distributions.
    order : the factors that come first in all figures; the others follow, highest freezing point first.
    labels : what figures call a factor, by its name. factors : those that are shown; all if none is named.

    Raises
    ------
    IfpError : not a run's folder, an unknown kind, width, method, format, scale or factor.
    """
    for names, known, kind in ((kinds or (), (*KINDS, ALL), "kind"), (formats, KNOWN_FORMATS, "figure format"),
                               ([scale], ("log", "linear"), "scale")):  # fmt: skip
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known)
    inches = figure_width(width)
    run = read_run(folder)
    check_table(run)
    check_names(factors, run.factor_names)
    points = run.freezing_points()
    of_factors = keep_factors(points, factors)
    if kinds is None or ALL in kinds:
        curves = run.has_curves and method != "closed-form"
        kinds = [kind for kind in (DEFAULT_KINDS if kinds is None else KINDS) if curves or kind != "trace"]
    check_names([*order, *(labels or {})], run.factor_names)
    order = [name for name in order if name in set(of_factors["factor"])]
    labels = {name: label for name, label in (labels or {}).items() if name in set(of_factors["factor"])}
    summary = summarize(of_factors, order=order)
    same: dict[str, Any] = {"width_in": inches, "method": method, "order": order, "labels": labels}
    with paper_style():
        # all are drawn before the first is saved: a mistake leaves no half of the set
        drawn = {
            kind: trace_figure(run, points, summary, **same)
            if kind == "trace"
            else distribution_figure(run, of_factors, summary, kind=kind, scale=scale, **same)
            for kind in kinds
        }
    into = out or folder / "figures"
    words = {
        kind: caption(
            FILE_OF[kind], of=conditions_in_words(run.run), threshold_nats=run.threshold_nats,
            says=[] if kind == "trace" else marks_in_words(summary, method),
        )
        for kind in drawn
    }  # fmt: skip
    saved = [
        save_figure(figure, into / FILE_OF[kind], data, formats=formats, caption=words[kind])
        for kind, (figure, data) in drawn.items()
    ]
    return [path for paths in saved for path in paths]


def marks_in_words(summary: pd.DataFrame, method: str | None) -> list[str]:
    """What the marks of a distribution stand for, for its caption."""
    measures = set(summary["measure"])
    exact = EXACT in measures and method in (None, "exact")
    trained = bool({COOL, HEAT} & measures) and method in (None, "train")
    said = []
    if exact:
        said.append("Points: exact equilibrium of an ideal VAE, one per context, hollow where first-order; tick and "
                    "grey bar: their median and its 95 % interval.")  # fmt: skip
    if trained:
        said.append("Arrows: the trained bracket, from the median while beta falls (left) to that while it rises "
                    "(right); pale ones are single networks, open ones censored.")  # fmt: skip
    if exact or trained:
        return [*said, "Grey band behind: the edges of the theory."]
    return ["Points: onsets (the lower edge of the theory), one per context; no curve was computed."]


def distribution_figure(
    run: Annealing,
    points: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    kind: str,
    width_in: float,
    method: str | None = None,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    figure: Figure | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """A figure of the freezing points' distribution with its legend, and the table of what it shows."""
    looks = factor_looks(run.factor_names)
    lanes = prepare_lanes(points, method=method, summary=summary, looks=looks, order=order, labels=labels)
    figure = figure or new_figure(width_in, 1.0)
    ax = figure.add_subplot()
    conditions = on_lines(run.conditions(), width_in)
    draw_distribution(lanes, run.threshold_nats, kind=kind, scale=scale, conditions=conditions, ax=ax)
    lines = len(ax.get_xlabel().splitlines()) + add_legend(figure, [ax], legend_labels(lanes, kind))
    low, high = ax.get_ylim()
    figure.set_size_inches(width_in, LANE_IN[kind] * (high - low) + _TICKS_IN + _LINE_IN * lines)
    return figure, lanes_table(lanes)


def trace_figure(
    run: Annealing,
    points: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    width_in: float,
    method: str | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    figure: Figure | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """A panel per factor with its curves, a legend in the cells that are left, and the table of what is shown."""
    factors, labels = factor_order(summary, order), labels or {}
    curves = {name: curve_table(run.trace, points, factor=name, method=method) for name in factors}
    data = pd.concat(curves.values(), ignore_index=True)
    if data.empty:
        raise IfpError("The run holds no curves of this method (the closed form has none); draw another kind.")
    looks = factor_looks(run.factor_names)
    columns = min(len(factors) + 1, 2 if width_in < 4.5 else 3)
    rows = math.ceil((len(factors) + 1) / columns)
    panel_in = min(1.45, 0.8 * width_in / columns)
    heights_in = [panel_in] * rows
    entries = trace_legend(data, threshold_nats=run.threshold_nats)
    legend_columns = min(rows * columns - len(factors), 2) if width_in >= _TWO_COLUMNS_IN else 1
    if len(factors) % columns == 0:  # the legend has a row of its own
        heights_in[-1] = min(panel_in, 1.0) if legend_columns > 1 else _LINE_IN * (len(entries) + 3)
    figure = figure or new_figure(width_in, 1.0)
    figure.set_size_inches(width_in, sum(heights_in) + 0.25)
    grid = figure.add_gridspec(rows, columns, height_ratios=heights_in)
    cells = list(grid.subplots(sharex=True, sharey=True, squeeze=False).flat)
    panels, spare = cells[: len(factors)], cells[len(factors) :]
    for number, (ax, name) in enumerate(zip(panels, factors, strict=True)):
        plot_trace(run.trace, points, factor=name, label=labels.get(name), curves=curves[name], look=looks[name], ax=ax)
        ax.tick_params(labelbottom=number + columns >= len(factors))  # where no panel is below
        if number // columns < (len(factors) - 1) // columns:
            ax.set_xlabel("")
        if number % columns:
            ax.set_ylabel("")
        ax.set_xlabel("\n".join(label_lines(ax.get_xlabel(), width_in / columns)))
    beta_axis(panels[0], data["beta"].min(), data["beta"].max(), most_labels=labels_of(width_in / columns))
    panels[0].set_ylim(top=2 * max(float(data["kl_nats"].max()), 2 * run.threshold_nats))
    for ax in spare:
        ax.remove()
    beside = figure.add_subplot(grid[rows - 1, columns - len(spare) :])
    beside.set_axis_off()
    beside.legend(
        [*entries.values()], [*entries], loc="center", ncols=legend_columns, handlelength=2.6,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.4)},
        title="\n".join(run.conditions().rsplit(", ", 1)), title_fontsize=SMALL_PT,
    )  # fmt: skip
    make_room(figure, panels)
    return figure, data


def labels_of(panel_in: float) -> int:
    """How many labels the axis of beta of a panel of this width, in inches, has room for."""
    return 3 if panel_in < 1.3 else 4 if panel_in < 1.8 else 5


def legend_labels(lanes: Sequence[Lane], kind: str) -> dict[str, str]:
    """What the marks of a distribution figure mean, in the order of its legend."""
    (first, *_), both = lanes[0].shown, len(lanes[0].shown) > 1
    subject = {EXACT: "context, exact", LOWER_EDGE: "context"}.get(first, "network")
    # edges alone make a first-order transition likely; exact curves show it
    order = "first-order" if any(EXACT in lane.medians for lane in lanes) else "likely first-order"
    which = {EXACT: "exact median", LOWER_EDGE: "median"}.get(first, "median")
    labels = {
        POINT: f"one {subject}",
        ABRUPT: f"one {subject}, {order}",
        MEDIAN: f"{which}, 95 % interval",
        MEDIAN_ALONE: f"{which}; too few for an interval",
        NETWORK: "one trained network",
        ABRUPT_NETWORK: f"one network, {order}",
        BRACKET: "cooling and heating medians",
        CENSORED: "censored, at its bound",
        BOUND: "median censored, to this side",
        EDGES: r"edges $\beta_c$ to $\beta_u$, medians",
    }
    return labels | ({FILLED: "cooling", OUTLINE: "heating"} if both and kind != "strip" else {})
