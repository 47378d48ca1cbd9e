"""Names and texts of the figures of a run: as written, in one order, on the page, and none over another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from ifp.analysis import draw_run, read_run, summarize
from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.figures.style import plain
from ifp.analysis.freezing.plot_run import KINDS
from ifp.errors import IfpError

from .drawn import figure_of


def test_one_order_in_all_figures_and_the_table(run_folder: Path, tmp_path: Path) -> None:
    run = read_run(run_folder)
    default = summarize(run.freezing_points())["factor"].unique().tolist()
    assert set(default[:2]) == {"posX", "posY"}
    draw_run(run_folder, kinds=["strip", "trace"], out=tmp_path, formats=["png"], order=["shape", "posY"])
    chosen = ["shape", "posY", *(name for name in default if name not in ("shape", "posY"))]
    for order, folder in ((default, run_folder / "figures"), (chosen, tmp_path)):
        for name in ("ifp_strip", "kl_trace"):
            assert pd.read_csv(folder / f"{name}.csv")["factor"].unique().tolist() == order
    assert summarize(run.freezing_points(), order=["shape", "posY"])["factor"].unique().tolist() == chosen
    with pytest.raises(IfpError, match="Unknown factor 'posx'"):
        draw_run(run_folder, order=["posx"])
    with pytest.raises(IfpError, match="names the factor 'posX' twice"):
        draw_run(run_folder, order=["posX", "posX"])


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_drawn_letter_by_letter(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, kind: str
) -> None:
    names = ["cost $$", r"$\alph$", "a_b^c", r"\frac", "_hidden"]
    trace = synthetic.sprites_like_trace(rng, contexts=3, methods=("exact",))
    renamed = dict(zip(synthetic.FACTORS, names, strict=True))
    trace = replace(trace, factor_M=np.array([renamed[name] for name in trace.factor_M]))
    about = {"name": "$_.npz", "image_shape": [64, 64], "factor_names": names}
    folder = synthetic.write_run(tmp_path / "run", trace, dataset=about)
    draw_run(folder, kinds=[kind], labels={names[0]: names[1], names[2]: "_[/]"}, formats=["pdf"])
    run = read_run(folder)
    with paper_style():
        figure = figure_of(run, kind, width_in=3.25)
    texts = [text.get_text() for text in visible_texts(figure)]
    for name in names:
        assert any(text.startswith(plain(name)) for text in texts), name


def test_labels_of_unknown_factors_are_refused(run_folder: Path) -> None:
    with pytest.raises(IfpError, match=r"Unknown factor 'posx'.*did you mean 'posX'"):
        draw_run(run_folder, labels={"posx": "x"})


def visible_texts(figure: Figure) -> list[Text]:
    """Labels, ticks within the axes, remarks and legends of a drawn figure."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        legend = ax.get_legend()
        texts += [*ax.texts, *(legend.get_texts() if legend else [])]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            texts += [axis.label, *(t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("kind", ["kde", "hist", "trace"])
def test_texts_neither_overlap_nor_leave_the_page_of_one_column(run_folder: Path, kind: str) -> None:
    run = read_run(run_folder)
    with paper_style():
        figure = figure_of(run, kind, width_in=3.25)
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(figure)]
    assert len(boxes) > 10
    page = figure.bbox.padded(1)
    for number, (name, box) in enumerate(boxes):
        assert page.contains(box.x0, box.y0), name
        assert page.contains(box.x1, box.y1), name
        # a line's box is a little taller than its letters
        overlapping = [other for other, at in boxes[number + 1 :] if box.shrunk(1, 0.8).overlaps(at.shrunk(1, 0.8))]
        assert overlapping == [], name


@pytest.mark.parametrize("kind", ["kde", "hist", "trace"])
def test_no_text_is_cut_on_a_page_of_2_inches(small_folder: Path, kind: str) -> None:
    run = read_run(small_folder)
    with paper_style():
        figure = figure_of(run, kind, width_in=2)
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        for text in visible_texts(figure):
            box = text.get_window_extent()
            assert page.contains(box.x0, box.y0), text.get_text()
            assert page.contains(box.x1, box.y1), text.get_text()


@pytest.mark.parametrize("kind", ["kde", "hist", "trace"])
def test_long_names_stay_on_the_page(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, kind: str
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=10)
    longer = {name: f"{name} of the object in the foreground, in pixels" for name in synthetic.FACTORS}
    trace = replace(trace, factor_M=np.array([longer[name] for name in trace.factor_M]))
    about = {"name": f"npz:/{'a_very_long_name_' * 5}.npz", "image_shape": [64, 64], "factor_names": [*longer.values()]}
    run = read_run(synthetic.write_run(tmp_path / "run", trace, dataset=about))
    with paper_style():
        figure = figure_of(run, kind, width_in=3.25)
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        for text in visible_texts(figure):
            box = text.get_window_extent()
            assert page.contains(box.x0, box.y0), text.get_text()
            assert page.contains(box.x1, box.y1), text.get_text()


def test_the_label_says_threshold_units_and_conditions(run_folder: Path) -> None:
    run = read_run(run_folder)
    with paper_style():
        figure = figure_of(run, "kde", width_in=3.25)
    label = figure.axes[0].get_xlabel()
    assert "at 0.1 nat (nats per nat)" in label
    assert "sprites, 64 \N{MULTIPLICATION SIGN} 64, Bernoulli likelihood" in label


def test_gaussian_runs_name_their_sigma(synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=1, factors=("posX",))
    folder = synthetic.write_run(
        tmp_path / "run", trace, likelihood="gaussian", config={"sigma": 0.5, "threshold_nats": 0.1, "seed": 1}
    )
    assert read_run(folder).conditions().endswith(r"Gaussian ($\sigma$ = 0.5) likelihood")
    assert set(read_run(folder).freezing_points()["likelihood"]) == {"gaussian"}


def test_edges_do_not_strike_the_names_of_factors_through(run_folder: Path) -> None:
    with paper_style():
        figure = figure_of(read_run(run_folder), "trace", width_in=3.25)
        panels = [ax for ax in figure.axes if ax.axison]
        for ax in panels:
            ground = ax.texts[0].get_bbox_patch()
            assert ground is not None
            assert to_hex(ground.get_facecolor()) == "#ffffff"
            assert max(patch.get_zorder() for patch in ax.patches) < ax.texts[0].get_zorder()
            assert ax.texts[0].get_zorder() < min(line.get_zorder() for line in ax.lines if len(line.get_xdata()) > 2)


def test_no_curve_runs_through_a_long_name(synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=3, methods=("exact",))
    longer = {name: f"{name} of the object in the foreground, in pixels" for name in synthetic.FACTORS}
    trace = replace(trace, factor_M=np.array([longer[name] for name in trace.factor_M]))
    about = {"name": "a.npz", "image_shape": [64, 64], "factor_names": [*longer.values()]}
    run = read_run(synthetic.write_run(tmp_path / "run", trace, dataset=about))
    with paper_style():
        figure = figure_of(run, "trace", width_in=3.25)
        figure.draw_without_rendering()
        for ax in figure.axes[: len(longer)]:
            name = ax.texts[0].get_window_extent()
            curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
            assert curves
            assert not any(
                line.get_path().transformed(line.get_transform()).intersects_bbox(name, filled=False) for line in curves
            )
