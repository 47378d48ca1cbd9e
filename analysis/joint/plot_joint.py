"""The figure of `ifp anneal --whole`: information on images and factors against beta, and the joint freezing points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.conditions import conditions_in_words
from ifp.analysis.figures.plot_layout import on_lines
from ifp.analysis.figures.plot_legend import add_legend
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import (
    axes_or_new,
    beta_axis,
    new_figure,
    paper_style,
    pyplot_figure,
    save_figure,
)
from ifp.analysis.figures.style import FORMATS, factor_looks, figure_width
from ifp.analysis.freezing.naming import check_names, joint_order, tables_of
from ifp.analysis.freezing.plot_lanes import NAMES_SHARE
from ifp.analysis.joint.plot_lanes import draw_lanes
from ifp.analysis.joint.plot_marks import joint_entry, joint_labels
from ifp.analysis.joint.plot_panels import draw_information, draw_kl, draw_latents, draw_mi, draw_slope
from ifp.analysis.joint.results import WholeAnnealing, read_annealing
from ifp.errors import IfpError, unknown_name

PANELS = ("mi", "slope", "latents", "kl", "information", "points")
"""The panels of the figure, from the top; the last two need factors."""
WIDTH_IN = 5.5
"""Width of a new figure in a notebook, in inches."""
NARROW_PAGE_IN = 2.6
"""Below this width, in inches, an axis of beta has room for three labels."""
_PANEL_IN, _LANE_IN, _LINE_IN, _TICKS_IN = 0.88, 0.19, 0.13, 0.26


def draw_joint(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `joint_annealing` from the folder's tables; returns the paths written.

    Parameters
    ----------
    order : the factors that come first; the others follow, highest freezing point first. labels : what the figure calls
        a factor, by its name.
    factors : those that are shown; all if none is named.

    Raises
    ------
    IfpError : no such tables, or those of an earlier version; an unknown width, format or factor.
    """
    result = read_annealing(folder)
    inches = figure_width(width)
    check_names([*order, *(labels or {}), *factors], result.factor_names)
    tables = tables_of(result.tables, factors)
    with paper_style():
        figure, shown = joint_figure(
            tables, width_in=inches, threshold_nats=result.about["threshold_nats"],
            conditions=result.conditions(), factor_names=result.factor_names, order=order, labels=labels,
        )  # fmt: skip
    threshold = float(result.about["threshold_nats"])
    words = caption("joint_annealing", of=conditions_in_words(result.run), threshold_nats=threshold)
    return save_figure(figure, (out or folder / "figures") / "joint_annealing", shown, formats=formats, caption=words)


def plot_whole(result: WholeAnnealing, *, panel: str | None = None, ax: Axes | None = None) -> Axes:
    """See `WholeAnnealing.plot`."""
    if panel is not None and panel not in PANELS:
        raise unknown_name("panel", panel, PANELS)
    tables, threshold_nats = result.tables, float(result.about["threshold_nats"])
    has_factors = bool(len(tables["joint_summary"]))
    if panel in ("information", "points") and not has_factors:
        raise IfpError(f"{result.dataset} has no factors, so that there is no panel {panel!r}; draw another.")
    naming: dict[str, Any] = {
        "factor_names": result.factor_names, "order": result.order, "labels": result.factor_labels,
    }  # fmt: skip
    if panel is None and ax is None:
        with paper_style():
            figure = pyplot_figure(WIDTH_IN)
            joint_figure(
                tables, width_in=WIDTH_IN, threshold_nats=threshold_nats, conditions=result.conditions(),
                figure=figure, **naming,
            )  # fmt: skip
        return figure.axes[0]
    with paper_style() if ax is None else nullcontext():
        ax = axes_or_new(ax, WIDTH_IN, 2.0)
        note = draw_panel(
            ax, panel or ("points" if has_factors else "mi"), tables, threshold_nats=threshold_nats,
            width_in=ax.figure.bbox.width / ax.figure.dpi, **naming,
        )  # fmt: skip
        ax.set_xlabel("\n".join([r"$\beta$ (nats per nat)", *([note] if note else [])]))
    return ax


