"""The structure figure of an ensemble: its channels in the order of their clustering, and what each hotspot is.

After Murphy, Dillavou and Bassett (TMLR 2025): on top the reachability profile of OPTICS with the hotspots as grey
spans; below it the matrix of all channels; left their NMI with each factor; right, or below on a narrow page, a
traversal of each hotspot's representative. Ours: at the foot the freezing points of each hotspot's channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.plot_hotspot_freezing import plot_hotspot_freezing, told_channels
from ifp.analysis.channels.plot_representatives import checked_traversals, draw_below, draw_beside
from ifp.analysis.channels.plot_structure_page import MOST_ROWS, ROW_IN, Page, plan_page
from ifp.analysis.channels.plot_structure_panels import draw_factors, draw_legend, draw_matrix, draw_profile
from ifp.analysis.channels.structure import structure_of, structure_table
from ifp.analysis.diffusion.plot_series import ordinal
from ifp.analysis.diffusion.plot_traversals import PixelFigure
from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.plot_layout import EDGE_IN, axes_at, write_notes
from ifp.analysis.figures.plot_names import text_width_in
from ifp.analysis.figures.plot_page import paper_style, save_figure
from ifp.analysis.figures.style import BETA, FORMATS, NEUTRAL, SMALL_PT, factor_looks, figure_width


def plot_structure(
    hotspots: Hotspots,
    *,
    traversals: Mapping[int, np.ndarray] | None = None,
    freezing: pd.DataFrame | None = None,
    medians: pd.DataFrame | None = None,
    pressure: str = BETA,
    width: str | float = "icml",
) -> Figure:
    """Draw the figure in our style, at exactly this width; its height follows from what there is to show.

    At most 16 hotspots, those of the most models, have a traversal and a lane; the foot of the page says how many more
    there are, and which values of a traversal are drawn where not all fit.

    Parameters
    ----------
    traversals : by the number of a hotspot, the images [K, C, H, W] in [0, 1] that its representative draws; of any
        of the hotspots. freezing : what `channel_freezing` returned. medians : what `hotspot_freezing` returned.
    pressure : what beta is called. width : a venue or inches; see `figure_width`.

    Raises
    ------
    IfpError : an unknown width, or traversals of another shape, of no hotspot, or not finite.
    """
    width_in = figure_width(width)
    structure, chosen = structure_of(hotspots), _chosen(hotspots)
    images = checked_traversals(traversals or {}, [hotspot.number for hotspot in hotspots.hotspots])
    images = {number: of_it for number, of_it in images.items() if number in chosen}
    told = _told(hotspots, freezing, chosen)
    left_out = len(hotspots.hotspots) - len(chosen)
    notes = [f"{left_out} more hotspots are shown by their names alone"] * bool(left_out)
    shape = next(iter(images.values())).shape if images else None
    with paper_style():
        page = plan_page(structure, width_in=width_in, images=shape and (shape[0], *shape[2:]), rows=len(images),
                         lanes=len(told), notes=len(notes))  # fmt: skip
        figure = PixelFigure(figsize=page.size_in, dpi=page.dpi)
        figure.set_layout_engine("none")
        FigureCanvasAgg(figure)
        matrix = draw_matrix(figure, page, structure)
        draw_profile(figure, page, structure)
        draw_factors(figure, page, structure)
        draw_legend(figure, page, structure)
        names = dict(zip((hotspot.number for hotspot in hotspots.hotspots), page.names, strict=True))
        if page.images and shape:
            drawn = [
                (hotspot, names[hotspot.number], images[hotspot.number])
                for hotspot in hotspots.hotspots
                if hotspot.number in images
            ]
            if page.images.beside:
                draw_beside(figure, page, page.images, drawn, matrix=matrix)
            else:
                draw_below(figure, page, page.images, drawn)
            if page.images.every > 1:
                notes.insert(0, f"every {ordinal(page.images.every)} value of {shape[0]}")
        if told:
            _draw_lanes(figure, page, hotspots, told, names, medians, pressure)
        write_notes(figure, notes)
    return figure


def draw_structure(
    hotspots: Hotspots,
    folder: Path,
    *,
    traversals: Mapping[int, np.ndarray] | None = None,
    freezing: pd.DataFrame | None = None,
    medians: pd.DataFrame | None = None,
    pressure: str = BETA,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    of: str = "",
) -> list[Path]:
    """Save `plot_structure` as `folder`/structure in each format and `structure_table` as csv; returns the paths."""
    figure = plot_structure(
        hotspots, traversals=traversals, freezing=freezing, medians=medians, pressure=pressure, width=width
    )
    return save_figure(
        figure, folder / "structure", structure_table(hotspots), formats=formats, caption=caption("structure", of=of)
    )


def _chosen(hotspots: Hotspots) -> set[int]:
    """The numbers of the MOST_ROWS hotspots that the most models have."""
    ordered = sorted(hotspots.hotspots, key=lambda hotspot: (-len(hotspot.models), hotspot.number))
    return {hotspot.number for hotspot in ordered[:MOST_ROWS]}


def _told(hotspots: Hotspots, freezing: pd.DataFrame | None, chosen: set[int]) -> dict[int, pd.DataFrame]:
    """The freezing points of each chosen hotspot of which there are any."""
    if freezing is None or freezing.empty:
        return {}
    told = {
        hotspot.number: told_channels(freezing, hotspot.channels)
        for hotspot in hotspots.hotspots
        if hotspot.number in chosen
    }
    return {number: rows for number, rows in told.items() if len(rows)}


def _draw_lanes(
    figure: Figure,
    page: Page,
    hotspots: Hotspots,
    told: Mapping[int, pd.DataFrame],
    names: Mapping[int, str],
    medians: pd.DataFrame | None,
    pressure: str,
) -> None:
    looks = factor_looks(hotspots.factors)
    shown = [hotspot for hotspot in hotspots.hotspots if hotspot.number in told]
    rows = {} if medians is None else {int(row["hotspot"]): row for _, row in medians.iterrows()}
    left_in = EDGE_IN + max(text_width_in(names[hotspot.number]) for hotspot in shown) + 0.1
    right_in = EDGE_IN + 0.05 + max(map(text_width_in, ("frozen", "88/88")))
    figure.text(EDGE_IN / page.width_in, 1 - (page.lanes_top_in - 0.03) / page.size_in[1], "freezing points",
                fontsize=SMALL_PT, color=NEUTRAL)  # fmt: skip
    ax = axes_at(figure, left_in, page.lanes_top_in, page.width_in - left_in - right_in, len(shown) * ROW_IN)
    plot_hotspot_freezing(
        [(names[hotspot.number], looks.get(hotspot.factor), told[hotspot.number]) for hotspot in shown],
        [rows.get(hotspot.number) for hotspot in shown],
        pressure=pressure,
        ax=ax,
    )
