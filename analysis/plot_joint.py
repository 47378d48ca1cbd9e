"""The figure of `ifp anneal --whole`: information on the images against beta, its two derivatives, KL and NMI below."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from ifp.analysis.plot_style import FORMATS, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.style import BAND, INK, NEUTRAL, PALE, factor_looks, figure_width, plain
from ifp.errors import IfpError

TABLES = ("mi", "derivative", "peaks", "steps")
_PANEL_IN = 0.86
_LEGEND_COLUMNS = 3
_DECADES = 4.0
"""How far below its maximum the axis of -dMI/dbeta reaches at most, on its logarithmic scale."""


def draw_joint(
    folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS, out: Path | None = None
) -> list[Path]:
    """Draw `joint_annealing` from the folder's tables; returns the paths written.

    Raises
    ------
    IfpError : no such tables, an unknown width or format.
    """
    paths = {name: folder / f"{name}.csv" for name in TABLES}
    about = folder / "run.json"
    for path in (*paths.values(), about):
        if not path.is_file():
            raise IfpError(f"There is no {path}; give the --out folder of a finished `ifp anneal --whole` run.")
    inches = figure_width(width)
    tables = {name: pd.read_csv(path) for name, path in paths.items()}
    factors = json.loads(about.read_text(encoding="utf-8"))["dataset"]["factor_names"]
    with paper_style():
        figure, shown = joint_figure(**tables, factors=factors, width_in=inches)
    return save_figure(figure, (out or folder / "figures") / "joint_annealing", shown, formats=formats)


def joint_figure(
    mi: pd.DataFrame,
    derivative: pd.DataFrame,
    peaks: pd.DataFrame,
    steps: pd.DataFrame,
    *,
    factors: Sequence[str],
    width_in: float,
) -> tuple[Figure, pd.DataFrame]:
    """Panels over one axis of beta: MI, -dMI/dbeta, -2 dMI/dln(beta), KL of each latent, NMI of each factor.

    Grey bands are what noise alone passes anywhere with probability 5 %; points are the peaks and steps above it, with
    the interval of their place. Each network is a line of its own below. Call within `paper_style`.

    Parameters
    ----------
    mi : a row a record and seed. derivative, peaks, steps : of `ifp.analysis.joint.MiPeaks`.
    factors : whose NMI is drawn; without any that panel is left out.

    Returns
    -------
    The figure, and the rows it shows.
    """
    panels = 5 if factors else 4
    rows_of_key = -(-len(factors) // _LEGEND_COLUMNS)
    figure = new_figure(width_in, 0.35 + _PANEL_IN * panels + 0.13 * rows_of_key)
    axes = list(figure.subplots(panels, 1, sharex=True))
    low, high = float(mi["beta"].min()), float(mi["beta"].max())
    _draw_mi(axes[0], mi, derivative)
    _draw_slope(axes[1], derivative, peaks)
    _draw_latents(axes[2], derivative, steps)
    _draw_kl(axes[3], mi)
    if factors:
        _draw_nmi(figure, axes[4], mi, factors)
    for ax in axes:
        beta_axis(ax, low, high)
    axes[-1].set_xlabel(r"$\beta$")
    figure.align_ylabels(axes)
    parts = {"record": mi, "curve": derivative, "peak": peaks, "step": steps}
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


def _draw_latents(ax: Axes, derivative: pd.DataFrame, steps: pd.DataFrame) -> None:
    noise = derivative["latents_noise"]
    ax.fill_between(derivative["beta"], -noise, noise, color=BAND, linewidth=0)
    ax.plot(derivative["beta"], derivative["latents"], color=INK)
    heights = np.interp(np.log(steps["beta"]), np.log(derivative["beta"])[::-1], derivative["latents"][::-1])
    _mark(ax, steps.assign(value=heights))
    ax.set_ylabel(r"$-$2 dMI/d ln $\beta$")
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


def _draw_kl(ax: Axes, mi: pd.DataFrame) -> None:
    latents = [name for name in mi.columns if name.startswith("kl_nats_")]
    for _, rows in mi.groupby("seed"):
        for name in latents:
            ax.plot(rows["beta"], rows[name], color=NEUTRAL, linewidth=0.5)
    ax.set_ylabel("KL (nats)")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _draw_nmi(figure: Figure, ax: Axes, mi: pd.DataFrame, factors: Sequence[str]) -> None:
    looks = factor_looks(factors)
    for factor, look in looks.items():
        for _, rows in mi.groupby("seed"):
            ax.plot(rows["beta"], rows[f"nmi1_{factor}"], color=look.color, linestyle=look.linestyle, linewidth=0.8)
    ax.set_ylabel("NMI1")
    ax.set_ylim(0, 1)
    key = [
        Line2D([], [], color=look.color, linestyle=look.linestyle, label=plain(name))  # type: ignore[arg-type]
        for name, look in looks.items()
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=_LEGEND_COLUMNS)