def draw_panel(
    ax: Axes,
    panel: str,
    tables: Mapping[str, pd.DataFrame],
    *,
    threshold_nats: float,
    width_in: float,
    factor_names: Sequence[str] = (),
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    shown_beta: tuple[float, float] | None = None,
) -> str:
    """Draw one of `PANELS` into `ax`, over the betas of all of them; see `joint_figure` for the rest.

    `shown_beta` : the ends of the axis; those of `beta_range` if left out.

    Returns a line for the label of the figure, "" for none.
    """
    derivative, curves = tables["derivative"], tables["joint_information"]
    points, edges = tables["joint_freezing_points"], tables["joint_edges"]
    # by their place in the data set, as in all figures of it
    looks = factor_looks(factor_names or points.loc[points["kind"] == "factor", "name"].unique())
    called = {name: (labels or {}).get(name, name) for name in joint_order(tables["joint_summary"], order)}
    names = {name: shortened(label, NAMES_SHARE * width_in, among=called.values()) for name, label in called.items()}
    tried = (float(curves["beta"].min()), float(curves["beta"].max()))
    shown_beta = shown_beta or beta_range(tables)
    beta_axis(ax, *shown_beta, most_labels=3 if width_in < NARROW_PAGE_IN else 6)
    if panel == "mi":
        draw_mi(ax, tables["mi"], derivative)
    elif panel == "slope":
        draw_slope(ax, derivative, tables["peaks"])
    elif panel == "latents":
        draw_latents(ax, derivative, tables["steps"], tables["spectrum"])
    elif panel == "kl":
        draw_kl(ax, curves, threshold_nats)
    elif panel == "information":
        return draw_information(ax, curves, names, looks, threshold_nats)
    else:
        of_factors = points[points["kind"] == "factor"]
        draw_lanes(ax, of_factors, edges, names, looks, tried=tried, shown=shown_beta)
    return ""


def beta_range(tables: Mapping[str, pd.DataFrame]) -> tuple[float, float]:
    """The betas that a figure shows: those that were tried, and the highest edge."""
    beta, edges = tables["joint_information"]["beta"], tables["joint_edges"]
    highest = float(edges["given_rest_high"].max()) if len(edges) else math.nan
    # not max(): the highest edge is NaN where no factor has a traversal
    return float(beta.min()), 1.05 * (highest if highest > beta.max() else float(beta.max()))


def joint_figure(
    tables: Mapping[str, pd.DataFrame],
    *,
    width_in: float,
    threshold_nats: float = 0.1,
    conditions: str = "",
    factor_names: Sequence[str] = (),
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    figure: Figure | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Panels over one axis of beta: MI, -dMI/dbeta, -2 dMI/dln(beta), KL of each latent, joint information, points.

    Grey bands are what noise alone passes anywhere with probability 5 %; points are the peaks and steps above it, with
    the interval of their place. Each network is a line of its own below: whole lines cooling, dotted ones heating (of
    factors thin and thick ones). The dashed staircase is the linear theory's number of latents at work. Call within
    `paper_style`.

    Parameters
    ----------
    tables : of `ifp.analysis.joint.prepared.read_study`. Without factors the last two panels are left out.
    conditions : data set, image shape and likelihood, for the axis label. order, labels : see `draw_joint`.
    factor_names : of the data set, in storage order, which decides their colours; those of the tables if left out.
    figure : where to draw, in the place of a new figure.

    Returns
    -------
    The figure, and the rows it shows.
    """
    factors = len(tables["joint_summary"])
    panels = PANELS if factors else PANELS[:4]
    heights = [_PANEL_IN] * min(len(panels), 5) + ([_LANE_IN * factors + 0.2] if factors else [])
    figure = figure or new_figure(width_in, 1.0)
    figure.set_size_inches(width_in, sum(heights))
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    notes = [
        draw_panel(
            ax, panel, tables, threshold_nats=threshold_nats, width_in=width_in, factor_names=factor_names,
            order=order, labels=labels,
        )
        for ax, panel in zip(axes, panels, strict=True)
    ]  # fmt: skip
    label = [r"$\beta$ (nats per nat)", *([on_lines(conditions, width_in)] if conditions else []), *filter(None, notes)]
    axes[-1].set_xlabel("\n".join(label), linespacing=1.35)
    figure.align_ylabels(axes)
    rows = add_legend(figure, axes, joint_labels(threshold_nats), joint_entry) + len(axes[-1].get_xlabel().splitlines())
    figure.set_size_inches(width_in, sum(heights) + _TICKS_IN + _LINE_IN * rows)
    return figure, shown_rows(tables)


def shown_rows(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What the figure shows, its parts told apart by the column `shows`."""
    parts = {
        "record": tables["mi"], "information": tables["joint_information"], "curve": tables["derivative"],
        "peak": tables["peaks"], "step": tables["steps"], "point": tables["joint_freezing_points"],
        "spectrum": tables["spectrum"], "edge": tables["joint_edges"],
    }  # fmt: skip
    # an empty table has no types of its own and would change those of the others
    return pd.concat([part.assign(shows=name) for name, part in parts.items() if len(part)], ignore_index=True)
