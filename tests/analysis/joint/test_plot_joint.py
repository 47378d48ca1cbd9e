"""Figures of a whole data set: every mark is drawn and named, and what cannot be drawn is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.offsetbox import DrawingArea
from numpy.testing import assert_allclose

from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.figures.style import factor_looks
from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint import joint_freezing_points as joint
from ifp.analysis.joint import joint_pressures, summarize_joint
from ifp.analysis.joint.plot_edges import edges_figure
from ifp.analysis.joint.plot_joint import PANELS, draw_joint, joint_figure
from ifp.analysis.joint.plot_marks import NOISE, joint_labels
from ifp.analysis.joint.plot_wholes import check_together, wholes_figure
from ifp.analysis.joint.results import WholeAnnealing
from ifp.errors import IfpError

from .known_curves import BETAS, EDGES, LINEAR, STEEP, curves, peaks_of, steep_mi


def tables(factors: tuple[str, ...] = ("posX",), near_cap: bool = True) -> dict[str, pd.DataFrame]:
    mi_nats = steep_mi(BETAS)
    peaks = peaks_of(mi_nats)
    records = {"beta": BETAS, "mi_nats": mi_nats, "cap_nats": 4.6, "near_cap": (mi_nats > 4.2) & near_cap}
    mi = pd.concat([pd.DataFrame(records).assign(seed=seed) for seed in (0, 1)], ignore_index=True)
    both, points = [], []
    for direction in ("cool", "heat"):
        beta = BETAS if direction == "cool" else BETAS[::-1]
        for seed in (0, 1):
            info = curves((40.0, 30.0, 20.0, 10.0, 5.0, 0.2)[: len(factors)], beta)
            columns = {f"info_nats_{name}": info[:, at] for at, name in enumerate(factors)}
            kl = curves(LINEAR, beta)
            both.append(
                pd.DataFrame({"direction": direction, "seed": seed, "beta": beta, "kl_nats_0": kl[:, 0], **columns})
            )
            points.append(joint(beta, kl, info, factors, direction=direction, seed=seed))
    edges = pd.concat([EDGES.iloc[:1]] * len(factors)).assign(factor=list(factors)) if factors else EDGES.iloc[:0]
    return {
        "mi": mi, "derivative": peaks.curves(), "peaks": peaks.peaks, "steps": peaks.steps,
        "joint_information": pd.concat(both), "joint_freezing_points": pd.concat(points), "joint_edges": edges,
        "spectrum": pd.DataFrame({"number": [1, 2, 3], "beta_edge": LINEAR}),
        "joint_summary": summarize_joint(pd.concat(points), edges), "pressures": joint_pressures(peaks),
    }  # fmt: skip


@pytest.mark.parametrize("factors", [(), ("posX",), ("shape", "scale", "orientation", "posX", "posY", "a $ name$_1")])
@pytest.mark.parametrize("width_in", [3.25, 6.5])
def test_the_figure_shows_every_peak_and_stays_on_its_page(factors: tuple[str, ...], width_in: float) -> None:
    with paper_style():
        figure, shown = joint_figure(tables(factors), width_in=width_in)
        figure.draw_without_rendering()
    slope, staircase = figure.axes[1], figure.axes[2]
    assert_allclose([float(text.get_text()) for text in slope.texts], STEEP, rtol=0.06)
    assert len(staircase.texts) == len(STEEP)
    assert len(figure.axes) == 4 + 2 * bool(factors)
    assert figure.axes[-1].get_xlabel()
    assert (shown["shows"] == "peak").sum() == len(STEEP)
    assert (shown["shows"] == "point").sum() == 4 * (len(factors) + 3)
    page = figure.bbox.padded(0.5)
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box is not None
        assert page.contains(box.x0, box.y0)
        assert page.contains(box.x1, box.y1)
    # the panels fill the page: nothing that is not drawn takes room
    assert sum(ax.get_position().height for ax in figure.axes) > 0.6


def write_tables(folder: Path) -> None:
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "whole.json").write_text('{"threshold_nats": 0.1}')
    data = {"name": "sprites", "image_shape": [1, 64, 64], "factor_names": ["shape", "posX"]}
    about = {"config": {}, "dataset": data, "likelihood": "gaussian", "sigma": 0.5}
    (folder / "run.json").write_text(json.dumps(about))


def test_the_figure_of_a_folder_has_its_width_and_fonts(tmp_path: Path) -> None:
    write_tables(tmp_path)
    paths = draw_joint(tmp_path, width="neurips", formats=["pdf"])
    assert [path.name for path in paths] == ["joint_annealing.pdf", "joint_annealing.csv", "joint_annealing.txt"]
    content = paths[0].read_bytes()
    assert b"/Type3" not in content
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", content)
    assert box is not None
    assert float(box[1]) / 72 == pytest.approx(5.5, abs=0.01)
    kinds = {"record", "information", "curve", "peak", "step", "point", "spectrum", "edge"}
    assert set(pd.read_csv(paths[1])["shows"]) == kinds


def test_a_figure_of_nothing_found_says_so_and_shows_the_first_steps_of_theory() -> None:
    held = tables(("posX", "shape"))
    held["peaks"], held["steps"] = held["peaks"].iloc[:0], held["steps"].iloc[:0]
    held["joint_information"] = held["joint_information"].assign(info_nats_posX=0.0, info_nats_shape=np.nan)
    held["derivative"] = held["derivative"].assign(slope=-1e-3, latents=1e-3, latents_noise=2e-3)
    with paper_style():
        figure, shown = joint_figure(held, width_in=3.25)
        figure.draw_without_rendering()
    assert not {"peak", "step"} & set(shown["shows"])
    _, slope, latents, _, information, lanes = figure.axes
    assert [text.get_text() for text in slope.texts] == ["not above 0 anywhere"]
    assert not information.texts  # it would lie over curves
    assert lanes.get_xlabel().splitlines()[-1] == "no information on any factor"
    assert latents.get_ylim()[1] > 2
    assert lanes.get_xlabel().startswith(r"$\beta$ (nats per nat)")
    texts = {text.get_text() for text in figure.legends[0].get_texts()}
    assert "peak or step, 95 %" not in texts
    assert not {text for text in texts if text.startswith("$I(z")}


def test_a_zero_of_the_information_is_drawn_at_the_end_of_the_axis_that_says_0() -> None:
    held = tables(("posX", "shape"))
    curves = held["joint_information"]
    held["joint_information"] = curves.assign(
        info_nats_posX=curves["info_nats_posX"].where(curves["info_nats_posX"] > 0.3, 0.0)
    )
    with paper_style():
        figure, _ = joint_figure(held, width_in=3.25)
        figure.draw_without_rendering()
    information = figure.axes[4]
    zero = min(tick.get_loc() for tick in information.yaxis.get_major_ticks())
    assert information.yaxis.get_major_formatter()(zero, 0) == "0"
    drawn = [line for line in information.get_lines() if str(line.get_gid()).startswith("information")]
    assert all(len(line.get_xdata()) == len(BETAS) for line in drawn)
    assert min(float(line.get_ydata().min()) for line in drawn) == pytest.approx(zero)


def test_a_range_whose_median_is_0_keeps_its_line() -> None:
    held = tables(("posX", "shape"))
    edges = held["joint_edges"].assign(
        beta_given_rest=[0.0, 9.0], given_rest_low=[0.0, 8.0], given_rest_high=[7.0, 10.0]
    )
    with paper_style():
        figure, _ = edges_figure(held["spectrum"], edges, width_in=3.25)
    ends = [max(line.get_xdata()) for line in figure.axes[1].get_lines() if len(line.get_xdata()) == 2]
    assert sorted(ends) == [7, 10]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "range goes on to lower beta"


def test_the_legend_of_a_whole_data_set_names_every_mark_as_it_is_drawn() -> None:
    held = tables(("posX", "shape", "scale", "orientation", "posY", "last"))
    with paper_style():
        figure, _ = joint_figure(held, width_in=3.25, threshold_nats=0.1)
        figure.draw_without_rendering()
    (legend,) = figure.legends
    boxes = [area.get_children() for area in legend.findobj(DrawingArea) if area.get_children()]
    entries = dict(zip((text.get_text() for text in legend.get_texts()), boxes, strict=True))
    lines = [line for ax in figure.axes for line in ax.get_lines()]
    labels = joint_labels(0.1)
    assert set(entries) == set(labels.values())
    for mark, label in labels.items():
        drawn = [line for line in lines if line.get_gid() == mark]
        if mark == NOISE:
            assert_allclose(entries[label][0].get_facecolor(), figure.axes[1].collections[0].get_facecolor()[0])
            continue
        assert drawn, mark
        for entry in entries[label]:
            alike = [line for line in drawn if line.get_marker() == entry.get_marker()]
            assert alike, mark
            assert entry.get_linewidth() == alike[0].get_linewidth()
            if not mark.startswith("information"):  # whose lines have the factor's style
                assert entry._unscaled_dash_pattern == alike[0]._unscaled_dash_pattern


@pytest.mark.parametrize("figure_of", ["joint", "edges"])
def test_order_and_labels_of_a_whole_data_set(figure_of: str) -> None:
    held = tables(("posX", "shape", "scale"))
    more: dict[str, Any] = {"width_in": 3.25, "order": ["scale"], "labels": {"scale": "size $"}}
    with paper_style():
        if figure_of == "joint":
            figure, _ = joint_figure(held, conditions="sprites, 64 x 64", **more)
        else:
            figure, _ = edges_figure(held["spectrum"], held["joint_edges"], conditions="sprites, 64 x 64", **more)
        figure.draw_without_rendering()
    lanes = figure.axes[-1]
    assert [tick.get_text() for tick in lanes.get_yticklabels()] == [r"size \$", "posX", "shape"]
    assert lanes.get_xlabel().endswith("sprites, 64 x 64")
    with pytest.raises(IfpError, match="names the factor 'scale' twice"):
        joint_order(held["joint_summary"], ["scale", "scale"])


def test_edges_beyond_the_axis_are_numbers() -> None:
    held = tables(("posX", "shape", "scale"))
    edges = held["joint_edges"].assign(
        beta_alone=[1e-7, 0.0, 5.0], beta_given_rest=[9.0, 0.0, np.nan], given_rest_low=[8.0, 0.0, np.nan],
        given_rest_high=[10.0, 0.0, np.nan],
    )  # fmt: skip
    said = {"alone 1e-07", "alone 0, given all others 0", "no traversal"}
    with paper_style():
        figure, _ = edges_figure(held["spectrum"], edges, width_in=3.25)
        figure.draw_without_rendering()
        assert {text.get_text() for text in figure.axes[1].texts if text.get_text()} == said
        figure, _ = joint_figure({**held, "joint_edges": edges}, width_in=3.25)
        figure.draw_without_rendering()
    texts = {text.get_text() for text in figure.axes[-1].texts}
    assert {"alone 1e-07", "alone 0, given the rest 0"} <= texts


@pytest.mark.parametrize("figure_of", ["edges", "joint"])
def test_a_number_beyond_the_axis_stands_above_the_line_and_not_on_it(figure_of: str) -> None:
    held = tables(("posX", "shape"))
    low = float(held["joint_information"]["beta"].min())
    edges = held["joint_edges"].assign(
        beta_alone=1e-7, beta_given_rest=9.0, given_rest_low=[1e-9, 40.0], given_rest_high=50.0
    )
    with paper_style():
        figure, _ = (
            edges_figure(held["spectrum"], edges, width_in=3.25) if figure_of == "edges"
            else joint_figure({**held, "joint_edges": edges}, width_in=3.25)
        )  # fmt: skip
        figure.draw_without_rendering()
        ax = figure.axes[-1]
        said = {round(text.xy[1]): text for text in ax.texts if text.get_text() == "alone 1e-07"}
        line_y = ax.transData.transform((low, 0))[1]
        assert said[0].get_window_extent().y0 >= line_y
        centre = ax.transData.transform((low, 1))[1]
        assert said[1].get_window_extent().y0 < centre < said[1].get_window_extent().y1


def test_tables_of_an_earlier_version_are_said_to_be_so(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "joint_information.csv").unlink()
    with pytest.raises(IfpError, match=r"an earlier version measured it: `ifp anneal --whole --config .*run\.json"):
        draw_joint(tmp_path)


def test_no_folder_to_draw(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match=r"There is no .*mi\.csv; give the folder of a finished"):
        draw_joint(tmp_path)


def test_several_runs_are_columns_over_the_same_axes_in_the_same_colours() -> None:
    about = {"threshold_nats": 0.1}
    factors = {"one": ("shape", "mine", "posX"), "two": ("mine", "posX")}
    runs = {
        name: {"dataset": {"name": name, "image_shape": [1, 8, 8], "factor_names": list(names)},
               "likelihood": "bernoulli"} for name, names in factors.items()
    }  # fmt: skip
    made = {name: tables(names) for name, names in factors.items()}
    made["two"]["joint_information"]["beta"] *= 2
    results = {name: WholeAnnealing(made[name], about, runs[name]) for name in factors}
    with paper_style(), looking(factor_looks(factors["one"])):
        figure, shown = wholes_figure(results, made, width_in=5.5, order=["posX"])
        figure.draw_without_rendering()
    assert set(shown["run"]) == {"one", "two"}
    axes = np.array(figure.axes).reshape(len(PANELS), 2)
    assert [ax.get_title(loc="left") for ax in axes[0]] == ["one", "two"]
    assert len({ax.get_xlim() for ax in axes.ravel()}) == 1
    for row in axes[:5]:
        assert row[0].get_ylim() == row[1].get_ylim()
    assert [[text.get_text() for text in ax.get_yticklabels()] for ax in axes[-1]] == [
        ["posX", "shape", "mine"], ["posX", "mine"],
    ]  # fmt: skip
    colors = [{str(line.get_color()) for line in ax.lines if str(line.get_color()).startswith("#")} for ax in axes[4]]
    looks = factor_looks(factors["one"])
    assert {looks["mine"].color, looks["posX"].color} <= colors[0] & colors[1]
    assert looks["shape"].color not in colors[1]
    boxes = [text.get_window_extent() for text in (ax.xaxis.label for ax in axes[-1])]
    assert not boxes[0].overlaps(boxes[1])


def test_runs_that_have_no_place_in_one_figure_are_refused(tmp_path: Path) -> None:
    results = {
        name: WholeAnnealing(tables(names), {"threshold_nats": threshold}, {"dataset": {"factor_names": list(names)}})
        for name, names, threshold in (("a", ("posX",), 0.1), ("b", (), 0.1), ("c", ("posX",), 0.2))
    }
    for names, width_in, words in (
        ("ab", 6.5, "b shows no factors and others do"),
        ("ac", 6.5, "the thresholds 0.1, 0.2 nat, at which"),
        ("aa", 2.5, "2 runs beside each other need a page of 3 inches, and this one has 2.5"),
    ):
        those = {f"{name}{place}" if names == "aa" else name: results[name] for place, name in enumerate(names)}
        with pytest.raises(IfpError, match=words):
            check_together(those, {name: result.tables for name, result in those.items()}, width_in)
