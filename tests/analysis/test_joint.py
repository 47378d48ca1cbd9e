"""MI against beta: closed forms, transitions of known place, and noise in which there is nothing to find."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from ifp.analysis.diffusion.information import measure_information
from ifp.analysis.joint import PEAKS, STEPS, joint_pressures, mi_peaks, summarize_joint
from ifp.analysis.joint import joint_freezing_points as joint
from ifp.analysis.plot_joint import draw_joint, joint_figure
from ifp.analysis.plot_style import paper_style
from ifp.analysis.smoothing import local_parabolas
from ifp.codes import Codes
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


def test_joint_freezing_points_of_a_falling_beta() -> None:
    kl_TD = np.stack([np.maximum(0, np.log(edge / BETAS)) / 2 for edge in LINEAR], axis=1)
    table = joint(BETAS, kl_TD)
    assert list(table["kind"]) == ["latent"] * 3
    assert_allclose(table["beta_ifp"], np.array(LINEAR) * np.exp(-0.2), rtol=0.01)


def test_no_factor_is_held_by_latents_that_are_collapsed() -> None:
    factors_NF = np.repeat(np.arange(4), 50)[:, None]
    shift = factors_NF - 1.5

    def information(scale: float):  # type: ignore[no-untyped-def]
        codes = Codes(scale * shift, np.log(np.full((200, 1), 1 - scale**2)), factors_NF, ("a",), (4,))
        return measure_information(codes, "posterior", permutations=20, bootstraps=10), codes.kl_nats_D()

    for largest, status in ((0.05, "not_held"), (0.8, "melted")):
        measured = [information(scale) for scale in np.linspace(0, largest, 12)]
        kl_TD = np.stack([kl_D for _, kl_D in measured])
        table = joint(np.geomspace(30, 1, 12), kl_TD, [one for one, _ in measured], ["a"])
        assert list(table["status"]) == [status] * 2
        assert table["beta_ifp"].isna().all() == (status == "not_held")


def test_summary_over_seeds_leaves_out_what_did_not_freeze() -> None:
    tables = [
        pd.DataFrame({"kind": "factor", "name": ["a", "b"], "beta_ifp": betas, "status": status})
        for betas, status in (
            ([4.0, np.nan], ["melted", "not_held"]), ([9.0, np.nan], ["melted", "never_melted"]),
        )
    ]  # fmt: skip
    rows = summarize_joint(tables)
    assert rows.to_numpy().tolist()[0] == ["a", 2, 2, pytest.approx(6.0), 4.0, 9.0]
    assert rows["melted"].tolist() == [2, 0]
    assert np.isnan(rows["beta_ifp"][1])


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
    rows = {"beta": BETAS, "mi_nats": mi_nats, "cap_nats": 4.6, "near_cap": (mi_nats > 4.2) & near_cap}
    rows |= {"kl_nats_0": linear_mi(BETAS), **{f"nmi1_{name}": mi_nats / 4.6 for name in factors}}
    mi = pd.concat([pd.DataFrame(rows).assign(seed=seed) for seed in (0, 1)], ignore_index=True)
    return {"mi": mi, "derivative": peaks.curves(), "peaks": peaks.peaks, "steps": peaks.steps}


@pytest.mark.parametrize("factors", [(), ("posX",), ("shape", "scale", "orientation", "posX", "posY", "a $ name")])
@pytest.mark.parametrize("width_in", [3.25, 6.5])
def test_the_figure_shows_every_peak_and_stays_on_its_page(factors: tuple[str, ...], width_in: float) -> None:
    with paper_style():
        figure, shown = joint_figure(**tables(factors), factors=factors, width_in=width_in)
        figure.draw_without_rendering()
    slope, staircase = figure.axes[1], figure.axes[2]
    assert_allclose([float(text.get_text()) for text in slope.texts], STEEP, rtol=0.06)
    assert len(staircase.texts) == len(STEEP)
    assert len(figure.axes) == 4 + bool(factors)
    assert figure.axes[-1].get_xlabel()
    assert (shown["shows"] == "peak").sum() == len(STEEP)
    page = figure.bbox.padded(0.5)
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box is not None
        assert page.contains(box.x0, box.y0)
        assert page.contains(box.x1, box.y1)


def test_the_figure_of_a_folder_has_its_width_and_fonts(tmp_path: Path) -> None:
    for name, table in tables().items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "run.json").write_text('{"dataset": {"factor_names": ["posX"]}}')
    paths = draw_joint(tmp_path, width="neurips", formats=["pdf"])
    assert [path.name for path in paths] == ["joint_annealing.pdf", "joint_annealing.csv"]
    content = paths[0].read_bytes()
    assert b"/Type3" not in content
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", content)
    assert box is not None
    assert float(box[1]) / 72 == pytest.approx(5.5, abs=0.01)
    assert set(pd.read_csv(paths[1])["shows"]) == {"record", "curve", "peak", "step"}


def test_a_figure_of_nothing_found_is_drawn_all_the_same() -> None:
    held = tables()
    held["peaks"], held["steps"] = held["peaks"].iloc[:0], held["steps"].iloc[:0]
    with paper_style():
        figure, shown = joint_figure(**held, factors=("posX",), width_in=3.25)
        figure.draw_without_rendering()
    assert set(shown["shows"]) == {"record", "curve"}


def test_no_folder_to_draw(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match=r"There is no .*mi\.csv; give the --out folder of a finished"):
        draw_joint(tmp_path)
