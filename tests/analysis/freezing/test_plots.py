"""Figures: what conferences check (width, fonts), what readers rely on (all members there), and no side effects."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.offsetbox import DrawingArea
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from scipy.stats import norm

from ifp.analysis import Annealing, draw_run, freezing_points, read_run, summarize
from ifp.analysis.figures.plot_legend import ABRUPT, BOUND, CENSORED, EDGES, INTERVAL, MEDIAN, POINT
from ifp.analysis.figures.plot_page import paper_style, save_figure
from ifp.analysis.figures.style import WIDTHS_IN, factor_looks, figure_width, plain
from ifp.analysis.freezing.curve_table import curve_table
from ifp.analysis.freezing.distribution_table import bin_edges, has_density, lanes_table, prepare_lanes
from ifp.analysis.freezing.plot_run import FILE_OF, KINDS, distribution_figure, trace_figure
from ifp.analysis.freezing.plot_trace import trace_legend
from ifp.analysis.plots import plot_freezing_points, plot_trace
from ifp.errors import IfpError

DISTRIBUTIONS = ("kde", "strip", "ridge", "hist")


@pytest.fixture(scope="module")
def run_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=9, latents=2)
    folder: Path = synthetic.write_run(tmp_path_factory.mktemp("run"), trace)
    draw_run(folder, kinds=KINDS, width="icml")
    return folder


@pytest.fixture(scope="module")
def small_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two factors with few contexts, for what does not depend on how much is drawn."""
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=4, factors=("posX", "shape"))
    folder: Path = synthetic.write_run(tmp_path_factory.mktemp("small"), trace)
    return folder


def summary_of(run: Annealing) -> pd.DataFrame:
    return summarize(run.freezing_points())


def page_width_in(pdf: Path) -> float:
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf.read_bytes())
    assert box is not None
    return float(box[1]) / 72


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_as_wide_as_asked(run_folder: Path, kind: str) -> None:
    assert page_width_in(run_folder / "figures" / f"{FILE_OF[kind]}.pdf") == pytest.approx(3.25, abs=0.01)


