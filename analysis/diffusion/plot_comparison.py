"""Two models side by side: the differences of NMI1 and NMI2 by factor, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ifp.analysis.diffusion.plot_series import MEASURES as NAMES
from ifp.analysis.figures.plot_layout import EDGE_IN, axes_at, new_page, panel_name
from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.style import INK, MEDIUM_PT, PALE, SMALL_PT, FactorLook, factor_looks, plain

MEASURES = {f"excess_{measure}": name for measure, name in NAMES.items()}
"""NMI1 and NMI2 above the floors: as counted, models whose posteriors differ in width are not comparable."""
COLUMNS = ("estimator", "factor", "measure", "a", "b", "difference", "low", "high", "within_noise")
_ROW_IN, _HEAD_IN, _FOOT_IN, _GAP_IN, _KEY_IN = 0.18, 0.2, 0.34, 0.14, 0.17


def comparison_figure(
    comparison: pd.DataFrame, *, label_a: str, label_b: str, width_in: float
) -> tuple[Figure, pd.DataFrame]:
    """A panel of NMI1 and one of NMI2, a row per factor: B less A; call within `paper_style`.

    Parameters
    ----------
    comparison : one estimator's rows with `COLUMNS`; other measures than MEASURES are left out.
    label_a, label_b : the two models' names. width_in : of the page.

    Returns
    -------
    The figure, and the rows it shows.
    """
    shown = comparison[comparison["measure"].isin(MEASURES)].reset_index(drop=True)
    factors = list(dict.fromkeys(shown["factor"]))
    names = [shortened(factor, 0.3 * width_in, among=factors) for factor in factors]
    left_in = EDGE_IN + 0.06 + max(map(text_width_in, names))
    wide = (width_in - left_in - EDGE_IN - 0.06 - _GAP_IN) / len(MEASURES)
    high = max(len(factors), 2) * _ROW_IN
    figure = new_page(width_in, _HEAD_IN + high + _FOOT_IN + _KEY_IN)
    looks = factor_looks(factors)
    numbers = shown[["difference", "low", "high"]].to_numpy(dtype=float)
    first, last = float(np.nanmin(numbers, initial=-0.01)), float(np.nanmax(numbers, initial=0.01))
    margin = 0.06 * (last - first)
    for number, (measure, name) in enumerate(MEASURES.items()):
        ax = axes_at(figure, left_in + number * (wide + _GAP_IN), _HEAD_IN, wide, high)
        plot_differences(shown[shown["measure"] == measure], factors=factors, looks=looks, ax=ax)
        ax.xaxis.set_major_locator(MaxNLocator(3 if wide < 1.2 else 4))
        ax.set_xlim(first - margin, last + margin)
        ax.set_yticks(range(len(factors)), [plain(name) for name in names] if number == 0 else [""] * len(factors))
        panel_name(ax, name, name, width_in=wide)
    # one sentence of what is taken from what, below both panels
    across = 0.45 * (width_in - 1.4)
    a, b = (plain(shortened(label, across, MEDIUM_PT, (label_a, label_b))) for label in (label_a, label_b))
    page_in = figure.get_figheight()
    figure.text(
        0.5, (_KEY_IN + 0.03) / page_in, f"difference of NMI above floor: {b} less {a}", ha="center", va="bottom"
    )
    figure.legend(handles=_key(), loc="lower center", ncols=2, borderaxespad=0.1)
    return figure, shown[[*COLUMNS]]


def plot_differences(rows: pd.DataFrame, *, factors: list[str], looks: dict[str, FactorLook], ax: Axes) -> Axes:
    """Point and interval of each factor, row by row from the top; hollow where the difference is within noise."""
    ax.axvline(0, color=PALE, linewidth=0.6, zorder=1)
    for _, row in rows.iterrows():
        place, look = factors.index(row["factor"]), looks[row["factor"]]
        if not np.isfinite(row["difference"]):
            ax.text(0, place, "unknown", ha="center", va="center_baseline", fontsize=SMALL_PT, color=PALE)
            continue
        clear = row["within_noise"] is not None and not pd.isna(row["within_noise"]) and not row["within_noise"]
        ax.plot([row["low"], row["high"]], [place, place], color=look.color, linewidth=1.0, zorder=2)
        ax.plot(row["difference"], place, look.marker, color=look.color, markersize=4.2, markeredgewidth=0.8, zorder=3,
                markerfacecolor=look.color if clear else "white")  # fmt: skip
    ax.set_ylim(max(len(factors), 2) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0, pad=2.5)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter("{x:g}")
    return ax


def _key() -> list[Line2D]:
    return [
        Line2D([], [], color=INK, linewidth=1.0, marker="o", markersize=4, markerfacecolor=fill, markeredgewidth=0.8,
               label=label)
        for fill, label in ((INK, "95 % interval clear of 0"), ("white", "within noise"))
    ]  # fmt: skip
