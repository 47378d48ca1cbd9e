"""Legends of the figures of a run: they name what is drawn, as it is drawn, and leave no cell blank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.offsetbox import DrawingArea

from ifp.analysis import freezing_points, read_run
from ifp.analysis.figures.plot_legend import POINT
from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.figures.style import factor_looks
from ifp.analysis.freezing.curve_table import curve_table
from ifp.analysis.freezing.plot_trace import trace_legend
from ifp.analysis.plots import plot_trace

from .drawn import DISTRIBUTIONS, figure_of


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
@pytest.mark.parametrize(
    ("methods", "contexts"), [(("closed-form",), 12), (("exact",), 2), (("train",), 12), (("exact", "train"), 12)]
)
def test_the_legend_names_what_is_drawn(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, kind: str, methods: tuple[str, ...], contexts: int
) -> None:
    """The entries are the marks that are there, and each entry is drawn with the shapes of its mark."""
    trace = synthetic.sprites_like_trace(
        rng, contexts=contexts, methods=methods, factors=("posX", "shape"), censored=False
    )
    run = read_run(synthetic.write_run(tmp_path / "run", trace))
    with paper_style():
        figure = figure_of(run, kind, width_in=3.25)
        figure.draw_without_rendering()
    (legend,) = figure.legends
    entries = {text.get_text(): box for text, box in zip(legend.get_texts(), legend_boxes(legend), strict=True)}
    trained_only, rows = methods == ("train",), kind in ("hist", "ridge")
    one = "one network" if trained_only else "one context, exact" if "exact" in methods else "one context"
    assert f"{one}, {'first-order' if 'exact' in methods else 'likely first-order'}" in entries
    if not trained_only:
        which = "exact median" if "exact" in methods else "median"
        assert (f"{which}, 95 % interval" in entries) == (contexts == 12)
        assert (f"{which}; too few for an interval" in entries) == (contexts == 2)
    if "train" in methods and (trained_only or not rows):
        arrows = entries["cooling and heating medians"]
        assert [artist.get_marker() for artist in arrows] == ["None", "<", ">"]
    for text, box in entries.items():
        if "median, 95" in text:
            bar, tick = box
            assert np.ptp(bar.get_xdata()) > 0
            assert np.ptp(bar.get_ydata()) == 0
            assert np.ptp(tick.get_xdata()) == 0
            assert np.ptp(tick.get_ydata()) > 0
    page = figure.bbox.padded(1)
    frame = legend.get_window_extent()
    assert page.contains(frame.x0, frame.y0)
    assert page.contains(frame.x1, frame.y1)


def legend_boxes(legend: Legend) -> list[list[Line2D]]:
    """The artists of each entry, in order."""
    found = legend.findobj(DrawingArea)
    areas = [area for area in found if isinstance(area, DrawingArea) and area.get_children()]
    return [area.get_children() for area in areas]


@pytest.mark.parametrize("factors", [("posX",), ("posX", "shape"), ("posX", "shape", "scale", "posY")])
def test_the_legend_shows_the_markers_of_the_factors(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, factors: tuple[str, ...]
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=4, methods=("closed-form",), factors=factors)
    trace = replace(trace, beta_upper_M=trace.beta_closed_form_M)  # all of them continuous
    run = read_run(synthetic.write_run(tmp_path / "run", trace))
    with paper_style():
        figure = figure_of(run, "strip", width_in=3.25)
        figure.draw_without_rendering()
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    shown = [artist.get_marker() for artist in legend_boxes(legend)[texts.index("one context")]]
    drawn = [line.get_marker() for line in figure.axes[0].get_lines() if line.get_gid() == POINT]
    assert shown == drawn[:3]
    assert len(set(drawn)) == len(factors)


@pytest.mark.parametrize(("factors", "width_in"), [(2, 3.25), (3, 3.25), (4, 3.25), (3, 6.5), (4, 6.5)])
def test_curves_and_their_legend_leave_no_cell_blank(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, factors: int, width_in: float
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=3, factors=synthetic.FACTORS[:factors])
    run = read_run(synthetic.write_run(tmp_path / "run", trace))
    with paper_style():
        figure = figure_of(run, "trace", width_in=width_in)
        figure.draw_without_rendering()
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    cells = [ax.get_subplotspec() for ax in figure.axes]
    assert sum(len(cell.rowspan) * len(cell.colspan) for cell in cells) == grid.nrows * grid.ncols
    legend = figure.axes[-1].get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    others = legend.legend_handles[texts.index("the other members")]
    assert others is not None
    page, frame = figure.bbox.padded(1), legend.get_window_extent()
    assert page.contains(frame.x0, frame.y0)
    assert page.contains(frame.x1, frame.y1)


def test_the_legend_of_curves_shows_the_lines_of_all_other_members(
    synthetic: ModuleType, rng: np.random.Generator
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=3, factors=("posX",))
    curves = curve_table(trace, freezing_points(trace), factor="posX")
    others = trace_legend(curves, threshold_nats=0.1)["the other members"]
    assert isinstance(others, tuple)
    ax = plot_trace(trace, freezing_points(trace), factor="posX", ax=Figure().add_subplot())
    drawn = {line._unscaled_dash_pattern for line in ax.get_lines() if line.get_zorder() == 2}
    assert {line._unscaled_dash_pattern for line in others} == drawn
    assert len(drawn) == 2  # whole and dashed


def test_looks_differ_in_grey() -> None:
    looks = factor_looks([f"factor {n}" for n in range(8)]).values()
    for aspect in ("color", "marker", "linestyle", "hatch"):
        assert len({getattr(look, aspect) for look in looks}) == 8
    assert not {"<", ">"} & {look.marker for look in looks}
