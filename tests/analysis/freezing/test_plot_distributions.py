"""Figures of freezing points: every member is drawn, at its beta or its bound, and densities and bars are right."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.stats import norm

from ifp.analysis import freezing_points, read_run, summarize
from ifp.analysis.figures.plot_legend import ABRUPT, BOUND, CENSORED, EDGES, INTERVAL, MEDIAN, POINT
from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.figures.style import factor_looks
from ifp.analysis.freezing.distribution_table import bin_edges, has_density, lanes_table, prepare_lanes
from ifp.analysis.plots import plot_freezing_points, plot_trace

from .drawn import DISTRIBUTIONS, figure_of


def drawn_points(ax: object, marker: str) -> np.ndarray:
    """Betas of the points with this marker that carry the members' label."""
    lines = [line for line in ax.get_lines() if line.get_marker() == marker and len(line.get_xdata())]  # type: ignore[attr-defined]
    return np.sort(np.concatenate([np.asarray(line.get_xdata(), float) for line in lines]))


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_every_frozen_member_is_drawn(synthetic: ModuleType, rng: np.random.Generator, kind: str) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=12))
    ax = plot_freezing_points(points, kind=kind, ax=Figure().add_subplot())
    equilibrium = points[points["direction"] == "equilibrium"]
    for factor, look in factor_looks(synthetic.FACTORS).items():
        expected = np.sort(equilibrium.loc[equilibrium["factor"] == factor, "beta_ifp"])
        np.testing.assert_allclose(drawn_points(ax, look.marker), expected)
    low, high = ax.get_xlim()
    assert low < equilibrium["beta_ifp"].min() < equilibrium["beta_ifp"].max() < high


def test_censored_members_are_drawn_at_their_bounds(synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=8, factors=("shape",)))
    ax = plot_freezing_points(points, kind="strip", ax=Figure().add_subplot())
    lines = [line for line in ax.get_lines() if line.get_gid() == CENSORED]
    drawn = {line.get_marker(): list(line.get_xdata()) for line in lines}
    never_froze = points.loc[points["status"] == "never_froze", "beta_bracket_high"].tolist()
    never_melted = points.loc[points["status"] == "never_melted", "beta_bracket_low"].tolist()
    assert drawn == {"<": never_froze, ">": never_melted}


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize(
    ("contexts", "methods", "factors"),
    [
        (1, ("exact", "train"), ("posX",)),
        (3, ("train",), ("posX", "shape")),
        (12, ("closed-form",), ("scale",)),
        (9, ("closed-form", "exact"), ("shape",)),
    ],
)
def test_few_members_one_factor_any_method(
    synthetic: ModuleType, rng: np.random.Generator, kind: str, scale: str,
    contexts: int, methods: tuple[str, ...], factors: tuple[str, ...],
) -> None:  # fmt: skip
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=contexts, methods=methods, factors=factors))
    ax = plot_freezing_points(points, kind=kind, scale=scale, ax=Figure().add_subplot())
    assert ("no density of fewer than 10" in ax.get_xlabel()) == (contexts < 10 and kind in ("kde", "ridge"))
    assert kind == "hist" or bool(densities(ax)) == (contexts >= 10 and kind in ("kde", "ridge"))
    onsets = methods == ("closed-form",)
    assert ax.get_xlabel().startswith(r"onset $\beta$" if onsets else r"freezing point $\beta$ at 0.1 nat")


def densities(ax: Axes) -> list[np.ndarray]:
    """Beta and density [2, points] of each curve in the axes within `ax`."""
    return [np.array(line.get_data(), dtype=float) for panel in ax.child_axes for line in panel.get_lines()]


