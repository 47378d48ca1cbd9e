"""The panels of `joint_annealing` over beta: MI, its two derivatives, the KL of each latent, joint information."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.style import NEUTRAL, SMALL_PT, FactorLook, plain
from ifp.analysis.joint.plot_marks import (
    FOUND,
    INFO_OF,
    KL_OF,
    LEVEL,
    MEAN,
    NETWORK,
    NOISE,
    THEORY,
    joint_mark,
    noise_box,
)  # fmt: skip

_DECADES = 4.0
"""How far below its maximum the axis of -dMI/dbeta reaches at most, on its logarithmic scale."""
_NAMES_SHARE = 0.35
"""Share of the page's width that the names of factors take in a line below the figure."""
_NARROW_NAMES_IN = 0.9
"""Width of these names, in inches, below which they stand on a line of their own."""
FEWEST_STEPS = 2
"""Fewest steps of the linear theory that are shown, if there are as many at the betas of the figure."""


def draw_mi(ax: Axes, mi: pd.DataFrame, derivative: pd.DataFrame) -> None:
    """MI of each cooling network, and of their mean."""
    for _, rows in mi.groupby("seed"):
        ax.plot(rows["beta"], rows["mi_nats"], gid=NETWORK, **joint_mark(NETWORK))
    ax.plot(derivative["beta"], derivative["mi_nats"], gid=MEAN, **joint_mark(MEAN))
    if mi["near_cap"].any():
        ax.axhline(float(mi["cap_nats"].iloc[0]), color=NEUTRAL, linewidth=0.6, linestyle=(0, (6, 1.5)))
        ax.annotate("cap ln N", (1, float(mi["cap_nats"].iloc[0])), xycoords=("axes fraction", "data"), ha="right",
                    va="bottom", fontsize="small", color=NEUTRAL)  # fmt: skip
    ax.set_ylabel("MI (nats)")
    ax.yaxis.set_major_locator(MaxNLocator(4))


def draw_slope(ax: Axes, derivative: pd.DataFrame, peaks: pd.DataFrame) -> None:
    """-dMI/dbeta of the mean on a logarithmic axis, the noise below it, and its peaks."""
    slope, noise = derivative["slope"].to_numpy(float), derivative["slope_noise"].to_numpy(float)
    top = max(float(slope.max()), float(noise.max()), 1e-12)
    bottom = max(min(float(np.median(noise)), float(np.median(np.abs(slope)))) / 3, top / 10**_DECADES)
    ax.set_yscale("log")
    ax.set_ylim(min(bottom, top / 30), top * 2)
    ax.yaxis.set_minor_formatter(NullFormatter())
    lowest = ax.get_ylim()[0]
    ax.fill_between(derivative["beta"], lowest, np.maximum(noise, lowest), gid=NOISE, **noise_box())
    ax.plot(derivative["beta"], np.where(slope > 0, slope, np.nan), gid=MEAN, **joint_mark(MEAN))
    _mark(ax, peaks)
    if not (slope > 0).any():
        _note(ax, "not above 0 anywhere")
    ax.set_ylabel("$-$dMI/d$\\beta$\n(nats)")


def draw_latents(ax: Axes, derivative: pd.DataFrame, steps: pd.DataFrame, spectrum: pd.DataFrame) -> None:
    """-2 dMI/dln(beta) of the mean, its steps, and how many latents the linear theory has at work."""
    edges = spectrum["beta_edge"].to_numpy(float)
    ax.step([1e12, *edges], range(len(edges) + 1), where="post", gid=THEORY, **joint_mark(THEORY))
    noise = derivative["latents_noise"]
    ax.fill_between(derivative["beta"], -noise, noise, gid=NOISE, **noise_box())
    ax.plot(derivative["beta"], derivative["latents"], gid=MEAN, **joint_mark(MEAN))
    heights = np.interp(np.log(steps["beta"]), np.log(derivative["beta"])[::-1], derivative["latents"][::-1])
    _mark(ax, steps.assign(value=heights))
    ax.set_ylabel("$-$2 dMI/dln$\\,\\beta$\n(latents)")
    ax.yaxis.set_major_locator(MaxNLocator(4))
    largest = max(float(derivative["latents"].max()), float(noise.median()))
    there = int((edges >= ax.get_xlim()[0]).sum())
    top = 1.15 * max(largest, min(there, max(FEWEST_STEPS, math.ceil(largest))))
    ax.set_ylim(min(-0.1 * largest, 1.1 * float(derivative["latents"].min())), top)
    if there > top:
        # in the corner above the first edge, as far as it has room
        count = f"{there} or more" if edges[-1] > ax.get_xlim()[0] else str(there)
        ax.text(1, 1, f"linear theory:\n{count} \N{UPWARDS ARROW}", transform=ax.transAxes, ha="right", va="top",
                fontsize="small", color=NEUTRAL, bbox={"color": "white", "pad": 1, "alpha": 0.85})  # fmt: skip


