"""The figure of `ifp.freezing_bounds`: the interval of each traversal, from its lower to its upper edge."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.figures.plot_page import axes_or_new, beta_axis, paper_style
from ifp.analysis.figures.style import factor_looks, plain

_ROW_IN, _MARGIN_IN = 0.16, 0.55


def plot_edges(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw one line per traversal, lowest at the bottom.

    Parameters
    ----------
    table : factor, beta_lower and beta_upper of each traversal. Edges of 0, of equal images, are not drawn; an upper
        edge that is NaN leaves a point at the lower one.
    """
    shown = table[table["beta_lower"] > 0].sort_values("beta_lower", kind="stable")
    looks = factor_looks(table["factor"])
    with paper_style() if ax is None else nullcontext():
        ax = axes_or_new(ax, 4.0, _MARGIN_IN + _ROW_IN * max(len(shown), 3))
        for y, (_, row) in enumerate(shown.iterrows()):
            look = looks[row["factor"]]
            ends = np.array([row["beta_lower"], row["beta_upper"]], dtype=float)
            ax.plot(ends, [y, y], color=look.color, marker=look.marker, markersize=3, linewidth=1.2,
                    label=plain(str(row["factor"])))  # fmt: skip
        ends = shown[["beta_lower", "beta_upper"]].to_numpy(dtype=float)
        low, high = (np.nanmin(ends), np.nanmax(ends)) if len(shown) else (1.0, 10.0)
        beta_axis(ax, low / 1.1, high * 1.1)
        ax.set_xlabel(r"$\beta$ (nats per nat): lower to upper edge")
        ax.set_ylabel("traversal")
        ax.set_yticks([])
        ax.set_ylim(-0.7, len(shown) - 0.3)
        handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        if len(handles) > 1:
            ax.legend(handles.values(), handles.keys(), loc="lower right")
    return ax
