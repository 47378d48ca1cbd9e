"""The curves: KL against beta, exact and trained, in one panel per factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import axes_or_new, beta_axis
from ifp.analysis.figures.style import BAND, INK, MEDIUM_PT, NEUTRAL, PALE, SMALL_PT, FactorLook, factor_looks, plain
from ifp.analysis.freezing.curve_table import TYPICAL, curve_table
from ifp.analysis.freezing.points import FROZEN
from ifp.trace import AnnealTrace

if TYPE_CHECKING:
    from ifp.analysis.freezing.annealing import Annealing

LOWEST_SHARE = 0.1
"""Bottom of the KL axis, in thresholds: below it there is the noise of training."""

NAME = "name"
"""Of the texts in the corner of a panel, through which no curve runs."""
MARGIN_PT = 2.0
"""Between those texts and the curves."""
LEAST_LEFT = 0.3
"""Of a panel's height that is left to curves; in a panel too low for that a curve runs through the name."""

# edges end at such a text, and do not strike it through; a curve, where one has to, still runs over it
_OVER_EDGES: dict[str, Any] = {
    "zorder": 1.5, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8},
}  # fmt: skip

_ARROWS = {"cool": "<", "heat": ">", "equilibrium": "o"}
_LABELS = {
    ("exact", "equilibrium"): "exact equilibrium",
    ("exact", "cool"): "exact branches",
    ("exact", "heat"): "exact branches",
    ("train", "cool"): "trained, cooling",
    ("train", "heat"): "trained, heating",
}


