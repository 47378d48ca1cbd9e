"""All figures of a folder: page widths, fonts, equal bytes, csv beside each, nothing stale, no side effects."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from ifp.analysis.diffusion.comparison import compare
from ifp.analysis.diffusion.diagnosis import Diagnosis, diagnose
from ifp.analysis.diffusion.plot_diagnosis import FIGURES, TRAVERSALS_FILE, draw_diagnosis, heading_of
from ifp.analysis.diffusion.results import Results, load_results, write_results
from ifp.analysis.diffusion.results_content import make_results
from ifp.analysis.diffusion.series import SeriesRecord, make_series
from ifp.analysis.figures.style import WIDTHS_IN, figure_width
from ifp.analysis.information.decomposition import KlDecomposition
from ifp.codes import Codes
from ifp.errors import IfpError

TRUTHS = {
    1000: [[0.3, 0.0, 0.1], [0.0, 0.4, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    2000: [[0.8, 0.0, 0.3], [0.0, 0.6, 0.2], [0.0, 0.1, 0.0], [0.0, 0.0, 0.0]],
    3000: [[0.7, 0.0, 0.4], [0.0, 0.6, 0.3], [0.0, 0.2, 0.0], [0.0, 0.0, 0.0]],
}
PARTS = KlDecomposition(1.5, 1.7, 0.4, 1.1, 3.0, 3.05, 0.02, 0.02, 0.01, 0.03, 9.2, {"images": 10000})


@pytest.fixture(scope="module")
def diagnoses(constructed: ModuleType) -> dict[int, Diagnosis]:
    rng = np.random.default_rng(0)
    return {
        step: constructed.diagnosis_of(
            [constructed.information_of(truth, rng, estimator=name) for name in ("histogram", "posterior")],
            rng,
            kl_nats_D=[1.2, 1.9, 0.05, 0.001],
        )
        for step, truth in TRUTHS.items()
    }


@pytest.fixture(scope="module")
def folder(diagnoses: dict[int, Diagnosis], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything: a series, a comparison, the parts of the KL, traversals; drawn."""
    path: Path = tmp_path_factory.mktemp("diagnosis")
    series = make_series([SeriesRecord(step, f"model {step}", of) for step, of in diagnoses.items()])
    results = make_results(
        diagnoses[3000],
        series=series,
        comparison=compare(diagnoses[1000], diagnoses[3000], label_a="early", label_b="late"),
    )
    results.content["decomposition"] = {**vars(PARTS), "settings": {}}
    write_results(results, path)
    images = np.random.default_rng(1).random((4, 5, 1, 16, 16))
    np.savez(path / TRAVERSALS_FILE, images=images, values=np.linspace(-2, 2, 5))
    draw_diagnosis(path)
    return path


def page_width_in(pdf: Path) -> float:
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf.read_bytes())
    assert box is not None
    return float(box[1]) / 72


def test_everything_is_drawn_and_nothing_partial_left(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "figures").iterdir())
    assert names == sorted(f"{stem}.{suffix}" for stem in FIGURES for suffix in ("pdf", "png", "csv", "txt"))


@pytest.mark.parametrize("name", FIGURES)
def test_pages_are_one_column_wide_with_truetype_fonts(folder: Path, name: str) -> None:
    pdf = folder / "figures" / f"{name}.pdf"
    assert page_width_in(pdf) == pytest.approx(3.25, abs=0.01)
    content = pdf.read_bytes()
    assert b"/Type3" not in content
    assert b"/FontFile2" in content


@pytest.mark.parametrize("width", [*WIDTHS_IN, 4.37])
def test_every_venue_gets_its_width(folder: Path, tmp_path: Path, width: str | float) -> None:
    figures = ["nmi", "nmi_curves", "traversals"]  # of each way of laying out a page
    for pdf in draw_diagnosis(folder, width=width, out=tmp_path, formats=["pdf"], figures=figures):
        if pdf.suffix == ".pdf":
            assert page_width_in(pdf) == pytest.approx(figure_width(width), abs=0.01)


def test_equal_diagnoses_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    draw_diagnosis(folder, out=tmp_path)
    for path in sorted((folder / "figures").iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_settings_are_the_users_own_afterwards(folder: Path, tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 13.0, "pdf.fonttype": 3}):
        before = dict(mpl.rcParams)
        draw_diagnosis(folder, out=tmp_path, formats=["pdf"])
        assert dict(mpl.rcParams) == before


def test_the_csv_files_hold_what_the_tables_hold(folder: Path) -> None:
    results, figures = load_results(folder), folder / "figures"
    shown = pd.read_csv(figures / "nmi.csv").sort_values(["estimator", "latent"], kind="stable")
    np.testing.assert_allclose(shown["nmi"], results.table("nmi")["nmi"], rtol=1e-5)
    assert pd.read_csv(figures / "kl.csv")["latent"].tolist() == [1, 0, 2, 3]
    for name, column in (("nmi_series", "nmi2"), ("nmi_curves", "excess_nmi2")):
        series = results.table("series")
        expected = series[series["estimator"] == "posterior"].sort_values("step", kind="stable")
        np.testing.assert_allclose(pd.read_csv(figures / f"{name}.csv")[column], expected[column], rtol=1e-5)
    compared = results.table("comparison").query(
        "estimator == 'posterior' and measure in ('excess_nmi1', 'excess_nmi2')"
    )
    np.testing.assert_allclose(pd.read_csv(figures / "comparison.csv")["difference"], compared["difference"], rtol=1e-5)
    assert pd.read_csv(figures / "kl_decomposition.csv")["nats"].tolist() == [1.5, 0.4, 1.1, 3.0]