def test_equal_values_and_few_have_no_density() -> None:
    assert not has_density(np.full(20, 7.0))
    assert not has_density(np.arange(1.0, 10.0))
    assert has_density(np.arange(1.0, 11.0))


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_a_density_integrates_to_one_and_ends_near_the_data(
    synthetic: ModuleType, rng: np.random.Generator, scale: str
) -> None:
    """Within one bandwidth, Scott's n^(-1/5) standard deviations; a ridge ends with the data."""
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=60, factors=("scale",), methods=("exact",)))
    values = np.sort(points.loc[points["direction"] == "equilibrium", "beta_ifp"])
    x = np.log10(values) if scale == "log" else values
    bandwidth = 60 ** (-1 / 5) * x.std(ddof=1)
    for kind, reach in (("kde", bandwidth), ("ridge", 0.0)):
        ax = plot_freezing_points(points, kind=kind, scale=scale, ax=Figure().add_subplot())
        (beta, height), *more = densities(ax)
        assert not more
        at = np.log10(beta) if scale == "log" else beta
        np.testing.assert_allclose([at[0], at[-1]], [x[0] - reach, x[-1] + reach], rtol=1e-6)
        inside = float(np.mean(norm.cdf((at[-1] - x) / bandwidth) - norm.cdf((at[0] - x) / bandwidth)))
        assert np.trapezoid(height, at) == pytest.approx(inside, abs=2e-3)
        low, high = ax.get_xlim()
        assert low <= beta[0]
        assert beta[-1] <= high


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize("methods", [("exact",), ("train",)])
def test_a_histogram_counts_on_its_axis(
    synthetic: ModuleType, rng: np.random.Generator, scale: str, methods: tuple[str, ...]
) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=30, methods=methods))
    ax = plot_freezing_points(points, kind="hist", scale=scale, ax=Figure().add_subplot())
    lanes = prepare_lanes(points)
    edges = bin_edges(lanes, scale=scale)
    assert 8 <= len(edges) - 1 <= 20
    for panel, lane in zip(ax.child_axes, lanes, strict=True):
        counts = np.histogram(lane.values(lane.shown[0]), edges)[0]
        bars = [bar for bar in panel.patches if isinstance(bar, Rectangle)]
        assert [bar.get_height() for bar in bars] == counts[counts > 0].tolist()
        np.testing.assert_allclose([bar.get_x() for bar in bars], edges[:-1][counts > 0], rtol=1e-6)
        assert panel.get_ylim()[1] > counts.max()
        assert panel.yaxis.get_visible()
        # bars lie above their beta on the axis of the whole figure
        assert panel.transData.transform((edges[3], 0))[0] == pytest.approx(ax.transData.transform((edges[3], 0))[0])
    assert ax.get_ylabel() == ("contexts in a bin" if methods == ("exact",) else "networks in a bin")


def test_lanes_are_ordered_by_freezing_point(synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=30, censored=False))
    lanes = prepare_lanes(points)
    medians = [np.median(lane.values("exact")) for lane in lanes]
    assert medians == sorted(medians, reverse=True)
    assert {lane.factor for lane in lanes[:2]} == {"posX", "posY"}
    assert len(lanes_table(lanes)) == 5 * (5 * 30 + 5)


def test_first_order_points_have_a_mark_of_their_own(synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=9))
    ax = plot_freezing_points(points, kind="strip", ax=Figure().add_subplot())
    equilibrium = points[points["direction"] == "equilibrium"]
    for gid, factors in ((POINT, ("posX", "posY", "scale", "orientation")), (ABRUPT, ("shape",))):
        drawn = np.sort(np.concatenate([line.get_xdata() for line in ax.get_lines() if line.get_gid() == gid]))
        expected = np.sort(equilibrium.loc[equilibrium["factor"].isin(factors), "beta_ifp"])
        np.testing.assert_allclose(drawn, expected)


