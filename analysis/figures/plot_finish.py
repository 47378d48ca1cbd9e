"""The last touch on a page before it is saved: what the user chose for its title, its legend and its height."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend

from ifp.analysis.figures.page_choices import HEIGHT_SHARES, page_choices
from ifp.analysis.figures.plot_layout import add_title
from ifp.errors import IfpError


def finish_page(figure: Figure, name: str) -> None:
    """Apply the choices that hold now to a finished page; call within `paper_style`.

    Parameters
    ----------
    name : of the figure, for messages.

    Raises
    ------
    IfpError : a height with which the marks of the page would run into each other.
    """
    choices = page_choices()
    if not choices.legend:
        remove_legends(figure)
    if choices.title:
        add_title(figure, choices.title)
    if choices.height_in is None:
        return
    width_in, needed_in = figure.get_size_inches()
    low, high = (share * needed_in for share in HEIGHT_SHARES)
    if not low <= choices.height_in <= high:
        raise IfpError(
            f"height must be from {low:.1f} to {high:.1f} inches for {name}, which needs {needed_in:.1f} at this "
            f"width, got {choices.height_in:g}."
        )
    figure.set_size_inches(width_in, choices.height_in)


def remove_legends(figure: Figure) -> int:
    """Take the legends off a page, which becomes lower by those that stood outside its axes; how many there were."""
    outside = list(figure.legends)
    inside = [(ax, ax.get_legend()) for ax in figure.axes if ax.get_legend() is not None]
    lower_in = sum(_height_in(legend, figure) for legend in outside)
    for legend in outside:
        legend.remove()
    for ax, held in inside:
        assert held is not None
        held.remove()
        if not ax.axison:  # axes that held nothing but the legend
            lower_in += _row_in(ax, figure)
            ax.remove()
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine) and lower_in:
        width_in, height_in = figure.get_size_inches()
        figure.set_size_inches(width_in, height_in - lower_in)
    return len(outside) + len(inside)


def _height_in(legend: Legend, figure: Figure) -> float:
    """How much lower a page can be without this legend, in inches."""
    height: float = legend.get_window_extent(figure.canvas.get_renderer()).height / figure.dpi  # type: ignore[attr-defined]
    return height


def _row_in(ax: Axes, figure: Figure) -> float:
    """The height of the row of a grid in which axes of a legend stood alone, in inches; 0 where panels stand beside."""
    place = ax.get_subplotspec()
    if place is None:
        return 0.0
    grid = place.get_gridspec()
    beside = [other for other in figure.axes if other is not ax and (of := other.get_subplotspec()) is not None
              and of.get_gridspec() is grid and of.rowspan.start == place.rowspan.start]  # fmt: skip
    if beside:
        return 0.0
    height_R = np.asarray(grid.get_height_ratios(), dtype=float)
    return float(height_R[place.rowspan.start] / height_R.sum() * figure.get_figheight())