def test_the_estimator_can_be_chosen(folder: Path, tmp_path: Path) -> None:
    draw_diagnosis(folder, estimator="histogram", figures=["nmi_series"], formats=["pdf"], out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nmi_series.csv", "nmi_series.pdf", "nmi_series.txt"]
    assert set(pd.read_csv(tmp_path / "nmi_series.csv")["estimator"]) == {"histogram"}


def test_one_checkpoint_has_no_series_and_leaves_none_of_before(
    diagnoses: dict[int, Diagnosis], tmp_path: Path
) -> None:
    write_results(make_results(diagnoses[3000]), tmp_path)
    (tmp_path / "figures").mkdir()
    for name in ("nmi_series.pdf", "comparison.csv", "mine.pdf"):
        (tmp_path / "figures" / name).write_text("old")
    draw_diagnosis(tmp_path, formats=["png"])
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "kl.csv", "kl.png", "kl.txt", "mine.pdf", "nmi.csv", "nmi.png", "nmi.txt",
    ]  # fmt: skip
    with pytest.raises(IfpError, match="has no data for the figure 'comparison'; it has for nmi, kl"):
        draw_diagnosis(tmp_path, figures=["comparison"])


def test_without_labels_the_kl_is_drawn(tmp_path: Path, rng: np.random.Generator) -> None:
    mean_ND = rng.normal(size=(200, 3)) * [0.9, 0.5, 0.01]
    logvar_ND = np.broadcast_to(np.log([0.19, 0.75, 1.0]), (200, 3)).copy()
    codes = Codes(mean_ND, logvar_ND, np.zeros((200, 0), dtype=np.int64))
    write_results(make_results(diagnose(codes, bootstraps=20)), tmp_path)
    np.savez(tmp_path / TRAVERSALS_FILE, images=np.zeros((3, 2, 1, 8, 8)), values=np.array([-1.0, 1.0]))
    paths = draw_diagnosis(tmp_path, formats=["pdf"])
    assert [path.name for path in paths if path.suffix == ".pdf"] == [
        "kl.pdf",
        "kl_decomposition.pdf",
        "traversals.pdf",
    ]


def test_mistakes_are_refused_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    for options, message in (
        ({"figures": ["nmis"]}, "Unknown figure 'nmis'.*did you mean 'nmi'"),
        ({"formats": ["eps"]}, "Unknown figure format 'eps'"),
        ({"estimator": "knn"}, "Unknown estimator 'knn'"),
        ({"width": "a4"}, "width must be icml"),
    ):
        with pytest.raises(IfpError, match=message):
            draw_diagnosis(folder, out=tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(IfpError, match=r"There is no .*diagnosis\.json"):
        draw_diagnosis(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x80\x04not a pickle"])
def test_damaged_traversals_are_one_sentence(diagnoses: dict[int, Diagnosis], tmp_path: Path, content: bytes) -> None:
    write_results(make_results(diagnoses[3000]), tmp_path)
    (tmp_path / TRAVERSALS_FILE).write_bytes(content)
    with pytest.raises(IfpError, match=r"traversals\.npz cannot be read .*; run the same `ifp diagnose` command again"):
        draw_diagnosis(tmp_path)


def visible_texts(figure: Figure) -> list[Text]:
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for ax in figure.axes:
        legend = ax.get_legend()
        texts += [*ax.texts, ax.title, *(legend.get_texts() if legend else [])]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            texts += [axis.label, *(tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("width", ["icml", "neurips"])
def test_texts_neither_overlap_nor_leave_the_page(
    folder: Path, tmp_path: Path, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Figure] = {}

    def keep(figure: Figure, stem: Path, data: pd.DataFrame, *, formats: object, caption: str) -> list[Path]:
        drawn[stem.name] = figure
        return []

    monkeypatch.setattr("ifp.analysis.diffusion.plot_diagnosis.save_figure", keep)
    draw_diagnosis(folder, width=width, out=tmp_path)
    assert list(drawn) == list(FIGURES)
    for name, figure in drawn.items():
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(figure)]
        assert len(boxes) > 8
        page = figure.bbox.padded(1)
        for number, (words, box) in enumerate(boxes):
            assert page.contains(box.x0, box.y0), (name, words)
            assert page.contains(box.x1, box.y1), (name, words)
            small = box.shrunk(0.96, 0.7)
            touching = [other for other, at in boxes[number + 1 :] if small.overlaps(at.shrunk(0.96, 0.7))]
            assert touching == [], (name, words)


def test_a_folder_is_drawn_without_torch_and_without_windows(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, ifp.analysis.diffusion.plot_diagnosis as plot\n"
        f"plot.draw_diagnosis(pathlib.Path({str(folder)!r}), out=pathlib.Path({str(tmp_path)!r}), formats=['pdf'])\n"
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path)
    assert (tmp_path / "nmi.pdf").exists()


def test_a_heading_names_the_model_of_the_figure_and_both_where_two_are_compared() -> None:
    content = {
        "compared": {"a": "beta-VAE", "b": "DEFT"},
        "about": {"run": "DEFT", "dataset": {"name": "sprites"}, "checkpoint": {"likelihood": "bernoulli"}},
    }
    middle = " \N{MIDDLE DOT} "
    assert heading_of(Results(content)) == middle.join(["DEFT", "sprites", "bernoulli likelihood"])
    assert heading_of(Results(content), both=True).startswith("beta-VAE, DEFT" + middle)
    assert heading_of(Results({"compared": None})) == ""
