"""The figure of `ifp directions`: what a decoder draws along each direction found, and along a random one.

Shapes: K directions, T values, C H W of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.directions.result import Drawn
from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.plot_page import axes_or_new, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, INK, NEUTRAL, SMALL_PT, figure_width
from ifp.analysis.tables import Column, read_csv
from ifp.datasets.own_arrays import FLOAT, Declared, read_own_arrays
from ifp.errors import IfpError

_GAP = 0.06
"""Between images, in image widths; before the random direction three times as much."""


_TRAVERSALS = {
    "found": Declared(FLOAT, "NTCHW", finite=True),
    "random": Declared(FLOAT, "RTCHW", finite=True),
    "values": Declared(FLOAT, "T", finite=True),
}
"""The arrays of traversals.npz."""
DIRECTIONS: dict[str, Column] = {"kind": "text", "number": "whole", "minmax": "number"}
"""The columns of directions.csv that are drawn."""


def draw_directions(
    folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS, out: Path | None = None
) -> list[Path]:
    """Draw `ifp_directions` from a folder of `ifp directions`; returns the paths written.

    Raises
    ------
    IfpError : no such folder, an unknown width or format.
    """
    advice = "run the same `ifp directions` command again"
    table = read_csv(folder / "directions.csv", advice, DIRECTIONS)
    held = read_own_arrays(folder / "traversals.npz", _TRAVERSALS, advice)
    drawn = Drawn({kind: held[kind] for kind in ("found", "random")}, held["values"])
    shape, kinds = drawn.images["found"].shape, table["kind"].tolist()
    if not shape[0] or kinds.count("found") != shape[0] or "random" not in kinds or 0 in held["random"].shape:
        raise IfpError(f"{folder / 'traversals.npz'} does not hold the directions of directions.csv; {advice}.")
    if shape[2] not in (1, 3) or 0 in shape:
        raise IfpError(
            f"The images in {folder / 'traversals.npz'} must have 1 or 3 channels, got {shape[2]}; {advice}."
        )
    inches = figure_width(width)
    rows, (_, height, columns) = len(drawn.images["found"]) + 1, drawn.images["found"].shape[2:]
    one = 0.76 * inches / len(drawn.values_T) * height / columns
    with paper_style():
        figure = new_figure(inches, max(rows * one * (1 + _GAP) + 0.47, 1.0))
        plot_directions(drawn, table, ax=figure.subplots())
    return save_figure(
        figure, (out or folder / "figures") / "ifp_directions", table, formats=formats,
        caption=caption("ifp_directions"),
    )  # fmt: skip


def plot_directions(drawn: Drawn, table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """A row of images per direction, labelled by its MinMax; the last row is a random direction.

    Parameters
    ----------
    table : see `DirectionsResult.table`. ax : where to draw; a new figure if None.
    """
    ax = axes_or_new(ax, 5.5, 3.5)
    images = np.concatenate([drawn.images["found"], drawn.images["random"][:1]])
    rows, values, _, height, width = images.shape
    gap = max(1, round(_GAP * width))
    tops = np.arange(rows) * (height + gap)
    tops[-1] += 2 * gap
    page = np.ones((tops[-1] + height, values * (width + gap) - gap, 3))
    for row, top in enumerate(tops):
        for column in range(values):
            left = column * (width + gap)
            page[top : top + height, left : left + width] = np.moveaxis(images[row, column], 0, -1)
    ax.imshow(page, interpolation="none", aspect="equal", extent=(0, page.shape[1], page.shape[0], 0))
    shown = pd.concat([table[table["kind"] == "found"], table[table["kind"] == "random"].head(1)])
    labels = [
        f"{'random' if kind == 'random' else number + 1}   {minmax:.2f}"
        for kind, number, minmax in zip(shown["kind"], shown["number"], shown["minmax"], strict=True)
    ]
    ax.set_yticks(tops + height / 2, labels, fontsize=SMALL_PT)
    ax.set_xticks(
        np.arange(values) * (width + gap) + width / 2,
        [f"{value + 0.0:.2g}".replace("-", "\N{MINUS SIGN}") for value in drawn.values_T],
        fontsize=SMALL_PT,
    )
    ax.set_xlabel("place along the direction (standard deviations)")
    ax.text(-0.012, 1.02, "direction  MinMax", transform=ax.transAxes, ha="right", fontsize=SMALL_PT, color=NEUTRAL)
    ax.tick_params(length=0, pad=2, labelcolor=INK)
    ax.spines[:].set_visible(False)
    return ax
