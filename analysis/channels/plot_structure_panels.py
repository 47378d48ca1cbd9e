"""The panels of the structure figure: reachability profile, ordered matrix, NMI with each factor, legend.

Shapes: P channels in the order of their clustering.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ifp.analysis.channels.plot_structure_page import PROFILE_IN, Page
from ifp.analysis.channels.structure import Structure, middle
from ifp.analysis.figures.plot_layout import EDGE_IN, LINE_IN, axes_at, beside
from ifp.analysis.figures.plot_names import text_width_in
from ifp.analysis.figures.style import BAND, INK, NEUTRAL, SMALL_PT, FactorLook, factor_looks, plain

COLORS = "magma_r"
"""Colours of the matrix: 0 pale, 1 black, in even steps of lightness."""
_LEAST_PIXELS = 1200
_MOST_STYLED = 60
"""With more channels the steps of a line are shorter than its dashes."""
_SPAN: dict[str, Any] = {"facecolor": "#DADADA", "edgecolor": "white", "linewidth": 0.8}


def draw_profile(figure: Figure, page: Page, structure: Structure) -> Axes:
    """The reachability of each place above the matrix, hotspots as grey spans with their names on top."""
    ax = axes_at(figure, page.left_in, page.profile_top_in, page.matrix_in, PROFILE_IN)
    reach_P = structure.hotspots.reachability_L
    most = max(reach_P[np.isfinite(reach_P)].max(initial=0.0), 1e-9)
    edges = np.arange(len(reach_P) + 1) - 0.5
    drawn_P = np.where(np.isfinite(reach_P), reach_P, 2 * most)
    ax.stairs(drawn_P, edges, fill=True, color=INK, linewidth=0, zorder=2)
    for hotspot in structure.hotspots.hotspots:
        ax.axvspan(hotspot.span[0] - 0.5, hotspot.span[1] - 0.5, zorder=1, **_SPAN)
    _name_spans(ax, page, structure)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1.06 * most)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    marked = [float(tick) for tick in MaxNLocator(2, steps=[1, 2, 2.5, 5, 10]).tick_values(0, most) if tick <= most]
    ax.set_yticks(marked, [f"{tick:g}" for tick in marked])
    ax.get_yticklabels()[0].set_verticalalignment("bottom")  # clear of the panel below
    ax.tick_params(axis="y", pad=1.5)
    ax.set_ylabel(f"reachability\n{structure.reachability_name}", fontsize=SMALL_PT, linespacing=0.9)
    return ax


def _name_spans(ax: Axes, page: Page, structure: Structure) -> None:
    """The hotspots' names above their spans; a line leads down from one that stands higher, behind those it meets."""
    for hotspot, level in zip(structure.hotspots.hotspots, page.levels, strict=True):
        at, up_in = middle(hotspot), 0.025 + level * LINE_IN
        if level:
            ax.plot([at, at], [1, 1 + (up_in - 0.03) / PROFILE_IN], color=NEUTRAL, linewidth=0.4, clip_on=False,
                    zorder=1, transform=beside(ax, 0, 0.02, x="data"))  # fmt: skip
        ax.text(at, 1, hotspot.name, transform=beside(ax, 0, up_in, x="data"), fontsize=SMALL_PT, ha="center",
                va="bottom", zorder=3, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.2})  # fmt: skip


def draw_matrix(figure: Figure, page: Page, structure: Structure) -> Axes:
    """How near each two channels are, place 0 top left, and below it the bar of its colours."""
    ax = axes_at(figure, page.left_in, page.matrix_top_in, page.matrix_in, page.matrix_in)
    count = len(structure)
    # viewers blur a small picture that they enlarge
    times = math.ceil(_LEAST_PIXELS / count)
    ax.imshow(structure.closeness_PP.repeat(times, axis=0).repeat(times, axis=1), cmap=COLORS, vmin=0, vmax=1,
              interpolation="none", aspect="auto", extent=(-0.5, count - 0.5, count - 0.5, -0.5))  # fmt: skip
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(BAND)
    _color_bar(figure, page, structure)
    return ax


