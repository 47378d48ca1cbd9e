"""The curves of a series: NMI1 and NMI2 of each factor above the noise floor over training, with their intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ifp.analysis.diffusion.plot_series import MEASURES, step_unit
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import new_figure, round_numbers
from ifp.analysis.figures.style import BAND, INK, MEDIUM_PT, PALE, SMALL_PT, FactorLook, factor_looks, plain

COLUMNS = (
    "step", "label", "estimator", "factor", "excess_nmi1", "excess_nmi1_low", "excess_nmi1_high", "excess_nmi2",
    "excess_nmi2_low", "excess_nmi2_high",
)  # fmt: skip
_LINES: dict[str, Any] = {"nmi1": "-", "nmi2": (0, (3, 1.2))}
_MARKED_RECORDS = 15
"""With more records than this their points are left out, because the line is dense enough."""


def nmi_curves_figure(series: pd.DataFrame, *, width_in: float) -> tuple[Figure, pd.DataFrame]:
    """A panel per factor, NMI1 solid and NMI2 dashed, with a legend; call within `paper_style`.

    Steps are on a linear axis, or on a logarithmic one where the records are spaced so.

    Parameters
    ----------
    series : one estimator's rows with the columns of `COLUMNS`: NMI above the latents' floors. width_in : of the page.

    Returns
    -------
    The figure, and the rows it shows.
    """
    shown = series.sort_values("step", kind="stable")
    factors = list(dict.fromkeys(series["factor"]))
    looks = factor_looks(factors)
    columns = min(len(factors) + 1, 2 if width_in < 4.5 else 3)
    rows = math.ceil(len(factors) / columns)
    figure = new_figure(width_in, rows * min(1.2, 0.75 * width_in / columns) + 0.2)
    cells = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    panels, spare = cells[: len(factors)], cells[len(factors) :]
    top = float(np.nanmax(shown[["excess_nmi1", "excess_nmi1_high"]].to_numpy(float), initial=0.05))
    for number, (ax, factor) in enumerate(zip(panels, factors, strict=True)):
        plot_nmi_curves(shown[shown["factor"] == factor], look=looks[factor], ax=ax)
        ax.set_title(plain(shortened(factor, 0.75 * width_in / columns, MEDIUM_PT, factors)), pad=2, fontweight="bold")
        ax.tick_params(labelbottom=number + columns >= len(factors))
        if number + columns < len(factors):
            ax.set_xlabel("")
        if number % columns:
            ax.set_ylabel("")
    # the head room keeps the bands clear of the panel above
    panels[0].set_ylim(0, min(1.05 * top, 1.0) if top <= 1 else 1.05)
    panels[0].yaxis.set_major_locator(MaxNLocator(4))
    for ax in spare:
        ax.set_axis_off()
    title = f"{shown['estimator'].iloc[0]} estimator"
    if spare:
        spare[-1].legend(handles=_key(), loc="center", title=title, title_fontsize=SMALL_PT)
    else:
        figure.legend(handles=_key(), loc="outside lower center", ncols=3, title=title, title_fontsize=SMALL_PT)
        figure.set_figheight(figure.get_figheight() + 0.3)
    return figure, shown[[*COLUMNS]].reset_index(drop=True)


def plot_nmi_curves(of_factor: pd.DataFrame, *, look: FactorLook, ax: Axes) -> Axes:
    """One factor's NMI1 and NMI2 against the step, with interval bands.

    Both are above the noise floor. A gap in the numbers (NaN) is a gap in the curve.
    """
    step = of_factor["step"].to_numpy(dtype=float)
    for name, label in MEASURES.items():
        value, low, high = (of_factor[f"excess_{name}{end}"].to_numpy(dtype=float) for end in ("", "_low", "_high"))
        first = name == "nmi1"
        ax.fill_between(step, low, high, color=look.color, alpha=0.3 if first else 0.18, linewidth=0, zorder=2)
        ax.plot(step, value, color=look.color, linestyle=_LINES[name], linewidth=1.2, zorder=4 if first else 3,
                marker=look.marker if len(step) <= _MARKED_RECORDS else None, markersize=2.6,
                markerfacecolor=look.color if first else "white", markeredgewidth=0.6, clip_on=False,
                label=label)  # fmt: skip
    step_axis(ax, step)
    ax.set_ylabel("NMI above floor")
    return ax


def step_axis(ax: Axes, step: np.ndarray) -> None:
    """Give `ax` a horizontal axis of training steps, in thousands or millions where they are many."""
    unit, name = step_unit(step)
    ax.set_xlabel(name)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit:g}"))
    low, high = float(step.min()), float(step.max())
    if not spaced_by_ratio(step):
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=unit == 1))
        margin = 0.02 * (high - low) or 1.0
        ax.set_xlim(low - margin, high + margin)
        return
    first = float(step[step > 0].min())
    # 0 has no logarithm: a short linear stretch below the first step holds it
    ax.set_xscale("symlog", linthresh=first, linscale=0.4) if low == 0 else ax.set_xscale("log")
    ticks = round_numbers(first, high, 4)
    ax.set_xticks([0.0, *ticks] if low == 0 else ticks)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(-0.1 * first if low == 0 else first / (high / first) ** 0.02, high * (high / first) ** 0.02)


def spaced_by_ratio(step: np.ndarray) -> bool:
    """Whether the records' steps (at least 4, ascending, 0 apart) are evener in their logarithm than in themselves.

    >>> spaced_by_ratio(np.array([0, 1e3, 1e4, 1e5, 1e6])), spaced_by_ratio(np.arange(1.0, 9.0))
    (True, False)
    """
    positive = np.unique(step[step > 0])
    if len(positive) < 4 or positive[-1] < 30 * positive[0]:
        return False
    plain_gaps, ratios = np.diff(positive), np.diff(np.log(positive))
    return bool(ratios.std() / ratios.mean() < plain_gaps.std() / plain_gaps.mean())


def _key() -> list[Line2D | Patch]:
    lines: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linestyle=_LINES[name], linewidth=1.2, marker="o", markersize=2.6, label=label,
               markerfacecolor=INK if name == "nmi1" else "white", markeredgewidth=0.6)
        for name, label in (("nmi1", f"{MEASURES['nmi1']}, largest"), ("nmi2", f"{MEASURES['nmi2']}, second"))
    ]  # fmt: skip
    return [*lines, Patch(facecolor=BAND, edgecolor=PALE, linewidth=0.4, label="95 % interval")]
