"""MI against beta: closed forms, transitions of known place, and noise in which there is nothing to find."""

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

from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint import PEAKS, STEPS, joint_pressures, mi_peaks, summarize_joint
from ifp.analysis.joint import joint_freezing_points as joint
from ifp.analysis.joint.peaks import why_empty
from ifp.analysis.joint.plot_edges import edges_figure
from ifp.analysis.joint.plot_joint import draw_joint, joint_figure
from ifp.analysis.joint.plot_marks import NOISE, joint_labels
from ifp.analysis.joint.smoothing import local_parabolas
from ifp.errors import IfpError
from ifp.seeds import numpy_generator

BETAS = np.geomspace(200, 1, 101)[1:]
LINEAR = (80.0, 20.0, 5.0)
STEEP = (90.0, 30.0, 8.0)


def linear_mi(beta: np.ndarray, edges: tuple[float, ...] = LINEAR) -> np.ndarray:
    """Independent linear-Gaussian factors: ln(beta_k / beta) / 2 each, below its edge."""
    return np.sum([np.maximum(0, np.log(edge / beta)) / 2 for edge in edges], axis=0)


def steep_mi(beta: np.ndarray, edges: tuple[float, ...] = STEEP, width: float = 0.06) -> np.ndarray:
    """Each factor gives 1.5 nats around its edge, within `width` in ln(beta)."""
    return np.sum([1.5 / (1 + np.exp((np.log(beta) - np.log(edge)) / width)) for edge in edges], axis=0)


def found(mi_nats: np.ndarray, beta: np.ndarray = BETAS, **more: float):  # type: ignore[no-untyped-def]
    return mi_peaks(beta, mi_nats, generator=numpy_generator(0, "joint"), **more)


def test_linear_gaussian_factors_have_no_peak_but_a_staircase_with_their_edges() -> None:
    peaks = found(linear_mi(BETAS))
    assert len(peaks.peaks) == 0
    assert_allclose(peaks.steps["beta"], LINEAR, rtol=0.03)
    assert_allclose(peaks.steps["latents_after"], [1, 2, 3], atol=0.02)
    for beta, count in ((150, 0), (40, 1), (10, 2), (2, 3)):  # between the steps: n(beta) and n(beta) / 2 beta
        at = np.argmin(np.abs(np.log(peaks.beta_G / beta)))
        assert_allclose(peaks.latents_G[at], count, atol=1e-6)
        assert_allclose(peaks.slope_G[at], count / (2 * peaks.beta_G[at]), atol=1e-6)


def test_a_noisy_staircase_still_holds_its_edges(rng: np.random.Generator) -> None:
    peaks = found(linear_mi(BETAS) + 0.01 * rng.normal(size=100))
    assert len(peaks.peaks) == 0
    assert_allclose(peaks.steps["beta"], LINEAR, rtol=0.15)
    assert (peaks.steps["low"].to_numpy() <= LINEAR).all()
    assert (peaks.steps["high"].to_numpy() >= LINEAR).all()
    assert_allclose(peaks.noise_nats_T, 0.01, rtol=0.9)


@pytest.mark.parametrize("order", [1, -1])
def test_steep_transitions_peak_where_they_are(rng: np.random.Generator, order: int) -> None:
    mi_nats = steep_mi(BETAS) + 0.02 * rng.normal(size=100)
    peaks = found(mi_nats[::order], BETAS[::order])
    # the derivative in beta is that in ln(beta) over beta: it peaks lower, by the square of the smoothed width
    assert_allclose(peaks.peaks["beta"], STEEP, rtol=0.06)
    assert (peaks.peaks["value"] > peaks.peaks["noise"]).all()
    assert (peaks.peaks["low"] <= peaks.peaks["beta"]).all()
    assert (peaks.peaks["high"] >= peaks.peaks["beta"]).all()
    # their onset is where the staircase rises, above the middle
    assert len(peaks.steps) == 3
    assert (peaks.steps["beta"].to_numpy() > STEEP).all()


def test_noise_alone_peaks_in_one_case_of_twenty_at_most(rng: np.random.Generator) -> None:
    cases = 40
    peaks = [found(rng.normal(size=60), np.geomspace(100, 1, 60)) for _ in range(cases)]
    # 5 % each: 8 and more of 40 have probability 0.0005
    assert sum(len(one.peaks) > 0 for one in peaks) < 8
    assert sum(len(one.steps) > 0 for one in peaks) < 8
    beyond = sum(bool((np.abs(one.latents_G) > one.latents_noise_G).any()) for one in peaks)
    assert beyond < 8


