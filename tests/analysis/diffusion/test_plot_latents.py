"""Bars, differences and curves: what is drawn is what was given, classes and noise told apart without colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_comparison import comparison_figure
from ifp.analysis.diffusion.plot_curves import nmi_curves_figure, spaced_by_ratio
from ifp.analysis.diffusion.plot_latents import decomposition_figure, kl_figure
from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.figures.style import factor_looks

FACTORS = ("shape", "scale", "orientation", "posX", "posY")


def latents_table(kl_nats: Sequence[float]) -> pd.DataFrame:
    kl = np.array(kl_nats, dtype=float)
    status = ["active" if value >= 0.1 else "weak" if value >= 0.01 else "collapsed" for value in kl]
    return pd.DataFrame(
        {"latent": range(len(kl)), "kl_nats": kl, "kl_low": 0.9 * kl, "kl_high": 1.1 * kl, "status": status}
    )


def draw_kl(kl_nats: Sequence[float], width_in: float = 3.25) -> tuple[Figure, pd.DataFrame]:
    with paper_style():
        figure, data = kl_figure(latents_table(kl_nats), width_in=width_in, collapsed_nats=0.01, active_nats=0.1)
        figure.draw_without_rendering()
    return figure, data


def test_bars_end_at_the_kl_in_its_order() -> None:
    figure, data = draw_kl([0.02, 2.0, 0.004, 0.3])
    (ax,) = figure.axes
    ends = {round(bar.get_y() + bar.get_height() / 2): bar.get_x() + bar.get_width() for bar in ax.patches}
    assert ends == pytest.approx({0: 2.0, 1: 0.3, 2: 0.02, 3: 0.004})
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["1", "3", "0", "2"]
    assert data["latent"].tolist() == [1, 3, 0, 2]
    assert ax.get_ylim() == (3.5, -0.5)  # the first on top
    spans = [line.get_xdata() for line in ax.get_lines() if line.get_linestyle() == "-"]
    np.testing.assert_allclose(spans[:2], [[1.8, 2.2], [0.27, 0.33]])


def test_classes_differ_without_colour_and_thresholds_are_marked() -> None:
    figure, _ = draw_kl([2.0, 0.02, 0.004])
    (ax,) = figure.axes
    looks = [(bar.get_facecolor() != (1, 1, 1, 1), bool(bar.get_hatch())) for bar in ax.patches]
    assert looks == [(True, False), (False, True), (False, False)]
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"] == [0.01, 0.1]
    assert {"active", "weak", "collapsed"} <= {text.get_text() for text in ax.texts}


@pytest.mark.parametrize("kl_nats", [[0.0], [2.5], [np.nan, 1.0], [0.0] * 3, np.geomspace(30, 1e-9, 64).tolist()])
def test_any_kl_is_drawn_with_its_number(kl_nats: list[float]) -> None:
    figure, data = draw_kl(kl_nats)
    (ax,) = figure.axes
    written = [text.get_text() for text in ax.texts]
    for value in data["kl_nats"]:
        assert ("\N{EN DASH}" if np.isnan(value) else f"{value:.3f}") in written
    assert len(ax.patches) == sum(value > 0.001 for value in kl_nats)
    low, high = ax.get_xlim()
    assert low == pytest.approx(0.001)
    assert high > np.nanmax(kl_nats)


def test_the_parts_of_the_kl_and_their_sum() -> None:
    parts = pd.DataFrame(
        {"part": ["index-code MI", "rest", "sum"], "nats": [5.0, -0.1, 4.9], "stderr_nats": [0.1, 0.05, 0.1]}
    )
    with paper_style():
        figure, data = decomposition_figure(parts, width_in=3.25, cap_nats=5.5)
        without = decomposition_figure(parts, width_in=3.25, cap_nats=20.0)[0]
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == [5.0, -0.1, 4.9]
    assert "at most ln N" in {text.get_text() for text in ax.texts}
    assert "at most ln N" not in {text.get_text() for text in without.axes[0].texts}
    pd.testing.assert_frame_equal(data, parts)


def comparison_table(factors: Sequence[str] = FACTORS) -> pd.DataFrame:
    rows = [
        ("posterior", factor, measure, 0.5, 0.5 + shift, shift, shift - 0.1, shift + 0.1, abs(shift) < 0.1)
        for place, factor in enumerate(factors)
        for measure, shift in (("excess_nmi1", 0.05 * place), ("excess_nmi2", -0.05 * place), ("gap", 0.9))
    ]
    names = ["estimator", "factor", "measure", "a", "b", "difference", "low", "high", "within_noise"]
    return pd.DataFrame(rows, columns=names)


def points_of(ax: Axes) -> list[tuple[float, float, bool]]:
    """Difference, row and whether filled, of each point."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0], line.get_markerfacecolor() != "white")
        for line in ax.get_lines()
        if line.get_marker() != "None"
    ]


