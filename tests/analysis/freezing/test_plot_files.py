"""Files of figures: their width and fonts, their bytes, their tables, and nothing partial or changed beside them."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ifp.analysis import draw_run, freezing_points
from ifp.analysis.figures.plot_page import save_figure
from ifp.analysis.figures.style import WIDTHS_IN, figure_width
from ifp.analysis.freezing.plot_run import FILE_OF, KINDS
from ifp.analysis.plot_folder import plot
from ifp.analysis.plots import plot_freezing_points
from ifp.errors import IfpError


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
    assert names == sorted(f"{stem}.{suffix}" for stem in FILE_OF.values() for suffix in ("pdf", "png", "csv", "txt"))


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


@pytest.mark.parametrize("factor_kl", [0.0, 5.0])
def test_a_factor_without_any_freezing_point_does_not_crash(
    synthetic: ModuleType, tmp_path: Path, factor_kl: float
) -> None:
    beta = np.repeat(np.geomspace(100, 1, 30)[None, :], 9, axis=0)
    parts = [
        synthetic.one_curve(beta, np.full_like(beta, factor_kl), factor="shape", method="train"),
        synthetic.one_curve(beta, synthetic.curve_kl(beta, 20.0), factor="posX", method="train"),
    ]
    for name, chosen in (("both", parts), ("only", parts[:1])):
        folder = synthetic.write_run(tmp_path / name, type(parts[0]).concatenate(chosen))
        assert len(draw_run(folder, kinds=KINDS, formats=["png"])) == 3 * len(KINDS)


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
    with pytest.raises(IfpError, match="Unknown figure format 'eps'"):
        save_figure(Figure(), tmp_path / "x", points, formats=["eps"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["pdf", "png", "svg"])
def test_a_figure_for_which_there_is_no_room_is_one_sentence(tmp_path: Path, kind: str) -> None:
    """As of a full disk; matplotlib itself ends in errors of its own."""
    figure = Figure((3, 2))
    figure.subplots().plot([0, 1])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(IfpError, match=r"cannot be written \(File too large\)"):
            save_figure(figure, tmp_path / "figure", pd.DataFrame({"x": [0, 1]}), formats=[kind])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_factor_of_the_data_that_is_not_annealed_is_told_so(small_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(IfpError, match="'scale' is a factor of the data set that is not annealed here"):
        plot(small_folder, factors="scale", out=tmp_path)
    with pytest.raises(IfpError, match="Unknown factor 'nope'"):
        plot(small_folder, factors="nope", out=tmp_path)