def test_a_noisy_rise_is_no_peak(rng: np.random.Generator) -> None:
    found_one = [found(np.log(200 / BETAS) / 2 + 0.05 * rng.normal(size=100)) for _ in range(12)]
    assert sum(len(one.peaks) > 0 for one in found_one) < 4


def test_the_band_knows_the_noise_of_its_records(rng: np.random.Generator) -> None:
    # half the records are exact zeros, as those of a collapsed network are
    noise = np.where(BETAS > 14, 0, 0.05) * rng.normal(size=100)
    peaks = found(noise)
    assert peaks.noise_nats_T[:30].max() < 0.005
    assert_allclose(peaks.noise_nats_T[-30:], 0.05, rtol=0.5)
    assert len(peaks.peaks) == 0


def test_constant_information_has_neither() -> None:
    peaks = found(np.full(100, 0.7))
    assert len(peaks.peaks) == len(peaks.steps) == len(joint_pressures(peaks)) == 0
    assert_allclose(peaks.latents_G, 0, atol=1e-9)


def test_seeds_that_differ_raise_the_noise(rng: np.random.Generator) -> None:
    curve = steep_mi(BETAS)
    alike = found(np.stack([curve + 0.01 * rng.normal(size=100) for _ in range(4)]))
    assert alike.inflation < 1.5
    assert len(alike.peaks) == 3
    # slow drifts that no residual shows
    drifts = [0.4 * np.sin(np.log(BETAS) * 2 + phase) for phase in (0, 1.5, 3, 4.5)]
    drifting = found(np.stack([curve + drift + 0.01 * rng.normal(size=100) for drift in drifts]))
    assert drifting.inflation > 5
    assert drifting.slope_noise_G[60] > 3 * alike.slope_noise_G[60]


def test_wandering_of_three_networks_has_no_peak(rng: np.random.Generator) -> None:
    for _ in range(4):
        mi_ST = 0.02 * rng.normal(size=(3, 100))
        for at in range(1, 100):
            mi_ST[:, at] += 0.8 * mi_ST[:, at - 1]
        peaks = found(mi_ST)
        assert peaks.inflation > 1.2
        assert len(peaks.peaks) == 0


def test_more_seeds_less_noise(rng: np.random.Generator) -> None:
    one = found(linear_mi(BETAS) + 0.05 * rng.normal(size=100))
    many = found(linear_mi(BETAS) + 0.05 * rng.normal(size=(16, 100)))
    ratio = np.median(many.noise_nats_T) / np.median(one.noise_nats_T)
    assert 0.15 < ratio < 0.5


def test_a_local_parabola_is_exact_on_one_whatever_the_spacing(rng: np.random.Generator) -> None:
    x = np.sort(rng.uniform(0, 5, 40))
    grid = np.linspace(0.5, 4.5, 9)
    fit = local_parabolas(x, grid, 0.4)
    values = 1 - 2 * x + 3 * x**2
    assert_allclose(fit.value_GT @ values, 1 - 2 * grid + 3 * grid**2, atol=1e-8)
    assert_allclose(fit.slope_GT @ values, -2 + 6 * grid, atol=1e-7)
    assert_allclose(fit.bend_GT @ values, 6, atol=1e-5)


def test_pressures_lie_between_peaks_and_end_in_1() -> None:
    stages = joint_pressures(found(steep_mi(BETAS)))
    assert set(stages["measure"]) == {PEAKS}
    assert_allclose(stages["beta"], [np.sqrt(90 * 30), np.sqrt(30 * 8), 1], rtol=0.06)
    assert list(stages["freezes"].str.count(",")) == [0, 0, 0]


def test_without_peaks_the_steps_stand_in() -> None:
    stages = joint_pressures(found(linear_mi(BETAS)))
    assert set(stages["measure"]) == {STEPS}
    assert_allclose(stages["beta"], [40, 10, 1], rtol=0.03)


def test_pressures_of_at_most_1_are_no_stage_of_their_own() -> None:
    beta = np.geomspace(40, 0.02, 120)
    stages = joint_pressures(found(linear_mi(beta, (10.0, 0.5, 0.1)), beta))
    assert_allclose(stages["beta"], [np.sqrt(5), 1], rtol=0.03)
    assert stages["freezes"].iloc[1].count(",") == 1