def test_a_flat_factor_has_a_sentence_and_no_mark(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    """shape: no context can freeze; posX: one of three cannot, and is counted, not drawn at the betas of the others."""
    trace = synthetic.sprites_like_trace(rng, contexts=3, factors=("posX", "shape", "scale"), censored=False)
    flat = (trace.factor_M == "shape") | ((trace.factor_M == "posX") & (np.arange(len(trace)) % 3 == 0))
    trace = replace(
        trace, kl_nats_MTD=np.where(flat[:, None, None], 0, trace.kl_nats_MTD),
        beta_closed_form_M=np.where(flat, 0, trace.beta_closed_form_M),
        beta_upper_M=np.where(flat, 0, trace.beta_upper_M),
    )  # fmt: skip
    points = freezing_points(trace)
    for kind in DISTRIBUTIONS:
        ax = plot_freezing_points(points, kind=kind, ax=Figure().add_subplot())
        assert [text.get_text() for text in ax.texts].count("all images equal: never freezes") == 1
        assert not [line for line in ax.get_lines() if line.get_gid() in (CENSORED, BOUND)]
        assert "flat: all images equal" in ax.get_xlabel()
        texts = [text.get_text() for text in (*ax.texts, *ax.get_yticklabels())]
        assert len([text for text in texts if text.endswith("1 flat")]) == 1
        assert len([text for text in texts if text.endswith("3 flat")]) == 1
    run = read_run(synthetic.write_run(tmp_path / "run", trace))
    with paper_style():
        figure = figure_of(run, "trace", width_in=3.25)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts.count("all images equal: KL 0") == 1
    assert len([text for text in texts if re.fullmatch(r"\d of \d flat", text)]) == 1


@pytest.mark.parametrize("kind", ["kde", "strip"])
@pytest.mark.parametrize("methods", [("train",), ("exact", "train")])
def test_trained_lanes_have_the_edges_of_the_closed_form(
    synthetic: ModuleType, rng: np.random.Generator, kind: str, methods: tuple[str, ...]
) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=7, factors=("posX",), methods=methods))
    ax = plot_freezing_points(points, kind=kind, ax=Figure().add_subplot())
    (band,) = [patch for patch in ax.patches if patch.get_gid() == EDGES]
    once = points.drop_duplicates("context")
    assert band.get_x() == pytest.approx(once["beta_closed_form"].median())
    assert band.get_x() + band.get_width() == pytest.approx(once["beta_upper"].median())


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_points_of_a_narrow_range_keep_clear_of_the_ends_of_the_axis(
    synthetic: ModuleType, rng: np.random.Generator, scale: str
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=5, factors=("posX",), methods=("closed-form",))
    edge_M = 100 + np.arange(len(trace)) * 0.01
    points = freezing_points(replace(trace, beta_closed_form_M=edge_M, beta_upper_M=edge_M))
    figure = Figure(figsize=(3.25, 1))
    ax = plot_freezing_points(points, kind="strip", scale=scale, ax=figure.add_subplot())
    at = ax.transAxes.inverted().transform(ax.transData.transform([(beta, 0) for beta in edge_M]))[:, 0]
    assert at.min() > 0.1
    assert at.max() < 0.9


@pytest.mark.parametrize("kind", ["strip", "ridge"])
def test_a_censored_median_keeps_its_tick_and_interval_and_has_an_arrow(synthetic: ModuleType, kind: str) -> None:
    trace = synthetic.sprites_like_trace(np.random.default_rng(1), contexts=9, factors=("posX",), methods=("exact",))
    contexts = [str(context) for context in trace.context_MF]
    censored = np.isin(contexts, sorted(set(contexts))[:6])
    kl_nats_MTD = np.where(censored[:, None, None], 0.001, trace.kl_nats_MTD)
    points = freezing_points(replace(trace, kl_nats_MTD=kl_nats_MTD))
    ax = plot_freezing_points(points, kind=kind, ax=Figure().add_subplot())
    drawn = {line.get_gid(): line for line in ax.get_lines()}
    median = summarize(points).query("measure == 'exact'")
    assert median["bound"].tolist() == ["<"]
    assert drawn[BOUND].get_marker() == "<"
    assert list(drawn[MEDIAN].get_xdata()) == [pytest.approx(median["median"].iloc[0])] * 2
    assert max(drawn[INTERVAL].get_xdata()) == pytest.approx(median["high"].iloc[0])


def test_functions_take_axes_and_return_them(synthetic: ModuleType, rng: np.random.Generator) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=3)
    points = freezing_points(trace)
    ax = Figure().add_subplot()
    assert plot_freezing_points(points, ax=ax) is ax
    assert plot_trace(trace, points, factor="posX", ax=ax) is ax
    assert plot_freezing_points(points).figure is not None
    assert plot_trace(trace, points, factor="posX").figure is not None
