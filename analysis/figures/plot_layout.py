"""Pages laid out in inches: axes where they are wanted, texts that fit, latents in the order of their KL.

The figures of a diagnosis are grids of small cells. A cell has to hold a number of 7 points whatever the venue, so
their pages are built up from the cells, and the height of the page follows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine
from matplotlib.textpath import text_to_path
from matplotlib.transforms import ScaledTranslation, Transform, blended_transform_factory

from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.plot_page import new_figure
from ifp.analysis.figures.style import INK, MEDIUM_PT, NEUTRAL, PALE, SMALL_PT, plain
from ifp.errors import counted

EDGE_IN = 0.03
"""White at the edges of a page."""
LINE_IN = 0.125
"""Height of a line of small text."""
MOST_LATENTS = 64
"""Latents in one figure: with more, those of the smallest KL are left out, and the figure says how many."""
CONDITIONS_SHARE = 0.66
"""A line of conditions that takes more of the width is broken: it is centred on the axes, not on the page."""
STATUSES = ("active", "weak", "collapsed")


def new_page(width_in: float, height_in: float) -> Figure:
    """A figure of exactly this size whose axes stay where `axes_at` puts them; call within `paper_style`."""
    figure = new_figure(width_in, height_in)
    figure.set_layout_engine("none")
    return figure


def axes_at(figure: Figure, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
    """New axes; `top_in` is counted from the top of the page downward."""
    page_width, page_height = figure.get_size_inches()
    bottom = 1 - (top_in + height_in) / page_height
    return figure.add_axes((left_in / page_width, bottom, width_in / page_width, height_in / page_height))


def beside(ax: Axes, x_in: float = 0.0, y_in: float = 0.0, *, x: str = "axes", y: str = "axes") -> Transform:
    """Coordinates of `ax` ("axes": 0 to 1, or "data") in x and y, moved by inches."""
    base = blended_transform_factory(
        ax.transAxes if x == "axes" else ax.transData, ax.transAxes if y == "axes" else ax.transData
    )
    figure = ax.figure
    return base + ScaledTranslation(x_in, y_in, figure.dpi_scale_trans)


def formula_width_in(text: str, size_pt: float = SMALL_PT) -> float:
    """How wide a text with formulas between dollars comes out, in inches; call within `paper_style`."""
    width_pt: float = text_to_path.get_text_width_height_descent(text, FontProperties(size=size_pt), ismath=True)[0]
    return width_pt / 72


def on_lines(conditions: str, width_in: float) -> str:
    """The line of a run's conditions, broken before its likelihood where it is too wide for the label of an axis."""
    if text_width_in(conditions, MEDIUM_PT) <= CONDITIONS_SHARE * width_in:
        return conditions
    return "\n".join(conditions.rsplit(", ", 1))


def label_lines(label: str, width_in: float) -> list[str]:
    """The label of an axis on one line, or with its unit in brackets on a second, where it is too wide for the page."""
    if " (" not in label or formula_width_in(label, MEDIUM_PT) <= CONDITIONS_SHARE * width_in:
        return [label]
    what, _, unit = label.rpartition(" (")
    return [what, f"({unit}"]


def by_kl(latents: pd.DataFrame, *, most: int = MOST_LATENTS) -> tuple[pd.DataFrame, str]:
    """The `most` latents with the largest KL, largest first, and a note on those left out ("" if none).

    Without a KL (NaN) a latent comes last. `latents` : one row per latent, with latent, kl_nats and status.
    """
    ordered = latents.sort_values("kl_nats", ascending=False, kind="stable", na_position="last")
    if len(ordered) <= most:
        return ordered.reset_index(drop=True), ""
    left_out = ordered["kl_nats"].iloc[most:]
    note = f"not drawn: {counted(len(left_out), 'latent')} with KL up to {kl_text(float(left_out.max()))} nat"
    return ordered.head(most).reset_index(drop=True), note


def kl_text(kl_nats: float) -> str:
    """A KL for people: to a thousandth, because latents collapse below a hundredth.

    >>> [kl_text(kl) for kl in (12.3456, 0.0958, 0.0, float("nan"))]
    ['12.346', '0.096', '0.000', '–']
    """
    return "\N{EN DASH}" if math.isnan(kl_nats) else f"{kl_nats:.3f}"