def test_one_step_or_none_suggests_no_pressures_and_says_why() -> None:
    for edges, words in (((), "there is no peak or step"), ((20.0,), "there is one step")):
        peaks = found(linear_mi(BETAS, edges) if edges else np.zeros(100))
        assert len(joint_pressures(peaks)) == 0
        reasons = why_empty(peaks, joint_pressures(peaks))
        assert words in reasons["pressures"]
        assert "has no peak" in reasons["peaks"]
        assert ("steps" in reasons) == (not edges)
    assert why_empty(found(steep_mi(BETAS)), joint_pressures(found(steep_mi(BETAS)))) == {}


def curves(edges: tuple[float, ...], beta: np.ndarray = BETAS) -> np.ndarray:
    return np.maximum(0, np.log(np.array(edges) / beta[:, None])) / 2


@pytest.mark.parametrize("direction", ["cool", "heat"])
def test_joint_freezing_points_are_at_the_threshold_wherever_beta_ends(direction: str) -> None:
    for lowest in (1.0, 2.0):
        beta = np.geomspace(200, lowest, 100)[:: 1 if direction == "cool" else -1]
        info_TF = curves(LINEAR, beta)
        info_TF[1::2] = np.nan  # measured at every second record alone
        table = joint(beta, curves((*LINEAR, 0.5), beta), info_TF, ["a", "b", "c"], direction=direction, seed=2)
        assert list(table["kind"]) == ["factor"] * 3 + ["latent"] * 4
        known = table[table["status"] == "frozen"]
        assert_allclose(known["beta_ifp"], np.array(LINEAR * 2) * np.exp(-0.2), rtol=0.02)
        assert set(table["direction"]) == {direction}
        # what never held anything did not fail to melt
        assert dict(table.iloc[-1])["status"] == "never_froze"


def test_what_is_held_to_the_end_of_heating_never_melted() -> None:
    beta = np.geomspace(1, 60, 40)
    table = joint(beta, curves((300.0, 20.0), beta), np.empty((40, 0)), [], direction="heat", seed=0)
    assert list(table["status"]) == ["never_melted", "frozen"]
    cooled = joint(beta[::-1], curves((300.0, 20.0), beta[::-1]), np.empty((40, 0)), [], direction="cool", seed=0)
    assert list(cooled["status"]) == ["frozen_at_start", "frozen"]


def rows(factor: str, direction: str, betas: list[float], status: str = "frozen") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": "factor", "name": factor, "direction": direction, "seed": range(len(betas)), "beta_ifp": betas,
            "status": [status if np.isnan(beta) else "frozen" for beta in betas], "beta_half_nmi": 3.0,
        }
    )  # fmt: skip


EDGES = pd.DataFrame(
    {
        "factor": ["a", "b"], "beta_alone": [9.0, 1.0], "beta_given_rest": [11.0, 8.0],
        "given_rest_low": [9.0, 5.0], "given_rest_high": [15.0, 12.0], "contexts": 8,
    }
)  # fmt: skip


def test_intervals_are_over_networks_and_empty_with_fewer_than_six() -> None:
    few, many = [8.0, 7.0, 9.0], [8.0, 7.0, 9.0, 6.0, 10.0, 8.5, 7.5]
    points = pd.concat(
        [rows("a", "cool", few), rows("a", "heat", few), rows("b", "cool", many), rows("b", "heat", many)]
    )
    table = summarize_joint(points, EDGES).set_index("factor")
    assert table.loc["a", ["cool_median", "heat_median", "cool_frozen"]].tolist() == [8, 8, 3]
    assert table.loc["a", ["cool_low", "cool_high", "heat_low", "heat_high"]].isna().all()
    assert table.loc["b", ["cool_low", "cool_median", "cool_high"]].tolist() == [6, 8, 10]
    assert table["beta_alone"].tolist() == [9, 1]


def test_censored_networks_take_part_by_their_side() -> None:
    nan = np.nan
    points = pd.concat([
        rows("a", "cool", [5.0, 4.0, nan], "never_froze"), rows("a", "heat", [9.0, 8.0, nan], "never_melted"),
        rows("b", "cool", [nan, nan, 3.0], "never_froze"), rows("b", "heat", [nan] * 3, "never_melted"),
    ])  # fmt: skip
    table = summarize_joint(points, EDGES).set_index("factor")
    assert table.loc["a", ["cool_median", "heat_median"]].tolist() == [4, 9]
    assert table.loc["b", ["cool_median", "heat_median"]].isna().all()
    assert table.loc["b", ["networks", "cool_frozen", "heat_frozen"]].tolist() == [3, 1, 0]


