"""The figure of `ifp anneal --whole`: information on images and factors against beta, and the joint freezing points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from ifp.analysis.joint.study import read_study
from ifp.analysis.plot_joint_lanes import draw_lanes, lanes_key
from ifp.analysis.plot_style import FORMATS, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.style import BAND, INK, NEUTRAL, PALE, factor_looks, figure_width, plain

_PANEL_IN, _LANE_IN = 0.86, 0.19
_LEGEND_COLUMNS = 3
_LINE_OF: dict[str, Any] = {"cool": "-", "heat": (0, (1, 0.8))}
_THEORY: Any = (0, (3, 1.5))
_DECADES = 4.0
"""How far below its maximum the axis of -dMI/dbeta reaches at most, on its logarithmic scale."""


def draw_joint(
    folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS, out: Path | None = None
) -> list[Path]:
    """Draw `joint_annealing` from the folder's tables; returns the paths written.

    Raises
    ------
    IfpError : no such tables, or those of an earlier version; an unknown width or format.
    """
    tables, about = read_study(folder)
    inches = figure_width(width)
    with paper_style():
        figure, shown = joint_figure(tables, width_in=inches, threshold_nats=about["threshold_nats"])
    return save_figure(figure, (out or folder / "figures") / "joint_annealing", shown, formats=formats)


def joint_figure(
    tables: Mapping[str, pd.DataFrame], *, width_in: float, threshold_nats: float = 0.1
) -> tuple[Figure, pd.DataFrame]:
    """Panels over one axis of beta: MI, -dMI/dbeta, -2 dMI/dln(beta), KL of each latent, joint information, points.

    Grey bands are what noise alone passes anywhere with probability 5 %; points are the peaks and steps above it, with
    the interval of their place. Each network is a line of its own below: whole lines cooling, dotted ones heating (of
    factors thin and thick ones). The dashed staircase is the linear theory's number of latents at work. Call within
    `paper_style`.

    Parameters
    ----------
    tables : of `ifp.analysis.joint.study.read_study`. Without factors the last two panels are left out.

    Returns
    -------
    The figure, and the rows it shows.
    """
    mi, derivative, curves = tables["mi"], tables["derivative"], tables["joint_information"]
    points, edges = tables["joint_freezing_points"], tables["joint_edges"]
    factors = list(points.loc[points["kind"] == "factor", "name"].unique())
    heights = [_PANEL_IN] * (5 if factors else 4) + ([_LANE_IN * len(factors) + 0.2] if factors else [])
    key = [Line2D([], [], color=NEUTRAL, linewidth=0.7, linestyle=_THEORY, label="linear theory")]
    if factors:
        looks = factor_looks(factors).items()
        lines: list[tuple[str, Any, str]] = [(look.color, look.linestyle, plain(name)) for name, look in looks]
        named = [Line2D([], [], color=color, linestyle=line, label=text) for color, line, text in lines]
        key = [*named, *lanes_key(), *key]
    rows_of_key = -(-len(key) // _LEGEND_COLUMNS)
    figure = new_figure(width_in, 0.35 + sum(heights) + 0.13 * rows_of_key)
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    low, high = float(curves["beta"].min()), float(curves["beta"].max())
    tried = (low, high)
    high = 1.05 * max(high, float(edges["given_rest_high"].max()) if len(edges) else high)
    _draw_mi(axes[0], mi, derivative)
    _draw_slope(axes[1], derivative, tables["peaks"])
    _draw_latents(axes[2], derivative, tables["steps"], tables["spectrum"])
    _draw_kl(axes[3], curves, threshold_nats)
    if factors:
        _draw_information(axes[4], curves, factors, threshold_nats)
        draw_lanes(axes[5], points[points["kind"] == "factor"], edges, *tried)
    figure.legend(handles=key, loc="outside lower center", ncols=_LEGEND_COLUMNS)
    for ax in axes:
        beta_axis(ax, low, high)
    axes[-1].set_xlabel(r"$\beta$")
    figure.align_ylabels(axes)
    parts = {
        "record": mi, "information": curves, "curve": derivative, "peak": tables["peaks"], "step": tables["steps"],
        "point": points, "spectrum": tables["spectrum"], "edge": edges,
    }  # fmt: skip
    # an empty table has no types of its own and would change those of the others
    shown = pd.concat([part.assign(shows=name) for name, part in parts.items() if len(part)], ignore_index=True)
    return figure, shown


def _draw_mi(ax: Axes, mi: pd.DataFrame, derivative: pd.DataFrame) -> None:
    for _, rows in mi.groupby("seed"):
        ax.plot(rows["beta"], rows["mi_nats"], color=PALE, linewidth=0.5)
    ax.plot(derivative["beta"], derivative["mi_nats"], color=INK)
    cap = float(mi["cap_nats"].iloc[0])
    if mi["near_cap"].any():
        ax.axhline(cap, color=NEUTRAL, linewidth=0.6, linestyle=(0, (3, 1.5)))
        ax.annotate("cap ln N", (1, cap), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small",
                    color=NEUTRAL)  # fmt: skip
    ax.set_ylabel("MI (nats)")
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _draw_slope(ax: Axes, derivative: pd.DataFrame, peaks: pd.DataFrame) -> None:
    slope, noise = derivative["slope"].to_numpy(float), derivative["slope_noise"].to_numpy(float)
    top = max(float(slope.max()), float(noise.max()), 1e-12)
    bottom = max(min(float(np.median(noise)), float(np.median(np.abs(slope)))) / 3, top / 10**_DECADES)
    ax.set_yscale("log")
    ax.set_ylim(min(bottom, top / 30), top * 2)
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.fill_between(derivative["beta"], ax.get_ylim()[0], np.maximum(noise, ax.get_ylim()[0]), color=BAND, linewidth=0)
    ax.plot(derivative["beta"], np.where(slope > 0, slope, np.nan), color=INK)
    _mark(ax, peaks)
    ax.set_ylabel(r"$-$dMI/d$\beta$")


def _draw_latents(ax: Axes, derivative: pd.DataFrame, steps: pd.DataFrame, spectrum: pd.DataFrame) -> None:
    edges = spectrum["beta_edge"].to_numpy(float)
    ax.step([1e12, *edges], range(len(edges) + 1), where="post", color=NEUTRAL, linewidth=0.7, linestyle=_THEORY)
    noise = derivative["latents_noise"]
    ax.fill_between(derivative["beta"], -noise, noise, color=BAND, linewidth=0)
    ax.plot(derivative["beta"], derivative["latents"], color=INK)
    heights = np.interp(np.log(steps["beta"]), np.log(derivative["beta"])[::-1], derivative["latents"][::-1])
    _mark(ax, steps.assign(value=heights))
    ax.set_ylabel(r"$-$2 dMI/dln$\beta$")
    ax.yaxis.set_major_locator(MaxNLocator(4))
    largest = max(float(derivative["latents"].max()), float(noise.median()))
    ax.set_ylim(min(-0.1 * largest, float(derivative["latents"].min())), 1.15 * largest)


def _mark(ax: Axes, found: pd.DataFrame) -> None:
    """Points with their intervals, and the beta beside each."""
    for _, row in found.iterrows():
        ax.plot([row["low"], row["high"]], [row["value"]] * 2, color=INK, linewidth=0.8)
        ax.plot(row["beta"], row["value"], "o", color=INK, markersize=3, markerfacecolor="white", markeredgewidth=0.7)
        ax.annotate(f"{row['beta']:.3g}", (row["beta"], row["value"]), xytext=(3, 2), textcoords="offset points",
                    fontsize="small", annotation_clip=True)  # fmt: skip


def _draw_kl(ax: Axes, curves: pd.DataFrame, threshold_nats: float) -> None:
    latents = [name for name in curves.columns if name.startswith("kl_nats_")]
    for (direction, _), rows in curves.groupby(["direction", "seed"]):
        for name in latents:
            ax.plot(rows["beta"], rows[name], color=NEUTRAL, linewidth=0.5, linestyle=_LINE_OF[str(direction)])
    _threshold(ax, threshold_nats)
    ax.set_ylabel("KL (nats)")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _draw_information(ax: Axes, curves: pd.DataFrame, factors: Sequence[str], threshold_nats: float) -> None:
    """Joint information where it was measured, logarithmic: it is measured around the threshold."""
    for factor, look in factor_looks(factors).items():
        for (direction, _), rows in curves.groupby(["direction", "seed"]):
            known = rows[rows[f"info_nats_{factor}"] > 0].sort_values("beta")
            ax.plot(
                known["beta"], known[f"info_nats_{factor}"], color=look.color, linestyle=look.linestyle,
                linewidth=1.1 if direction == "heat" else 0.5,
            )  # fmt: skip
    _threshold(ax, threshold_nats)
    ax.set_yscale("log")
    ax.set_ylim(threshold_nats / 10, None)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(r"$I(z;\,$factor$)$")


def _threshold(ax: Axes, threshold_nats: float) -> None:
    ax.axhline(threshold_nats, color=INK, linewidth=0.5, linestyle=(0, (1, 1.5)))