def plot_trace(
    trace: AnnealTrace | Annealing,
    points: pd.DataFrame,
    *,
    factor: str,
    label: str | None = None,
    method: str | None = None,
    curves: pd.DataFrame | None = None,
    look: FactorLook | None = None,
    most: int = 24,
    ax: Axes | None = None,
) -> Axes:
    """KL in nats against beta for one factor, both axes logarithmic.

    Thin: the total KL of up to `most` members. Thick: the typical member, black exact, coloured trained (solid and a
    left arrow at the freezing point for cooling, dashed and a right arrow for heating), its single latents faint and
    dotted if there are several, its edges as a grey band. Dotted across: the threshold. Contexts in which all images
    are equal, so that their KL is 0, are counted as flat.

    Parameters
    ----------
    trace, points : the curves and their `freezing_points`. factor : which one. label : what the figure calls it; its
        name if None. method : "exact", "train" or both.
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
        role, latent, of_method, direction = map(str, group[:4])
        ax.plot(
            curve["beta"], np.maximum(curve["kl_nats"], bottom / 3),
            **_line_style(role, latent, of_method, direction, look.color),
        )  # fmt: skip
    _draw_typical_points(ax, points, curves, look)
    ax.axhline(threshold, color=PALE, linestyle=":", linewidth=0.8, zorder=1)
    ax.set_yscale("log")
    ax.set_ylim(bottom, 2 * max(float(curves["kl_nats"].max()) if len(curves) else 0.0, 2 * threshold))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    beta = curves["beta"].to_numpy(dtype=float)
    beta_axis(ax, *((beta.min(), beta.max()) if len(beta) and beta.min() < beta.max() else (1.0, 100.0)))
    wide_in = 0.8 * ax.get_position().width * ax.figure.bbox.width / ax.figure.dpi
    name = plain(shortened(label or factor, wide_in, MEDIUM_PT))
    ax.text(0.97, 0.96, name, transform=ax.transAxes, ha="right", va="top", color=INK, weight="bold", gid=NAME,
            **_OVER_EDGES)  # fmt: skip
    contexts = points[points["factor"] == factor].drop_duplicates("context")
    flat = int((contexts["beta_closed_form"] == 0).sum())
    if 0 < flat < len(contexts):
        ax.annotate(f"{flat} of {len(contexts)} flat", (0.97, 0.96), xycoords="axes fraction",
                    xytext=(0, -1.3 * MEDIUM_PT), textcoords="offset points", ha="right", va="top", color=NEUTRAL,
                    fontsize=SMALL_PT, gid=NAME, **_OVER_EDGES)  # fmt: skip
    if curves.empty or curves["kl_nats"].max() <= 0:
        says = "no curve" if curves.empty else "all images equal: KL 0" if flat == len(contexts) else "KL 0"
        ax.text(0.5, 0.5, says, transform=ax.transAxes, ha="center", color=PALE, fontsize=SMALL_PT)
    ax.set_xlabel(r"$\beta$ (nats per nat)")
    ax.set_ylabel("KL (nats)")
    return ax


def make_room(figure: Figure, axes: Sequence[Axes]) -> None:
    """Raise the top of the KL axis, which all of `axes` share, where a curve would run through a name in a corner.

    Call when limits, sizes and layout are otherwise what they will be: the places of the names are those as drawn.
    """
    figure.draw_without_rendering()
    bottom, top = axes[0].get_ylim()
    for ax in axes:
        names = [text for text in ax.texts if text.get_gid() == NAME]
        if not names:
            continue
        box = Bbox.union([text.get_window_extent() for text in names])
        below = (box.y0 - ax.bbox.y0 - MARGIN_PT / 72 * figure.dpi) / ax.bbox.height
        beta_from = ax.transData.inverted().transform((box.x0 - MARGIN_PT / 72 * figure.dpi, box.y0))[0]
        lines = [np.asarray(line.get_xydata()) for line in ax.lines]
        curves = np.concatenate([line for line in lines if len(line) > 2] or [np.zeros((0, 2))])
        highest = curves[curves[:, 0] >= beta_from, 1].max(initial=bottom)
        if below > LEAST_LEFT:
            top = max(top, bottom * (highest / bottom) ** (1 / below))
    axes[0].set_ylim(top=top)


def _line_style(role: str, latent: str, method: str, direction: str, color: str) -> dict[str, Any]:
    """How a curve is drawn, as keywords of `Axes.plot`."""
    exact, typical, total = method == "exact", role == TYPICAL, latent == "total"
    branch = exact and direction in ("cool", "heat")
    return {
        "color": INK if exact else color,
        "linestyle": ":" if branch or not total else (0, (3.5, 1.2)) if direction == "heat" else "-",
        "linewidth": (0.8 if branch else 1.3) if typical and total else 0.7 if typical else 0.4,
        "alpha": 1.0 if typical and total else 0.8 if typical else 0.15 if exact else 0.28,
        "zorder": (4 if exact else 5) if typical else 2,
    }


def _point_style(method: str, color: str) -> dict[str, Any]:
    exact = method == "exact"
    return {"markersize": 3.5 if exact else 5, "markerfacecolor": INK if exact else color, "markeredgecolor": "white",
            "markeredgewidth": 0.5}  # fmt: skip


Entry = Line2D | Patch | tuple[Line2D, ...]


def trace_legend(curves: pd.DataFrame, *, threshold_nats: float) -> dict[str, Entry]:
    """The legend of these curves: each line with the mark of its freezing point, grey where the factor has its colour.

    By what each entry says; of the other members the lines of all their kinds, side by side.

    Parameters
    ----------
    curves : what `curve_table` returned, of one factor or of several.
    """
    kinds = curves[["role", "latent", "method", "direction"]].drop_duplicates()
    typical = kinds[kinds["role"] == TYPICAL]
    totals = set(typical.loc[typical["latent"] == "total", ["method", "direction"]].itertuples(index=False, name=None))
    entries: dict[str, Entry] = {}
    for key, label in _LABELS.items():
        if key in totals and label not in entries:
            style = _line_style(TYPICAL, "total", *key, NEUTRAL)
            entries[label] = Line2D([], [], marker=_ARROWS[key[1]], **style, **_point_style(key[0], NEUTRAL))
    if (typical["latent"] != "total").any():
        entries["single latents"] = Line2D([], [], **_line_style(TYPICAL, "0", "train", "cool", NEUTRAL))
    others = kinds.loc[kinds["role"] != TYPICAL, ["method", "direction"]].drop_duplicates().to_numpy().tolist()
    styles = [_line_style("member", "total", method, direction, NEUTRAL) for method, direction in others]
    if styles:
        entries["the other members"] = tuple(Line2D([], [], **style | {"alpha": 0.6}) for style in styles)
    entries[f"{threshold_nats:g} nat"] = Line2D([], [], color=PALE, linestyle=":", linewidth=0.8)
    entries[r"edges $\beta_c$ to $\beta_u$"] = Patch(facecolor=BAND, alpha=0.6, linewidth=0.4)
    return entries


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
        ax.axvspan(edges.min(), edges.max(), color=BAND, alpha=0.6, linewidth=0.4, zorder=0)
    shown = set(zip(typical["method"], typical["direction"], strict=True))
    for _, row in rows[rows["status"] == FROZEN].iterrows():
        if (row["method"], row["direction"]) not in shown:
            continue
        exact = row["method"] == "exact"
        ax.plot(
            row["beta_ifp"], row["threshold_nats"], marker=_ARROWS[row["direction"]], linestyle="none",
            zorder=8 if exact else 7, **_point_style(row["method"], look.color),
        )  # fmt: skip
