"""The drawn map of fragments: what stands where, read back from the axes."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.channels.fragment_heights import heights_of
from ifp.analysis.channels.fragment_tables import FRAGMENT_COLUMNS, LINK_COLUMNS, Level
from ifp.analysis.channels.fragments import FragmentMap
from ifp.analysis.channels.plot_fragments import draw_fragment_map, plot_fragment_map
from ifp.analysis.figures.plot_page import new_figure, paper_style
from ifp.analysis.figures.style import factor_looks
from ifp.errors import IfpError

FACTORS = ("a", "b", "c")


def fragments(
    betas: tuple[float, ...], nodes: list[tuple[float, str, str]], links: list[tuple[int, int]]
) -> FragmentMap:
    """A map of nodes (beta, factors, origin), numbered from 1, and links between two numbers; NMI 0.5, 4 of 8 runs."""
    table = pd.DataFrame(
        [
            {"fragment": number, "beta": beta, "runs": 4, "of_runs": 8, "factors": factors, "origin": origin,
             "factor": factors.split(" + ")[0]}
            for number, (beta, factors, origin) in enumerate(nodes, 1)
        ],
        columns=list(FRAGMENT_COLUMNS),
    )  # fmt: skip
    rows = []
    for higher, lower in links:
        ends = [nodes[end - 1][0] for end in (higher, lower)]
        rows.append((higher, lower, *ends, 0.5, 1, 1, betas.index(ends[1]) - betas.index(ends[0]) - 1))
    levels = tuple(Level(beta, tuple(range(8)), 3) for beta in betas)
    hotspots = tuple(range(len(nodes)))  # of which the drawing asks only whether there are any
    return FragmentMap(levels, hotspots, table, pd.DataFrame(rows, columns=list(LINK_COLUMNS)), FACTORS, 0.25)  # type: ignore[arg-type]


SPLIT_AND_MERGE = fragments(
    (100.0, 50.0, 20.0, 10.0),
    [(50, "a + b", "appears"), (20, "a", "split"), (20, "b", "split"), (20, "", "appears"), (10, "a + b", "merged"),
     (10, "", "continues")],
    [(1, 2), (1, 3), (2, 5), (3, 5), (4, 6)],
)  # fmt: skip


def test_fragments_of_a_level_keep_apart_and_links_run_straight() -> None:
    height = heights_of(SPLIT_AND_MERGE)
    assert height.min() == 0
    assert height[1] != height[2]
    assert height[0] == pytest.approx((height[1] + height[2]) / 2)  # a split opens to both sides
    assert height[4] == pytest.approx(height[0])
    assert height[5] == pytest.approx(height[3])
    for at in ([1, 2, 3], [4, 5]):
        assert (np.diff(np.sort(height[at])) >= 1 - 1e-9).all()


def test_links_cross_no_more_than_they_must() -> None:
    """Two chains that the order of the factors would cross, and one that comes to lie between."""
    found = fragments((4.0, 2.0), [(4, "a", ""), (4, "b", ""), (2, "a", ""), (2, "b", "")], [(1, 4), (2, 3)])
    height = heights_of(found)
    assert (height[0] - height[1]) * (height[3] - height[2]) > 0


def test_the_map_shows_betas_factors_and_links() -> None:
    with paper_style():
        figure = new_figure(3.25, 2.5)
        ax = plot_fragment_map(SPLIT_AND_MERGE, ax=figure.subplots())
        figure.canvas.draw()
        low, high = ax.get_xlim()
        assert low > 100
        assert high < 10
        assert [text.get_text() for text in ax.get_xticklabels()] == ["100", "50", "20", "10"]
        lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 1]
        assert sorted(tuple(line.get_xdata()) for line in lines) == sorted([(50, 20)] * 2 + [(20, 10)] * 3)
        looks = factor_looks(FACTORS)
        halves = [line for line in ax.lines if line.get_fillstyle() == "left"]
        assert [tuple(line.get_xdata()) for line in halves] == [(50,), (10,)]
        assert {line.get_color() for line in halves} == {looks["a"].color}
        assert {line.get_markerfacecoloralt() for line in halves} == {looks["b"].color}
        assert sum(line.get_markeredgewidth() > 0 and len(line.get_xdata()) == 1 for line in ax.lines) == 2  # appear
        assert [text.get_text() for text in ax.texts] == list("123456")
        legend = ax.get_legend()
        assert legend is not None
        names = [text.get_text() for text in legend.get_texts()]
        assert names == ["a", "b", "no factor", "first appears", "half the models", "NMI 0.5", "NMI 1"]


def test_levels_too_close_for_their_betas_stand_at_even_distances(tmp_path: Path) -> None:
    betas = tuple(np.linspace(100, 81, 20).tolist())
    nodes = [(beta, "a", "continues") for beta in betas]
    found = fragments(betas, nodes, [(n, n + 1) for n in range(1, 20)])
    with paper_style():
        figure = new_figure(3.25, 1.5)
        ax = plot_fragment_map(found, ax=figure.subplots())
        figure.canvas.draw()
        assert ax.get_xscale() == "linear"
        assert "even" in ax.get_xlabel()
        boxes = [text.get_window_extent() for text in (*ax.get_xticklabels(), *ax.texts)]
    assert len(boxes) > 24
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


@pytest.mark.parametrize("width", ["icml", "tmlr"])
def test_no_texts_overlap_and_nothing_leaves_the_page(width: str, tmp_path: Path) -> None:
    paths = draw_fragment_map(SPLIT_AND_MERGE, tmp_path, width=width, formats=("png",))
    assert [path.name for path in paths] == ["fragments.png", "fragments.csv", "fragments.txt"]
    assert pd.read_csv(paths[1])["fragment"].tolist() == [1, 2, 3, 4, 5, 6]
    inches = 3.25 if width == "icml" else 6.5
    with paper_style():
        figure = new_figure(inches, 2.2)
        ax = plot_fragment_map(SPLIT_AND_MERGE, ax=figure.subplots())
        figure.canvas.draw()
        legend = ax.get_legend()
        assert legend is not None
        boxes = [
            text.get_window_extent() for text in (*ax.get_xticklabels(), *ax.texts, *legend.get_texts(), ax.xaxis.label)
        ]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1


def test_nothing_to_draw_is_said() -> None:
    empty = replace(SPLIT_AND_MERGE, hotspots=(), fragments=SPLIT_AND_MERGE.fragments.iloc[:0])
    with pytest.raises(IfpError, match="No level has a fragment"):
        plot_fragment_map(empty)
    assert heights_of(replace(empty, links=SPLIT_AND_MERGE.links.iloc[:0])).size == 0