def _mark(ax: Axes, found: pd.DataFrame) -> None:
    """Points with their intervals, and the beta beside each."""
    for _, row in found.iterrows():
        ax.plot([row["low"], row["beta"], row["high"]], [row["value"]] * 3, markevery=[1], gid=FOUND,
                **joint_mark(FOUND))  # fmt: skip
        ax.annotate(f"{row['beta']:.3g}", (row["beta"], row["value"]), xytext=(3, 2), textcoords="offset points",
                    fontsize="small", annotation_clip=True)  # fmt: skip


def draw_kl(ax: Axes, curves: pd.DataFrame, threshold_nats: float) -> None:
    """KL of each latent of each network, cooling and heating."""
    latents = [name for name in curves.columns if name.startswith("kl_nats_")]
    for (direction, _), rows in curves.groupby(["direction", "seed"]):
        mark = KL_OF[str(direction)]
        for name in latents:
            ax.plot(rows["beta"], rows[name], gid=mark, **joint_mark(mark))
    _draw_level(ax, threshold_nats)
    ax.set_ylabel("KL (nats)")
    ax.set_ylim(0, max(1.05 * float(curves[latents].max().max()), 2 * threshold_nats))
    ax.yaxis.set_major_locator(MaxNLocator(4))


def draw_information(
    ax: Axes, curves: pd.DataFrame, names: Mapping[str, str], looks: Mapping[str, FactorLook], threshold_nats: float
) -> str:
    """Joint information where it was measured, logarithmic: it is measured around the threshold.

    A logarithm has no 0, so 0 stands at the lower end of the axis, which says so. Returns a line, for the label of the
    figure, that names the factors of which nothing was found anywhere; "" if there are none.
    """
    nothing, top, zero = [], 0.0, threshold_nats / 10
    for factor, called in names.items():
        column = f"info_nats_{factor}"
        if not (curves[column] > 0).any():
            nothing.append(called)
            continue
        top = max(top, float(curves[column].max()))
        for (direction, _), rows in curves.groupby(["direction", "seed"]):
            known = rows[rows[column].notna()].sort_values("beta")
            mark = INFO_OF[str(direction)]
            if len(known):
                ax.plot(known["beta"], np.maximum(known[column], zero), gid=mark,
                        **{**joint_mark(mark, looks[factor].color), "linestyle": looks[factor].linestyle})  # fmt: skip
    _draw_level(ax, threshold_nats)
    ax.set_yscale("log")
    highest = max(1.5 * top, 10 * threshold_nats)
    ax.set_ylim(zero / 1.15, highest)
    ticks = [zero, *(threshold_nats * 10.0**n for n in range(math.floor(math.log10(highest / threshold_nats)) + 1))]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "0" if value <= zero else f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel("$I(z;\\,$factor$)$\n(nats)")
    if not nothing:
        return ""
    wide_in = _NAMES_SHARE * ax.figure.bbox.width / ax.figure.dpi
    if len(nothing) == len(names):
        return "no information on any factor" if len(names) > 1 else "no information on the factor"
    between = "\n" if wide_in < _NARROW_NAMES_IN else " "
    return f"no information on{between}{plain(shortened(', '.join(nothing), wide_in))}"


def _note(ax: Axes, text: str) -> None:
    """A remark in the upper right corner of a panel, where beta is high and little is held."""
    ax.text(0.99, 0.97, text, transform=ax.transAxes, ha="right", va="top", color=NEUTRAL, fontsize=SMALL_PT)


def _draw_level(ax: Axes, threshold_nats: float) -> None:
    ax.axhline(threshold_nats, gid=LEVEL, **joint_mark(LEVEL))