def test_differences_are_hollow_within_noise() -> None:
    with paper_style():
        figure, data = comparison_figure(comparison_table(), label_a="old", label_b="new", width_in=3.25)
    for ax, sign in zip(figure.axes, (1, -1), strict=True):
        expected = [(sign * 0.05 * place, place, place >= 2) for place in range(5)]
        assert points_of(ax) == [(pytest.approx(x), y, filled) for x, y, filled in expected]
        assert ax.get_xlim()[0] < 0 < ax.get_xlim()[1]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == list(FACTORS)
    assert set(data["measure"]) == {"excess_nmi1", "excess_nmi2"}
    assert any(text.get_text() == "difference of NMI above floor: new less old" for text in figure.texts)


def test_an_unknown_difference_is_said_to_be_unknown() -> None:
    table = comparison_table(("shape",)).astype({"within_noise": object})
    table.loc[0, ["difference", "low", "high", "within_noise"]] = [np.nan, np.nan, np.nan, None]
    with paper_style():
        figure, _ = comparison_figure(table, label_a="a", label_b="b", width_in=3.25)
    assert points_of(figure.axes[0]) == []
    assert "unknown" in {text.get_text() for text in figure.axes[0].texts}


def series_table(steps: Sequence[int], factors: Sequence[str] = FACTORS) -> pd.DataFrame:
    rows = [
        (step, f"model {step}", "posterior", factor, 0.1 + 0.01 * at, 0.09, 0.7, 0.002 * at, 0.0, 0.3)
        for factor in factors
        for at, step in enumerate(steps)
    ]
    numbers = [f"excess_{name}{end}" for name in ("nmi1", "nmi2") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["step", "label", "estimator", "factor", *numbers])


@pytest.mark.parametrize("factors", [1, 5, 6, 12])
def test_a_panel_per_factor_with_both_curves(factors: int) -> None:
    names = [f"factor {number}" for number in range(factors)]
    series = series_table([1000, 2000, 3000], names)
    with paper_style():
        figure, data = nmi_curves_figure(series, width_in=3.25)
        figure.draw_without_rendering()
    panels = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in panels] == names
    looks = factor_looks(names)
    for ax, name in zip(panels, names, strict=True):
        first, second = ax.get_lines()
        np.testing.assert_allclose(first.get_ydata(), [0.1, 0.11, 0.12])
        np.testing.assert_allclose(second.get_ydata(), [0.0, 0.002, 0.004])
        assert first.get_linestyle() == "-"
        assert second.get_linestyle() == "--"
        assert first.get_color() == second.get_color() == looks[name].color
        assert len(ax.collections) == 2  # the bands
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
    assert [legend.get_title().get_text() for legend in legends] == ["posterior estimator"]
    assert len(data) == len(series)


def test_gaps_in_the_numbers_do_not_crash() -> None:
    series = series_table([0, 1, 2, 3])
    series.loc[series.index[::3], ["excess_nmi1", "excess_nmi1_low", "excess_nmi1_high"]] = np.nan
    with paper_style():
        figure, _ = nmi_curves_figure(series, width_in=5.5)
        figure.draw_without_rendering()
    series[["excess_nmi1", "excess_nmi1_low", "excess_nmi1_high"]] = np.nan
    with paper_style():
        nmi_curves_figure(series, width_in=5.5)[0].draw_without_rendering()


@pytest.mark.parametrize(
    ("steps", "scale"),
    [([100, 1000, 10000, 100000], "log"), ([0, 100, 1000, 10000, 100000], "symlog"),
     ([0, 10000, 20000, 480000], "linear"), (list(range(1, 61)), "linear"), ([5, 7], "linear")],
)  # fmt: skip
def test_the_axis_of_steps_follows_their_spacing(steps: list[int], scale: str) -> None:
    assert spaced_by_ratio(np.array(steps, dtype=float)) == (scale != "linear")
    with paper_style():
        figure, _ = nmi_curves_figure(series_table(steps, ("shape",)), width_in=3.25)
        figure.draw_without_rendering()
    ax = figure.axes[0]
    assert ax.get_xscale() == scale
    assert ax.get_xlim()[0] < steps[0] < steps[-1] < ax.get_xlim()[1]
