"""Heat maps of NMI: cells with their numbers, noise without colour.

Shapes: R rows, C columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from ifp.analysis.figures.plot_layout import EDGE_IN, LINE_IN, axes_at
from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.style import BAND, INK, NEUTRAL, SMALL_PT, plain

RAMP = LinearSegmentedColormap.from_list(
    "ifp_blues",
    ["#E0F1FB", "#B4DBF8", "#87C2F0", "#63A6DE", "#458BC7", "#3270AB", "#29568A", "#233E66", "#1C2741"],
)
"""A ramp from pale to dark blue in equal steps of CIE lightness, so that a copy in grey has equal steps too."""
_WHITE_TEXT_FROM = 0.48

MISSING, LITTLE = "\N{EN DASH}", "<.01"
MOST_PAGE_IN = 9.0
"""Height of a page of text; figures of many rows give up their numbers before they pass it."""
NUMBER_IN = 0.195  # width of a cell that holds "0.00" in small letters
_MOST_CELL_IN, _LEAST_PANEL_IN, _GAP_IN, _BAR_IN = 0.5, 0.9, 0.1, 0.45


@dataclass(frozen=True)
class HeatmapGrid:
    """Where the panels of a page of heat maps go, all in inches.

    `upright` : whether the names of the columns stand upright. `numbers` : whether the cells hold their numbers; if
    not, a colour bar is needed. `names` : of the columns, shortened to fit.
    """

    width_in: float
    cell_in: float
    row_in: float
    side_by_side: bool
    numbers: bool
    upright: bool
    names: tuple[str, ...]
    labels_in: float
    rows: int
    panels: int
    left_in: float
    head_in: float
    notes_in: float

    @property
    def noise_note(self) -> str:
        """What a cell without colour says."""
        return f"{'grey numbers' if self.numbers else 'without colour'}: within noise"

    @property
    def panel_in(self) -> tuple[float, float]:
        """Width and height of one panel."""
        return self.cell_in * len(self.names), self.row_in * self.rows

    @property
    def height_in(self) -> float:
        """Height of the page."""
        down = 1 if self.side_by_side else self.panels
        bar = 0.0 if self.numbers else _BAR_IN
        return down * (self.head_in + self.panel_in[1]) + (down - 1) * _GAP_IN + self.labels_in + bar + self.notes_in

    def add_panels(self, figure: Figure) -> list[Axes]:
        """Empty axes for the panels, in order; the page has to be `width_in` x `height_in`."""
        wide, high = self.panel_in
        return [
            axes_at(
                figure,
                self.left_in + (number * (wide + _GAP_IN) if self.side_by_side else 0.0),
                self.head_in + (0.0 if self.side_by_side else number * (self.head_in + high + _GAP_IN)),
                wide,
                high,
            )
            for number in range(self.panels)
        ]


def row_height_in(rows: int) -> float:
    """Height of a row of cells."""
    return 0.155 if rows <= 24 else 0.115


def plan_grid(
    names: Sequence[str], rows: int, panels: int, *, width_in: float, left_in: float, right_in: float, head_in: float,
    notes_in: float = 0.0,
) -> HeatmapGrid:  # fmt: skip
    """Panels side by side where every cell can hold its number, else one below the other, else without numbers.

    Parameters
    ----------
    names : of the columns. rows, panels : how many. width_in : of the page.
    left_in, right_in, head_in, notes_in : kept free at the sides, above each panel, and at the foot.
    """
    free_in = width_in - left_in - right_in
    row_in = row_height_in(rows)

    def grid(side_by_side: bool, numbers: bool) -> HeatmapGrid:
        across = panels if side_by_side else 1
        cell_in = (free_in - (across - 1) * _GAP_IN) / (across * len(names))
        # a panel of few columns is no wider than it needs to be, but holds its name
        cell_in = min(cell_in, max(_MOST_CELL_IN, _LEAST_PANEL_IN / len(names)))
        upright = _crowded(names, cell_in)
        labels = tuple(shortened(name, 1.0, among=names) if upright else name for name in names)
        labels_in = 0.05 + (max(map(text_width_in, labels)) if upright else LINE_IN) + EDGE_IN
        whole_in = left_in + right_in + across * cell_in * len(names) + (across - 1) * _GAP_IN
        return HeatmapGrid(width_in, cell_in, row_in, side_by_side, numbers, upright, labels, labels_in, rows, panels,
                    left_in + (width_in - whole_in) / 2, head_in, notes_in)  # fmt: skip

    for choice in (grid(True, True), grid(False, True)):
        if choice.cell_in >= NUMBER_IN and choice.height_in <= MOST_PAGE_IN:
            return choice
    return grid(True, False)


def _crowded(names: Sequence[str], cell_in: float) -> bool:
    """Whether names side by side, one above each cell, would touch their neighbours or stand out far at the ends."""
    widths = [text_width_in(name) for name in names]
    touching = any((one + two) / 2 + 0.05 > cell_in for one, two in itertools.pairwise(widths))
    return touching or max(widths[0], widths[-1]) > cell_in + 0.1


def draw_heatmap(
    ax: Axes,
    value_RC: np.ndarray,
    shown_RC: np.ndarray,
    grid: HeatmapGrid,
    *,
    named: bool = True,
    blank_R: Sequence[bool] | None = None,
) -> Axes:
    """Fill `ax` with cells, row 0 on top, row r at y = r; colours from 0 to 1.

    Where `shown_RC` is False the cell stays white with its number in grey: it is noise, not data. NaN is a dash.
    `named` : whether the columns' names stand below. `blank_R` : rows without colour and numbers (collapsed latents).
    """
    if blank_R is not None:
        shown_RC = shown_RC & ~np.asarray(blank_R, dtype=bool)[:, None]
    rows, columns = value_RC.shape
    colored_RC = np.ma.masked_where(~(shown_RC & np.isfinite(value_RC)), value_RC)
    # cells as shapes: viewers blur a small picture that they enlarge
    ax.pcolormesh(np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, colored_RC, cmap=RAMP, vmin=0, vmax=1,
                  edgecolors="white", linewidth=0.5)  # fmt: skip
    for (row, column), value in np.ndenumerate(value_RC):
        if (not grid.numbers and np.isfinite(value)) or (blank_R is not None and blank_R[row]):
            continue
        color = NEUTRAL if not shown_RC[row, column] else "white" if value >= _WHITE_TEXT_FROM else INK
        text = f"{value:.2f}" if np.isfinite(value) else MISSING
        # what is more than noise is not 0.00
        text = LITTLE if text == "0.00" and shown_RC[row, column] else text
        ax.text(column, row, text, ha="center", va="center_baseline", fontsize=SMALL_PT, color=color)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(BAND)
    ax.tick_params(length=0, pad=2.5)
    ax.set_xticks(range(columns), [plain(name) for name in grid.names] if named else [""] * columns,
                  rotation=90 if grid.upright else 0)  # fmt: skip
    return ax


def color_bar(figure: Figure, grid: HeatmapGrid, label: str = "NMI") -> None:
    """A bar of the colours, 0 to 1, below the columns' names; nothing where the cells hold their numbers."""
    if grid.numbers:
        return
    wide = min(1.5, grid.width_in - grid.left_in - EDGE_IN)
    top = grid.height_in - grid.notes_in - _BAR_IN + 0.06
    bar = axes_at(figure, grid.left_in, top, wide, 0.08)
    figure.colorbar(ScalarMappable(Normalize(0, 1), RAMP), cax=bar, orientation="horizontal", ticks=[0, 0.5, 1])
    bar.xaxis.set_major_formatter("{x:g}")
    bar.set_xlabel(label, fontsize=SMALL_PT, labelpad=1)
    bar.tick_params(length=2, pad=1.5)
    bar.spines[:].set_linewidth(0.4)