def test_noise_is_estimated_nearby_but_not_from_a_few_records(rng: np.random.Generator) -> None:
    """NOISE_WIDTHS: a window of 10 reads the noisy half into the quiet one (5 times too much), one of 1 is unsteady."""
    quiet, spread = [], []
    for _ in range(12):
        changing = found(np.where(BETAS > 14, 0.005, 0.05) * rng.normal(size=100))
        quiet.append(np.median(changing.noise_nats_T[:30]) / 0.005)
        spread.append(np.log(found(rng.normal(size=100)).noise_nats_T))
    assert 0.7 < np.median(quiet) < 1.5
    assert np.std(spread) < 0.24


@pytest.mark.parametrize(
    ("beta", "mi_nats", "more", "words"),
    [
        (BETAS[:11], np.zeros(11), {}, "at least 12 records of MI, got 11"),
        (BETAS, np.zeros(99), {}, "Each record needs its beta"),
        (-BETAS, np.zeros(100), {}, "beta positive"),
        (BETAS, np.full(100, np.nan), {}, "finite"),
        (np.full(20, 3.0), np.zeros(20), {}, "Beta is 3 in all records"),
        (BETAS, np.zeros(100), {"half_width": 3.0}, "below half the range"),
    ],
)
def test_bad_input(beta: np.ndarray, mi_nats: np.ndarray, more: dict[str, float], words: str) -> None:
    with pytest.raises(IfpError, match=words):
        found(mi_nats, beta, **more)


def tables(factors: tuple[str, ...] = ("posX",), near_cap: bool = True) -> dict[str, pd.DataFrame]:
    mi_nats = steep_mi(BETAS)
    peaks = found(mi_nats)
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
    assert [path.name for path in paths] == ["joint_annealing.pdf", "joint_annealing.csv"]
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


def test_one_measure_orders_all_factors_of_a_whole_data_set() -> None:
    known = pd.DataFrame({"factor": list("abc"), "cool_median": [1, 9, 3.0], "heat_median": [2, 3, 4.0]})
    edges = known.assign(beta_given_rest=[5, 0, 7.0], beta_alone=[1, 99, 1.0])
    assert joint_order(edges) == ["b", "c", "a"]
    assert joint_order(edges.assign(heat_median=[2, np.nan, 4])) == ["c", "a", "b"]  # b never froze
    assert joint_order(edges[["factor", "beta_given_rest"]], ["a"]) == ["a", "c", "b"]
    # what never froze stands below what did, whatever its edge
    never = edges.assign(
        cool_median=[1, 9, np.nan], heat_median=[2, 3, np.nan], cool_bound=["", "", "<"], heat_bound=["", "", "<"]
    )
    assert joint_order(never) == ["b", "a", "c"]
    assert joint_order(never.assign(cool_bound=["", "", ">"], heat_bound=["", "", ">"])) == ["c", "b", "a"]
    assert joint_order(edges.iloc[:0]) == []


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


def test_tables_of_an_earlier_version_are_said_to_be_so(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "joint_information.csv").unlink()
    with pytest.raises(IfpError, match=r"an earlier version measured it: `ifp anneal --whole --config .*run\.json"):
        draw_joint(tmp_path)


def test_no_folder_to_draw(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match=r"There is no .*mi\.csv; give the --out folder of a finished"):
        draw_joint(tmp_path)


def test_a_bracket_holds_the_records_either_side_of_the_crossing_of_the_information() -> None:
    # heated: the last record above the threshold is at 19.665, and nothing is measured from 21.555 on
    beta_T = np.array([10.0, 12.0, 14.0, 16.0, 18.0, 19.665, 21.555, 23.628])
    info_TF = np.array([[0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.0, 0.0]]).T
    (row,) = joint(beta_T, np.zeros((8, 0)), info_TF, ["shape"], direction="heat", seed=0).to_dict("records")
    assert_allclose((row["beta_bracket_low"], row["beta_bracket_high"]), (19.665, 21.555))
    # linear in nats where one of the two is 0: two thirds of the way in ln beta
    assert row["beta_ifp"] == pytest.approx(19.665 * (21.555 / 19.665) ** (2 / 3))
