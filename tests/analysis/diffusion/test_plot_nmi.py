"""Heat maps: each cell where its latent, factor or step belongs, noise without colour, any size on the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_heatmap import MOST_PAGE_IN, RAMP
from ifp.analysis.diffusion.plot_models import ModelPanel, models_figure
from ifp.analysis.diffusion.plot_nmi import nmi_figure
from ifp.analysis.diffusion.plot_series import nmi_series_figure
from ifp.analysis.figures.plot_layout import add_heading
from ifp.analysis.figures.plot_page import paper_style

FACTORS = ("shape", "scale", "orientation", "posX", "posY")
LONG = (*FACTORS, "a very long name of a factor of variation", *(f"factor {n}" for n in range(6)))
CEILING = 0.02


def latents_table(kl_nats: Sequence[float]) -> pd.DataFrame:
    status = ["active" if kl >= 0.1 else "weak" if kl >= 0.01 else "collapsed" for kl in kl_nats]
    return pd.DataFrame({"latent": range(len(kl_nats)), "kl_nats": kl_nats, "status": status})


def nmi_table(
    rng: np.random.Generator, latents: int, factors: Sequence[str] = FACTORS, estimators: Sequence[str] = ("histogram",)
) -> pd.DataFrame:
    rows = [
        (estimator, latent, factor, rng.choice([0.01, 0.3, 0.9]))
        for estimator in estimators
        for latent in range(latents)
        for factor in factors
    ]
    table = pd.DataFrame(rows, columns=["estimator", "latent", "factor", "nmi"]).assign(ceiling_nmi=CEILING)
    return table.assign(above_noise=table["nmi"] > CEILING)


def series_table(steps: Sequence[int], factors: Sequence[str] = FACTORS) -> pd.DataFrame:
    rows = [
        (step, f"model {step}", "posterior", factor, 0.6, True, 0.02 * place, place >= 2)
        for step in steps
        for place, factor in enumerate(factors)
    ]
    names = ("nmi1", "nmi1_above_noise", "nmi2", "nmi2_above_noise")
    return pd.DataFrame(rows, columns=["step", "label", "estimator", "factor", *names])


def panels_of(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if any(isinstance(artist, QuadMesh) for artist in ax.collections)][:2]


def cells_of(ax: Axes) -> np.ma.MaskedArray:
    (mesh,) = [artist for artist in ax.collections if isinstance(artist, QuadMesh)]
    return np.ma.asarray(mesh.get_array())


def texts_at(ax: Axes, shape: tuple[int, int]) -> np.ndarray:
    """The number written in each cell."""
    found = np.full(shape, "", dtype=object)
    for text in ax.texts:
        x, y = text.get_position()
        if text.get_transform() == ax.transData:
            found[int(y), int(x)] = text.get_text()
    return found


def test_rows_are_latents_by_kl_and_columns_factors_in_their_order(rng: np.random.Generator) -> None:
    kl_nats, nmi = [0.001, 3.0, 0.05, 1.0], nmi_table(rng, 4)
    with paper_style():
        figure, data = nmi_figure(nmi, latents_table(kl_nats), width_in=3.25)
    ax = panels_of(figure)[0]
    expected = nmi.pivot(index="latent", columns="factor", values="nmi").loc[[1, 3, 2, 0], list(FACTORS)].to_numpy()
    np.testing.assert_array_equal(cells_of(ax).data, expected)
    # the collapsed latent is blank: no colour, no number
    collapsed = np.arange(4)[:, None] == 3
    np.testing.assert_array_equal(cells_of(ax).mask, (expected <= CEILING) | collapsed)
    assert texts_at(ax, (4, 5)).tolist() == [[f"{value:.2f}" for value in row] for row in expected[:3]] + [[""] * 5]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == list(FACTORS)
    assert list(dict.fromkeys(data["latent"])) == [1, 3, 2, 0]
    np.testing.assert_array_equal(data["nmi"].to_numpy().reshape(4, 5), expected)
    beside = [text.get_text() for text in ax.texts if text.get_transform() != ax.transData]
    assert [text for text in beside if "." in text] == ["3.000", "1.000", "0.050", "0.001"]


def test_noise_is_grey_and_collapsed_latents_are_named(rng: np.random.Generator) -> None:
    with paper_style():
        figure, _ = nmi_figure(nmi_table(rng, 4), latents_table([2.0, 1.0, 0.05, 0.001]), width_in=3.25)
    ax = panels_of(figure)[0]
    in_cells = [text for text in ax.texts if text.get_transform() == ax.transData]
    greys = {text.get_text() for text in in_cells if to_hex(text.get_color()) == "#6e6e6e"}
    assert greys == {"0.01"}
    beside = {text.get_text(): to_hex(text.get_color()) for text in ax.texts if text.get_transform() != ax.transData}
    assert {"weak", "collapsed"} <= set(beside)
    assert beside["0.001"] == "#6e6e6e"
    assert beside["2.000"] == "#222222"
    assert [text.get_text() for text in figure.texts] == ["grey numbers: within noise"]


def test_a_panel_per_estimator_with_its_name(rng: np.random.Generator) -> None:
    nmi = nmi_table(rng, 3, estimators=("histogram", "posterior"))
    with paper_style():
        figure, data = nmi_figure(nmi, latents_table([2.0, 1.0, 0.5]), width_in=5.5)
    names = [[text.get_text() for text in ax.texts if text.get_text().startswith("NMI")] for ax in panels_of(figure)]
    assert names == [["NMI, histogram"], ["NMI, posterior"]]
    assert data["estimator"].tolist() == ["histogram"] * 15 + ["posterior"] * 15


@pytest.mark.parametrize("width_in", [2.0, 3.25, 6.5])
@pytest.mark.parametrize(("latents", "factors"), [(1, 1), (1, 12), (10, 5), (64, 1), (64, 12)])
def test_any_size_stays_on_the_page(rng: np.random.Generator, width_in: float, latents: int, factors: int) -> None:
    nmi = nmi_table(rng, latents, LONG[:factors], estimators=("histogram", "posterior"))
    with paper_style():
        figure, data = nmi_figure(nmi, latents_table(np.geomspace(4, 1e-4, latents).tolist()), width_in=width_in)
        figure.draw_without_rendering()
        page, content = figure.bbox.padded(1), figure.get_tightbbox()
    assert len(data) == 2 * latents * factors
    assert figure.get_figwidth() == width_in
    assert figure.get_figheight() < MOST_PAGE_IN + 1
    assert page.x0 <= content.x0 * figure.dpi
    assert content.x1 * figure.dpi <= page.x1
    assert page.y0 <= content.y0 * figure.dpi
    assert content.y1 * figure.dpi <= page.y1


def test_cells_too_small_for_numbers_get_a_colour_bar(rng: np.random.Generator) -> None:
    nmi = nmi_table(rng, 64, LONG, estimators=("histogram", "posterior"))
    with paper_style():
        figure, _ = nmi_figure(nmi, latents_table(np.geomspace(4, 1e-4, 64).tolist()), width_in=3.25)
    assert not texts_at(panels_of(figure)[0], (64, 12)).any()
    assert figure.axes[-1].get_xlabel() == "NMI"
    assert list(figure.axes[-1].get_xlim()) == [0, 1]


def test_latents_beyond_64_are_counted_on_the_page(rng: np.random.Generator) -> None:
    with paper_style():
        figure, data = nmi_figure(nmi_table(rng, 80), latents_table(np.geomspace(4, 1e-3, 80).tolist()), width_in=5.5)
    assert set(data["latent"]) == set(range(64))
    assert any("not drawn: 16 latents with KL up to 0.005 nat" in text.get_text() for text in figure.texts)


def test_missing_numbers_are_dashes(rng: np.random.Generator) -> None:
    nmi = nmi_table(rng, 2)
    nmi.loc[0, "nmi"] = np.nan
    with paper_style():
        figure, _ = nmi_figure(nmi, latents_table([1.0, np.nan]), width_in=3.25)
    ax = panels_of(figure)[0]
    assert texts_at(ax, (2, 5))[0, 0] == "\N{EN DASH}"
    assert cells_of(ax).mask[0, 0]


def test_names_are_drawn_as_they_are(rng: np.random.Generator) -> None:
    with paper_style():
        figure, _ = nmi_figure(nmi_table(rng, 2, ("a$b$", "x_1")), latents_table([1.0, 0.5]), width_in=3.25)
        figure.draw_without_rendering()
    assert [tick.get_text() for tick in panels_of(figure)[0].get_xticklabels()] == [r"a\$b\$", "x_1"]


def test_time_runs_downward_and_an_interval_at_0_has_no_colour() -> None:
    with paper_style():
        figure, data = nmi_series_figure(series_table([30000, 10000, 20000]), width_in=3.25)
    first, second = panels_of(figure)
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["10", "20", "30"]
    assert data["step"].is_monotonic_increasing
    np.testing.assert_array_equal(cells_of(first).data, np.full((3, 5), 0.6))
    np.testing.assert_array_equal(cells_of(second).data, np.tile(0.02 * np.arange(5), (3, 1)))
    assert not np.ma.getmaskarray(cells_of(first)).any()
    assert cells_of(second).mask.tolist() == [[True, True, False, False, False]] * 3
    assert any("thousands" in text.get_text() for text in first.texts)


@pytest.mark.parametrize(("records", "shown", "note"), [(60, 60, ""), (61, 31, "every 2nd record of 61")])
def test_many_records_are_thinned_from_the_last_and_said_so(records: int, shown: int, note: str) -> None:
    steps = list(range(1, records + 1))
    with paper_style():
        figure, data = nmi_series_figure(series_table(steps), width_in=3.25)
    assert data["step"].nunique() == shown
    assert data["step"].max() == records
    assert [text.get_text() for text in figure.texts if "record" in text.get_text()] == ([note] if note else [])


def lightness(color: tuple[float, ...]) -> float:
    """CIE L* of an sRGB colour (IEC 61966-2-1, CIE 15)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    y = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    return 116 * y ** (1 / 3) - 16 if y > (6 / 29) ** 3 else y * (29 / 3) ** 3


