"""The curves: KL against beta, exact and trained, in one panel per factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ifp.analysis.curves import TYPICAL, curve_table
from ifp.analysis.freezing import FROZEN
from ifp.analysis.plot_style import axes_or_new, beta_axis
from ifp.analysis.style import BAND, INK, PALE, SMALL_PT, FactorLook, factor_looks
from ifp.trace import AnnealTrace

LOWEST_SHARE = 0.1
"""Bottom of the KL axis, in thresholds: below it there is the noise of training."""

_ARROWS = {"cool": "<", "heat": ">", "equilibrium": "o"}
_LABELS = {
    ("exact", "equilibrium"): "exact equilibrium",
    ("exact", "cool"): "exact branches",
    ("exact", "heat"): "exact branches",
    ("train", "cool"): "trained, cooling",
    ("train", "heat"): "trained, heating",
}


def plot_trace(
    trace: AnnealTrace,
    points: pd.DataFrame,
    *,
    factor: str,
    method: str | None = None,
    curves: pd.DataFrame | None = None,
    look: FactorLook | None = None,
    most: int = 24,
    ax: Axes | None = None,
) -> Axes:
    """KL in nats against beta for one factor, both axes logarithmic.

    Thin: the total KL of up to `most` members. Thick: the typical member, black exact, coloured trained (solid and a
    left arrow at the freezing point for cooling, dashed and a right arrow for heating), its single latents faint and
    dotted if there are several, its edges as a grey band. Dotted across: the threshold.

    Parameters
    ----------
    trace, points : the curves and their `freezing_points`. factor : which one. method : "exact", "train" or both.
    curves : the `curve_table` of this factor, where it is made already. look : the factor's appearance.
    ax : where to draw; a new figure if None.
    """
    ax = axes_or_new(ax, 3.25, 2.2)
    if curves is None:
        curves = curve_table(trace, points, factor=factor, method=method, most=most)
    look = look or factor_looks(points["factor"])[factor]
    key = ["role", "latent", "method", "direction", "context", "seed"]
    threshold = float(points["threshold_nats"].iloc[0])
    bottom = LOWEST_SHARE * threshold
    # the faint members first, the typical one on top
    for group, curve in sorted(curves.groupby(key, sort=False), key=lambda item: item[0][0] == TYPICAL):
        role, latent, of_method, direction, _, _ = group
        exact, typical, total = of_method == "exact", role == TYPICAL, latent == "total"
        branch = exact and direction in ("cool", "heat")
        label = (_LABELS[str(of_method), str(direction)] if total else "single latents") if typical else ""
        ax.plot(
            curve["beta"], np.maximum(curve["kl_nats"], bottom / 3),
            color=INK if exact else look.color,
            linestyle=":" if branch or not total else (0, (3.5, 1.2)) if direction == "heat" else "-",
            linewidth=(0.8 if branch else 1.3) if typical and total else 0.7 if typical else 0.4,
            alpha=1.0 if typical and total else 0.8 if typical else 0.15 if exact else 0.28,
            zorder=(4 if exact else 5) if typical else 2, label=label,
        )  # fmt: skip
    _draw_typical_points(ax, points, curves, look)
    ax.axhline(threshold, color=PALE, linestyle=":", linewidth=0.8, zorder=1, label=f"{threshold:g} nat")
    ax.set_yscale("log")
    ax.set_ylim(bottom, 2 * max(float(curves["kl_nats"].max()) if len(curves) else 0.0, 2 * threshold))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    beta = curves["beta"].to_numpy(dtype=float)
    beta_axis(ax, *((beta.min(), beta.max()) if len(beta) and beta.min() < beta.max() else (1.0, 100.0)))
    ax.text(0.97, 0.96, factor, transform=ax.transAxes, ha="right", va="top", color=INK, weight="bold")
    if curves.empty or curves["kl_nats"].max() <= 0:
        ax.text(
            0.5,
            0.5,
            "no curve" if curves.empty else "KL 0",
            transform=ax.transAxes,
            ha="center",
            color=PALE,
            fontsize=SMALL_PT,
        )
    ax.set_xlabel(r"$\beta$ (nats per nat)")
    ax.set_ylabel("KL (nats)")
    return ax


def _draw_typical_points(ax: Axes, points: pd.DataFrame, curves: pd.DataFrame, look: FactorLook) -> None:
    """The typical member's freezing points on the threshold, by direction, and its edges."""
    typical = curves[curves["role"] == TYPICAL]
    if typical.empty:
        return
    first = typical.iloc[0]
    same = ["factor", "context", "seed"]
    rows = points[(points[same] == first[same]).all(axis=1)]
    edges = rows[["beta_closed_form", "beta_upper"]].iloc[0].to_numpy(dtype=float)
    edges = edges[edges > 0]  # not NaN, and not the 0 of equal images
    if len(edges):
        ax.axvspan(edges.min(), edges.max(), color=BAND, alpha=0.6, linewidth=0.4, zorder=0,
                   label=r"edges $\beta_c$ to $\beta_u$")  # fmt: skip
    shown = set(zip(typical["method"], typical["direction"], strict=True))
    for _, row in rows[rows["status"] == FROZEN].iterrows():
        if (row["method"], row["direction"]) not in shown:
            continue
        exact = row["method"] == "exact"
        ax.plot(
            row["beta_ifp"], row["threshold_nats"], _ARROWS[row["direction"]], color=INK if exact else look.color,
            markersize=3.5 if exact else 5, markeredgecolor="white", markeredgewidth=0.5, zorder=8 if exact else 7,
        )  # fmt: skip