def _color_bar(figure: Figure, page: Page, structure: Structure) -> None:
    bar_in = min(1.0, 0.4 * page.matrix_in)
    bar = axes_at(figure, page.left_in + 0.03, page.matrix_top_in + page.matrix_in + 0.06, bar_in, 0.08)
    figure.colorbar(ScalarMappable(Normalize(0, 1), COLORS), cax=bar, orientation="horizontal", ticks=[0, 1])
    bar.xaxis.set_major_formatter("{x:g}")
    bar.tick_params(length=0, pad=1.5)
    bar.spines[:].set_linewidth(0.4)
    bar.text(1, 0.5, structure.closeness_name, transform=beside(bar, 0.06), fontsize=SMALL_PT, va="center_baseline")
    counted = f"{len(structure)} channels of {structure.hotspots.num_models} models"
    room_in = page.matrix_in - bar_in - 0.17 - text_width_in(structure.closeness_name)
    for text in (counted, counted.split(" of ")[0]):
        if text_width_in(text) <= room_in:
            bar.text(0, 0.5, text, transform=beside(bar, page.matrix_in - 0.03), fontsize=SMALL_PT, color=NEUTRAL,
                     ha="right", va="center_baseline")  # fmt: skip
            break


def draw_factors(figure: Figure, page: Page, structure: Structure) -> Axes | None:
    """Left of the matrix the NMI of each channel with each factor, 0 at the matrix; None without factors."""
    if not structure.hotspots.factors:
        return None
    left_in = page.left_in - 0.05 - page.factors_in
    ax = axes_at(figure, left_in, page.matrix_top_in, page.factors_in, page.matrix_in)
    count = len(structure)
    for hotspot in structure.hotspots.hotspots:
        ax.axhspan(hotspot.span[0] - 0.5, hotspot.span[1] - 0.5, zorder=1, **_SPAN)
    for number, (name, look) in enumerate(factor_looks(structure.hotspots.factors).items()):
        nmi_P = structure.factor_nmi_PF[:, number]
        ax.plot(nmi_P.repeat(2), (np.arange(count + 1) - 0.5).repeat(2)[1:-1], color=look.color,
                linestyle=_line(look, count), linewidth=1.0 if count <= _MOST_STYLED else 0.8, zorder=2.5,
                label=plain(name), clip_on=False)  # fmt: skip
    ax.set_xlim(1.0, 0.0)
    ax.set_ylim(count - 0.5, -0.5)
    ax.set_yticks([])
    ax.set_xticks([1, 0.5, 0] if page.factors_in > 0.7 else [1, 0])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.tick_params(axis="x", pad=1.5)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("NMI", fontsize=SMALL_PT, labelpad=0 if page.factors_in > 0.7 else -5)
    return ax


def draw_legend(figure: Figure, page: Page, structure: Structure) -> None:
    """A line and a name for each factor."""
    if not page.legend:
        return
    lines = max(line for line, _ in page.legend) + 1
    ax = axes_at(figure, EDGE_IN, page.legend_top_in, page.width_in - 2 * EDGE_IN, lines * LINE_IN)
    ax.set_axis_off()
    ax.set_xlim(0, page.width_in - 2 * EDGE_IN)
    ax.set_ylim(lines, 0)
    for (name, look), (line, at) in zip(factor_looks(structure.hotspots.factors).items(), page.legend, strict=True):
        ax.plot(
            [at, at + 0.24], [line + 0.5] * 2, color=look.color, linestyle=_line(look, len(structure)), linewidth=1.2
        )
        ax.text(at + 0.29, line + 0.5, plain(name), fontsize=SMALL_PT, va="center_baseline")


def _line(look: FactorLook, count: int) -> str | tuple[int, tuple[float, ...]]:
    return look.linestyle if count <= _MOST_STYLED else "-"