def test_the_ramp_darkens_evenly_so_that_it_prints_in_grey() -> None:
    steps = np.diff([lightness(RAMP(value)) for value in np.linspace(0, 1, 21)])
    assert (steps < 0).all()
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.25)
    assert lightness(RAMP(0.0)) < 96  # the least of the data is not the white of noise


def test_a_panel_per_model_and_headings_leave_what_is_shown_where_it_was(rng: np.random.Generator) -> None:
    models = [
        ModelPanel(name, nmi_table(rng, count), latents_table([2.0, 1.0, 0.001, 0.5][:count]))
        for name, count in (("beta-VAE", 4), ("_price in $", 3))
    ]
    for width_in, side_by_side in ((5.5, True), (3.25, False)):
        with paper_style():
            figure, data = models_figure(models, estimator="posterior", width_in=width_in)
            panels, before = panels_of(figure), [ax.get_window_extent().bounds for ax in panels_of(figure)]
            add_heading(figure, "beta-VAE \N{MIDDLE DOT} sprites \N{MIDDLE DOT} bernoulli likelihood")
        assert data.groupby("model").size().to_dict() == {"beta-VAE": 20, "_price in $": 15}
        np.testing.assert_allclose([ax.get_window_extent().bounds for ax in panels], before, atol=0.01)
        tops = [ax.get_position().y1 for ax in panels]
        assert bool(tops[0] == pytest.approx(tops[1])) is side_by_side
        assert figure.get_figwidth() == width_in
        figure.canvas.draw()
        assert figure.texts[-1].get_window_extent().y1 <= figure.bbox.height
        assert figure.texts[-1].get_window_extent().y0 > max(ax.get_window_extent().y1 for ax in panels)
