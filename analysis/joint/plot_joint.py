"""The figure of `ifp anneal --whole`: information on images and factors against beta, and the joint freezing points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ifp.analysis.figures.conditions import conditions_of
from ifp.analysis.figures.plot_layout import on_lines, shortened
from ifp.analysis.figures.plot_legend import add_legend
from ifp.analysis.figures.plot_page import FORMATS, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import factor_looks, figure_width
from ifp.analysis.freezing.naming import check_names, joint_order
from ifp.analysis.freezing.plot_lanes import NAMES_SHARE
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.joint.plot_lanes import draw_lanes
from ifp.analysis.joint.plot_marks import joint_entry, joint_labels
from ifp.analysis.joint.plot_panels import draw_information, draw_kl, draw_latents, draw_mi, draw_slope
from ifp.analysis.joint.study import read_study

_PANEL_IN, _LANE_IN, _LINE_IN, _TICKS_IN = 0.88, 0.19, 0.13, 0.26


def draw_joint(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> list[Path]:
    """Draw `joint_annealing` from the folder's tables; returns the paths written.

    Parameters
    ----------
    order : the factors that come first; the others follow, highest freezing point first. labels : what the figure calls
        a factor, by its name.

    Raises
    ------
    IfpError : no such tables, or those of an earlier version; an unknown width, format or factor.
    """
    tables, study = read_study(folder)
    about = read_about(folder)
    inches = figure_width(width)
    check_names([*order, *(labels or {})], about["dataset"]["factor_names"])
    with paper_style():
        figure, shown = joint_figure(
            tables, width_in=inches, threshold_nats=study["threshold_nats"], conditions=conditions_of(about),
            order=order, labels=labels,
        )  # fmt: skip
    return save_figure(figure, (out or folder / "figures") / "joint_annealing", shown, formats=formats)


def joint_figure(
    tables: Mapping[str, pd.DataFrame],
    *,
    width_in: float,
    threshold_nats: float = 0.1,
    conditions: str = "",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Panels over one axis of beta: MI, -dMI/dbeta, -2 dMI/dln(beta), KL of each latent, joint information, points.

    Grey bands are what noise alone passes anywhere with probability 5 %; points are the peaks and steps above it, with
    the interval of their place. Each network is a line of its own below: whole lines cooling, dotted ones heating (of
    factors thin and thick ones). The dashed staircase is the linear theory's number of latents at work. Call within
    `paper_style`.

    Parameters
    ----------
    tables : of `ifp.analysis.joint.study.read_study`. Without factors the last two panels are left out.
    conditions : data set, image shape and likelihood, for the axis label. order, labels : see `draw_joint`.

    Returns
    -------
    The figure, and the rows it shows.
    """
    mi, derivative, curves = tables["mi"], tables["derivative"], tables["joint_information"]
    points, edges = tables["joint_freezing_points"], tables["joint_edges"]
    stored = list(points.loc[points["kind"] == "factor", "name"].unique())
    looks = factor_looks(stored)  # by their place in the data set, as in all figures of it
    widest_in = NAMES_SHARE * width_in
    names = {
        name: shortened((labels or {}).get(name, name), widest_in)
        for name in joint_order(tables["joint_summary"], order)
    }
    heights = [_PANEL_IN] * (5 if names else 4) + ([_LANE_IN * len(names) + 0.2] if names else [])
    figure = new_figure(width_in, sum(heights))
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    tried = (float(curves["beta"].min()), float(curves["beta"].max()))
    highest = float(edges["given_rest_high"].max()) if len(edges) else math.nan
    # not max(): the highest edge is NaN where no factor has a traversal
    shown_beta = (tried[0], 1.05 * (highest if highest > tried[1] else tried[1]))
    for ax in axes:
        beta_axis(ax, *shown_beta)
    draw_mi(axes[0], mi, derivative)
    draw_slope(axes[1], derivative, tables["peaks"])
    draw_latents(axes[2], derivative, tables["steps"], tables["spectrum"])
    draw_kl(axes[3], curves, threshold_nats)
    if names:
        draw_information(axes[4], curves, names, looks, threshold_nats)
        of_factors = points[points["kind"] == "factor"]
        draw_lanes(axes[5], of_factors, edges, names, looks, tried=tried, shown=shown_beta)
    label = [r"$\beta$ (nats per nat)", *([on_lines(conditions, width_in)] if conditions else [])]
    axes[-1].set_xlabel("\n".join(label), linespacing=1.35)
    figure.align_ylabels(axes)
    rows = add_legend(figure, axes, joint_labels(threshold_nats), joint_entry) + len(axes[-1].get_xlabel().splitlines())
    figure.set_size_inches(width_in, sum(heights) + _TICKS_IN + _LINE_IN * rows)
    parts = {
        "record": mi, "information": curves, "curve": derivative, "peak": tables["peaks"], "step": tables["steps"],
        "point": points, "spectrum": tables["spectrum"], "edge": edges,
    }  # fmt: skip
    # an empty table has no types of its own and would change those of the others
    shown = pd.concat([part.assign(shows=name) for name, part in parts.items() if len(part)], ignore_index=True)
    return figure, shown