@pytest.mark.parametrize("width", [*WIDTHS_IN, 4.37])
def test_every_venue_gets_its_width(small_folder: Path, tmp_path: Path, width: str | float) -> None:
    paths = draw_run(small_folder, kinds=["strip"], width=width, out=tmp_path, formats=["pdf"])
    assert page_width_in(paths[0]) == pytest.approx(figure_width(width), abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_fonts_are_truetype_and_embedded(run_folder: Path, kind: str) -> None:
    content = (run_folder / "figures" / f"{FILE_OF[kind]}.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/FontFile2" in content


def test_settings_are_the_users_own_afterwards(small_folder: Path, tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 13.0, "pdf.fonttype": 3}):
        before = dict(mpl.rcParams)
        draw_run(small_folder, kinds=KINDS, out=tmp_path, formats=["pdf"])
        assert dict(mpl.rcParams) == before


def test_equal_runs_give_equal_bytes(small_folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_run(small_folder, out=tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_nothing_partial_is_left(run_folder: Path) -> None:
    names = sorted(path.name for path in (run_folder / "figures").iterdir())
    assert names == sorted(f"{stem}.{suffix}" for stem in FILE_OF.values() for suffix in ("pdf", "png", "csv"))


def test_a_figure_that_cannot_be_drawn_leaves_no_file_and_keeps_the_old_ones(tmp_path: Path) -> None:
    data = pd.DataFrame({"beta": [1.0]})
    save_figure(Figure(), tmp_path / "x", data)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Broken(Figure):
        def savefig(self, *args: object, **more: object) -> None:
            if more["format"] == "png":
                raise ValueError
            super().savefig(*args, **more)  # type: ignore[arg-type]

    with pytest.raises(ValueError):  # noqa: PT011
        save_figure(Broken(figsize=(1, 1)), tmp_path / "x", data)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_csv_holds_every_member_and_the_medians(run_folder: Path) -> None:
    shown = pd.read_csv(run_folder / "figures" / "ifp_distribution.csv")
    members = shown[shown["role"] == "member"]
    assert members.groupby(["factor", "measure"]).size().eq(9).all()
    medians = shown[shown["role"] == "median"].set_index(["factor", "measure"])["beta"]
    exact = members[(members["factor"] == "scale") & (members["measure"] == "exact")]["beta"]
    assert medians["scale", "exact"] == pytest.approx(exact.median(), rel=1e-5)


def test_the_trace_csv_holds_exact_and_trained_curves_and_latents(run_folder: Path) -> None:
    shown = pd.read_csv(run_folder / "figures" / "kl_trace.csv")
    typical = shown[(shown["role"] == "typical") & (shown["method"] == "train") & (shown["factor"] == "posY")]
    assert set(typical["latent"]) == {"total", "0", "1"}
    total = typical[typical["latent"] == "total"]["kl_nats"].to_numpy()
    parts = sum(typical[typical["latent"] == latent]["kl_nats"].to_numpy() for latent in ("0", "1"))
    np.testing.assert_allclose(parts, total, rtol=1e-5)
    assert {("exact", "equilibrium"), ("train", "cool"), ("train", "heat")} <= set(
        zip(shown["method"], shown["direction"], strict=True)
    )


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor_kl", [0.0, 5.0])
def test_a_factor_without_any_freezing_point_does_not_crash(
    synthetic: ModuleType, tmp_path: Path, kind: str, factor_kl: float
) -> None:
    beta = np.repeat(np.geomspace(100, 1, 30)[None, :], 9, axis=0)
    parts = [
        synthetic.one_curve(beta, np.full_like(beta, factor_kl), factor="shape", method="train"),
        synthetic.one_curve(beta, synthetic.curve_kl(beta, 20.0), factor="posX", method="train"),
    ]
    for name, chosen in (("both", parts), ("only", parts[:1])):
        folder = synthetic.write_run(tmp_path / name, type(parts[0]).concatenate(chosen))
        assert len(draw_run(folder, kinds=[kind])) == 3


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
    names = ["cost $$", r"$\alph$", "a_b^c", r"\frac", "_hidden\nline"]
    trace = synthetic.sprites_like_trace(rng, contexts=3, methods=("exact",))
    renamed = dict(zip(synthetic.FACTORS, names, strict=True))
    trace = replace(trace, factor_M=np.array([renamed[name] for name in trace.factor_M]))
    about = {"name": "$_.npz", "image_shape": [64, 64], "factor_names": names}
    folder = synthetic.write_run(tmp_path / "run", trace, dataset=about)
    draw_run(folder, kinds=[kind], labels={names[0]: names[1], names[2]: "_[/]"}, formats=["pdf"])
    run = read_run(folder)
    with paper_style():
        figure = (
            trace_figure(run, run.freezing_points(), summary_of(run), width_in=3.25)
            if kind == "trace"
            else distribution_figure(run, run.freezing_points(), summary_of(run), kind=kind, width_in=3.25)
        )[0]
    texts = [text.get_text() for text in visible_texts(figure)]
    for name in names:
        assert any(text.startswith(plain(name)) for text in texts), name


def test_labels_of_unknown_factors_are_refused(run_folder: Path) -> None:
    with pytest.raises(IfpError, match=r"Unknown factor 'posx'.*did you mean 'posX'"):
        draw_run(run_folder, labels={"posx": "x"})


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
        figure, _ = distribution_figure(run, run.freezing_points(), summary_of(run), kind=kind, width_in=3.25)
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
        figure, _ = trace_figure(run, points, summary_of(run), width_in=3.25)
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


@pytest.mark.parametrize("factors", [("posX",), ("posX", "shape"), ("posX", "shape", "scale", "posY")])
def test_the_legend_shows_the_markers_of_the_factors(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, factors: tuple[str, ...]
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=4, methods=("closed-form",), factors=factors)
    trace = replace(trace, beta_upper_M=trace.beta_closed_form_M)  # all of them continuous
    run = read_run(synthetic.write_run(tmp_path / "run", trace))
    with paper_style():
        figure, _ = distribution_figure(run, run.freezing_points(), summary_of(run), kind="strip", width_in=3.25)
        figure.draw_without_rendering()
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    shown = [artist.get_marker() for artist in legend_boxes(legend)[texts.index("one context")]]
    drawn = [line.get_marker() for line in figure.axes[0].get_lines() if line.get_gid() == POINT]
    assert shown == drawn[:3]
    assert len(set(drawn)) == len(factors)


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


@pytest.mark.parametrize(("factors", "width_in"), [(2, 3.25), (3, 3.25), (4, 3.25), (3, 6.5), (4, 6.5)])
def test_curves_and_their_legend_leave_no_cell_blank(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path, factors: int, width_in: float
) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=3, factors=synthetic.FACTORS[:factors])
    run = read_run(synthetic.write_run(tmp_path / "run", trace))
    with paper_style():
        figure, _ = trace_figure(run, run.freezing_points(), summary_of(run), width_in=width_in)
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
        figure = (
            trace_figure(run, run.freezing_points(), summary_of(run), width_in=3.25)
            if kind == "trace"
            else distribution_figure(run, run.freezing_points(), summary_of(run), kind=kind, width_in=3.25)
        )[0]
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
        figure = (
            trace_figure(run, run.freezing_points(), summary_of(run), width_in=2)
            if kind == "trace"
            else distribution_figure(run, run.freezing_points(), summary_of(run), kind=kind, width_in=2)
        )[0]
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        for text in visible_texts(figure):
            box = text.get_window_extent()
            assert page.contains(box.x0, box.y0), text.get_text()
            assert page.contains(box.x1, box.y1), text.get_text()


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
        figure = (
            trace_figure(run, run.freezing_points(), summary_of(run), width_in=3.25)
            if kind == "trace"
            else distribution_figure(run, run.freezing_points(), summary_of(run), kind=kind, width_in=3.25)
        )[0]
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        for text in visible_texts(figure):
            box = text.get_window_extent()
            assert page.contains(box.x0, box.y0), text.get_text()
            assert page.contains(box.x1, box.y1), text.get_text()


def test_the_label_says_threshold_units_and_conditions(run_folder: Path) -> None:
    run = read_run(run_folder)
    with paper_style():
        figure, _ = distribution_figure(run, run.freezing_points(), summary_of(run), kind="kde", width_in=3.25)
    label = figure.axes[0].get_xlabel()
    assert "at 0.1 nat (nats per nat)" in label
    assert "sprites, 64 \N{MULTIPLICATION SIGN} 64, Bernoulli likelihood" in label


def test_looks_differ_in_grey() -> None:
    looks = factor_looks([f"factor {n}" for n in range(8)]).values()
    for aspect in ("color", "marker", "linestyle", "hatch"):
        assert len({getattr(look, aspect) for look in looks}) == 8
    assert not {"<", ">"} & {look.marker for look in looks}


def test_functions_take_axes_and_return_them(synthetic: ModuleType, rng: np.random.Generator) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=3)
    points = freezing_points(trace)
    ax = Figure().add_subplot()
    assert plot_freezing_points(points, ax=ax) is ax
    assert plot_trace(trace, points, factor="posX", ax=ax) is ax
    assert plot_freezing_points(points).figure is not None
    assert plot_trace(trace, points, factor="posX").figure is not None


def test_unknown_kinds_methods_and_formats_are_refused(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=2, methods=("train",)))
    with pytest.raises(IfpError, match=r"Unknown kind 'ridges'.*did you mean 'ridge'"):
        plot_freezing_points(points, kind="ridges")
    with pytest.raises(IfpError, match="Unknown method 'exacts'"):
        plot_freezing_points(points, method="exacts")
    with pytest.raises(IfpError, match="holds no 'exact' freezing points"):
        plot_freezing_points(points, method="exact")
    with pytest.raises(IfpError, match="Unknown figure format 'svg'"):
        save_figure(Figure(), tmp_path / "x", points, formats=["svg"])
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_read_and_drawn_without_torch(small_folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, ifp.analysis\n"
        f"ifp.analysis.draw_run(pathlib.Path({str(small_folder)!r}), out=pathlib.Path({str(tmp_path)!r}))\n"
        "assert 'torch' not in sys.modules\n"
        # seaborn imports pyplot, but no figure is among its windows
        "import matplotlib.pyplot\n"
        "assert matplotlib.pyplot.get_fignums() == []\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path)
    assert (tmp_path / "ifp_distribution.pdf").exists()


def test_gaussian_runs_name_their_sigma(synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path) -> None:
    trace = synthetic.sprites_like_trace(rng, contexts=1, factors=("posX",))
    folder = synthetic.write_run(
        tmp_path / "run", trace, likelihood="gaussian", config={"sigma": 0.5, "threshold_nats": 0.1, "seed": 1}
    )
    assert read_run(folder).conditions().endswith(r"Gaussian ($\sigma$ = 0.5) likelihood")
    assert set(read_run(folder).freezing_points()["likelihood"]) == {"gaussian"}