def mark_statuses(ax: Axes, statuses: Sequence[str], row_in: float) -> None:
    """Brackets to the right of `ax` along the rows of weak and of collapsed latents, named; rows at y = 0, 1, ..."""
    along = beside(ax, 0.035, x="axes", y="data")
    for status in STATUSES[1:]:
        rows = [row for row, of in enumerate(statuses) if of == status]
        if not rows:
            continue
        first, last = rows[0] - 0.38, rows[-1] + 0.38
        ax.plot([1, 1], [first, last], color=PALE, linewidth=0.8, transform=along, clip_on=False)
        upright = len(rows) * row_in > text_width_in(status)
        ax.text(1, (first + last) / 2, status, transform=beside(ax, 0.07, x="axes", y="data"), fontsize=SMALL_PT,
                color=NEUTRAL, rotation=90 if upright else 0, ha="left", va="center")  # fmt: skip


def statuses_width_in(statuses: Sequence[str], row_in: float) -> float:
    """What `mark_statuses` needs to the right of the axes."""
    widths = [0.0]
    for status in STATUSES[1:]:
        rows = list(statuses).count(status)
        if rows:
            wide = text_width_in(status)
            widths.append(0.07 + (0.11 if rows * row_in > wide else wide))
    return max(widths)


def write_notes(figure: Figure, notes: Sequence[str], left_in: float = EDGE_IN) -> None:
    """Lines of small text at the foot of the page."""
    width_in, height_in = figure.get_size_inches()
    for number, note in enumerate(reversed(list(notes))):
        figure.text(left_in / width_in, (EDGE_IN + number * LINE_IN) / height_in, note, fontsize=SMALL_PT,
                    color=NEUTRAL, ha="left", va="bottom")  # fmt: skip


def panel_name(ax: Axes, name: str, short: str, *, width_in: float) -> None:
    """The name of a panel, or its short name where it is wider than the panel, centred above it."""
    name = name if text_width_in(name, MEDIUM_PT) <= width_in else short
    ax.text(0.5, 1, name, transform=beside(ax, 0, 0.045), fontsize=MEDIUM_PT, ha="center", va="bottom")


def add_heading(figure: Figure, text: str) -> None:
    """A line of small grey text at the left, above all that a finished page shows."""
    height_in = _add_room_above(figure, LINE_IN + 0.02)
    width_in = figure.get_figwidth()
    figure.text(EDGE_IN / width_in, 1 - EDGE_IN / height_in, plain(shortened(text, width_in - 2 * EDGE_IN)),
                fontsize=SMALL_PT, color=NEUTRAL, ha="left", va="top")  # fmt: skip


def add_title(figure: Figure, text: str) -> None:
    """A title in the middle, above all that a finished page shows."""
    height_in = _add_room_above(figure, 1.4 * MEDIUM_PT / 72 + EDGE_IN)
    shown = plain(shortened(text, figure.get_figwidth() - 2 * EDGE_IN, MEDIUM_PT))
    figure.text(0.5, 1 - EDGE_IN / height_in, shown, fontsize=MEDIUM_PT, color=INK, ha="center", va="top")


def _add_room_above(figure: Figure, room_in: float) -> float:
    """Let a page grow at its top, while what it shows does not move; returns its height in inches."""
    width_in, before_in = figure.get_size_inches()
    # a whole number of pixels, so that a page laid out in pixels stays one
    height_in: float = before_in + math.ceil(room_in * figure.dpi) / figure.dpi
    kept = before_in / height_in
    engine = figure.get_layout_engine()
    if engine is None or isinstance(engine, PlaceHolderLayoutEngine):
        for ax in figure.axes:
            box = ax.get_position(original=True)
            ax.set_position((box.x0, box.y0 * kept, box.width, box.height * kept))
    elif isinstance(engine, ConstrainedLayoutEngine):
        left, bottom, width, height = engine.get()["rect"]
        engine.set(rect=(left, bottom * kept, width, height * kept))
    for shown in figure.texts:
        shown.set_y(shown.get_position()[1] * kept)
    figure.set_size_inches(width_in, height_in)
    return height_in
