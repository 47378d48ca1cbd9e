"""`ifp plot` under the user's control: several runs in one figure, which factors, title, legend, font and height."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

import ifp
from ifp.analysis.figures import plot_finish
from ifp.analysis.figures.page_choices import PageChoices, choosing, looking
from ifp.analysis.figures.plot_finish import remove_legends
from ifp.analysis.figures.plot_layout import formula_width_in
from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import factor_looks
from ifp.analysis.freezing import plot_runs
from ifp.analysis.freezing.plot_run_headings import add_run_heading
from ifp.analysis.freezing.saved_run import read_run
from ifp.analysis.training import plot_trainings
from ifp.cli import main
from ifp.errors import IfpError, IfpWarning

SYNTHETIC = Path(__file__).parents[1] / "analysis" / "synthetic.py"


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ifp_synthetic_traces", SYNTHETIC)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs: shape, scale and posX; posX and shape, stored in this other order."""
    place = tmp_path_factory.mktemp("runs")
    for name, factors in (("first", ("shape", "scale", "posX")), ("second", ("posX", "shape"))):
        trace = synthetic.sprites_like_trace(np.random.default_rng(len(factors)), contexts=3, factors=factors)
        stored = [*factors, *(other for other in synthetic.FACTORS if other not in factors)]
        about = {"name": "sprites", "checksum": "0" * 64, "image_shape": [64, 64], "factor_names": stored,
                 "factor_sizes": [2] * len(stored)}  # fmt: skip
        synthetic.write_run(place / name, trace, dataset=about)
    return place / "first", place / "second"


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    factors = np.random.default_rng(0).integers([3, 4], size=(120, 2))
    mean = np.column_stack([factors - [1.0, 1.5], np.zeros(120)])
    codes = ifp.Codes(mean, np.full_like(mean, [-3.0, -3.0, 0.0]), factors, ["shape", "scale"])
    folder = tmp_path_factory.mktemp("diagnosis") / "d"
    ifp.diagnose(codes, joint=False, metrics="none", permutations=20, bootstraps=20).save(folder)
    return folder


def picture(path: Path) -> np.ndarray:
    """The pixels of a PNG [height, width, 4]."""
    pixels: np.ndarray = imread(path)
    return pixels


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plot", *map(str, arguments)])


def test_two_runs_stand_in_one_figure_in_one_order(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}
    draw = plot_runs.distributions_figure

    def watched(*arguments: object, **options: object) -> object:
        seen["figure"], data = draw(*arguments, **options)  # type: ignore[arg-type]
        return seen["figure"], data

    monkeypatch.setattr(plot_runs, "distributions_figure", watched)
    result = call(
        *runs, "--kind", "strip", "--format", "png", "--out", tmp_path, "--name", "B=other", "--order", "shape"
    )
    assert result.exit_code == 0, result.output
    data = pd.read_csv(tmp_path / "ifp_strip.csv")
    assert data["run"].unique().tolist() == ["first", "other"]
    first, second = seen["figure"].axes
    assert [ax.get_title(loc="left").split(":")[0] for ax in (first, second)] == ["first", "other"]
    assert [label.get_text().split("\n")[0] for label in first.get_yticklabels()] == ["shape", "posX", "scale"]
    assert [label.get_text().split("\n")[0] for label in second.get_yticklabels()] == ["shape", "posX"]
    assert first.get_xlim() == second.get_xlim()
    assert first.get_xlabel() == ""
    assert second.get_xlabel().startswith(r"freezing point $\beta$ at 0.1 nat")
    # posX comes first in the second data set, and has the colour of its place in the first all the same
    looks = factor_looks(["shape", "scale", "posX"])
    for ax in (first, second):
        colors = {to_hex(line.get_color()).upper() for line in ax.lines if line.get_gid() == "point"}
        assert looks["posX"].color in colors
        assert looks["scale"].color in colors or ax is second


def test_curves_of_two_runs_are_two_columns(runs: tuple[Path, Path], tmp_path: Path) -> None:
    drawn = ifp.plot(list(runs), kinds="trace", factors="posX", out=tmp_path / "narrow", formats="png")
    data = pd.read_csv(drawn[1])
    assert set(data["factor"]) == {"posX"}
    assert data["run"].unique().tolist() == ["first", "second"]
    with pytest.raises(IfpError, match=r"Curves of 2 runs need a page of 2\.6 inches, and this one has 2\.5"):
        ifp.plot(list(runs), kinds="trace", width=2.5, out=tmp_path / "no")
    with pytest.raises(IfpError, match="The run second has none of the factors scale; leave it out"):
        ifp.plot(list(runs), factors="scale", out=tmp_path / "no")


def test_the_heading_of_a_panel_ends_on_the_page(runs: tuple[Path, Path]) -> None:
    run = read_run(runs[0])
    run.run["dataset"]["name"] = "npz:renders_of_$1.npz#grid=shape:2,x:10,y:10"
    long = "A long name of a run with 20,000 steps that goes on and on"
    with choosing(PageChoices(font="sans")), paper_style():
        for width_in, name in ((1.3, "a"), (3.25, "a"), (1.3, long), (2.27, long)):
            ax = new_figure(width_in, 1.0).add_subplot()
            lines = add_run_heading(ax, name, run.conditions(), width_in)
            title = ax.get_title(loc="left")
            assert len(title.split("\n")) == lines
            assert "64 \N{MULTIPLICATION SIGN} 64" in title
            assert title.endswith("Bernoulli likelihood")
            assert max(formula_width_in(line) for line in title.split("\n")) < width_in


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the closed form, which has onsets and no curves."""
    images = np.tri(6, 8)[:, :, None] * np.ones(3)
    folder = tmp_path_factory.mktemp("edges") / "edges"
    ifp.anneal(ifp.dataset(images, np.arange(6), ["length"]), method="closed-form", out=folder, formats=())
    return folder


def test_curves_are_drawn_without_runs_that_have_none_with_a_word(
    runs: tuple[Path, Path], edges: Path, tmp_path: Path
) -> None:
    with pytest.warns(IfpWarning, match=r"kl_trace is drawn without edges, which holds no curves \(the closed form"):
        ifp.plot([runs[0], edges], out=tmp_path, formats="png", kinds=["trace"], width=2.5)
    assert pd.read_csv(tmp_path / "kl_trace.csv")["run"].unique().tolist() == ["first"]
    assert "edges" not in (tmp_path / "kl_trace.txt").read_text().split("Thin lines")[0]
    with pytest.warns(IfpWarning, match=r"kl_trace is not drawn: Curves of 2 runs need a page of 2\.6 inches"):
        ifp.plot(list(runs), out=tmp_path / "narrow", formats="png", width=2.5)


def test_panels_say_which_are_onsets_and_the_axis_says_what_both_are(runs: tuple[Path, Path], edges: Path) -> None:
    named = plot_runs._read({"a": runs[1], "b": edges}, (), {}, ())
    with paper_style():
        figure, _ = plot_runs.distributions_figure(named, kind="strip", width_in=3.25)
    first, second = figure.axes
    assert first.get_title(loc="left").endswith("freezing point $\\beta$ at 0.1 nat")
    assert second.get_title(loc="left").endswith("onset $\\beta$, lower edge")
    assert second.get_xlabel().splitlines()[0] == r"$\beta$ (nats per nat)"
    words = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert "one context" in words
    assert not any("exact" in text for text in words)


def test_labels_of_counts_of_low_panels_do_not_overlap(runs: tuple[Path, Path]) -> None:
    named = plot_runs._read({"a": runs[0], "b": runs[1]}, (), {}, ("posX",))
    with choosing(PageChoices(font="sans")), paper_style():
        figure, _ = plot_runs.distributions_figure(named, kind="hist", width_in=3.25)
        figure.draw_without_rendering()
        boxes = [ax.yaxis.label.get_window_extent() for ax in figure.axes if ax.get_ylabel()]
    assert len(boxes) == 2
    assert boxes[0].y1 < figure.bbox.y1
    assert boxes[0].y0 > boxes[1].y1


def test_factors_are_left_out_and_keep_their_colours(runs: tuple[Path, Path], tmp_path: Path) -> None:
    options = ["--kind", "strip", "--kind", "trace", "--format", "png", "--factors", "posX,scale", "--label", "posX=x"]
    result = call(runs[0], *options, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert set(pd.read_csv(tmp_path / "ifp_strip.csv")["factor"]) == {"posX", "scale"}
    assert set(pd.read_csv(tmp_path / "kl_trace.csv")["factor"]) == {"posX", "scale"}


def test_a_title_makes_the_page_higher_and_a_height_is_kept(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {}
    for name, options in {
        "plain": [], "titled": ["--title", "A $ title"], "bare": ["--no-legend"], "high": ["--height", "3.5"],
        "sans": ["--font", "sans"],
    }.items():  # fmt: skip
        result = call(runs[1], "--kind", "strip", "--format", "png", "--out", tmp_path / name, *options)
        assert result.exit_code == 0, result.output
        sizes[name] = picture(tmp_path / name / "ifp_strip.png").shape[:2]
    assert len({width for _, width in sizes.values()}) == 1
    assert sizes["bare"][0] < sizes["plain"][0] < sizes["titled"][0]
    assert abs(sizes["high"][0] - 3.5 * 300) <= 1
    # of the right height for the first figure alone: neither is written, nor is one of before replaced
    monkeypatch.setattr(plot_finish, "HEIGHT_SHARES", (0.98, 1.02))
    before = (tmp_path / "plain" / "ifp_strip.png").read_bytes()
    low = f"{sizes['plain'][0] / 300:.3f}"
    for folder in ("plain", "new"):
        both = ["--kind", "strip", "--kind", "trace", "--format", "png", "--out", tmp_path / folder, "--height", low]
        result = call(runs[1], *both)
        assert result.exit_code == 2, result.output
        assert "inches for kl_trace" in result.output
    assert (tmp_path / "plain" / "ifp_strip.png").read_bytes() == before
    assert not [path for path in tmp_path.rglob("*") if path.parent.name == "new" or "partial" in path.name]
    pictures = [picture(tmp_path / name / "ifp_strip.png") for name in ("plain", "sans")]
    assert pictures[0].shape != pictures[1].shape or (pictures[0] != pictures[1]).any()


def test_what_a_diagnosis_shows_is_chosen(diagnosis: Path, tmp_path: Path) -> None:
    chosen = {"order": ["scale"], "labels": {"shape": "form"}}
    drawn = ifp.plot(diagnosis, kinds="nmi", out=tmp_path / "a", formats="png", **chosen)  # type: ignore[arg-type]
    cells = pd.read_csv(drawn[1])
    assert list(dict.fromkeys(cells["factor"])) == ["scale", "shape"]  # files keep the data set's own names
    one = pd.read_csv(ifp.plot(diagnosis, kinds="nmi", factors="shape", out=tmp_path / "b", formats="png")[1])
    assert set(one["factor"]) == {"shape"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--factors", "posZ"], "Unknown factor 'posZ': allowed are shape, scale, posX"),
        (["--factors", ","], "factors names no factor; give those to show (shape, scale, posX"),
        (["--title", " "], "title must be a text, got ' '"),
        (["--title", "a\nb"], "title holds a control character, 'a\\nb'; write it on one line"),
        (["--title", "a\u202eb"], "title holds a control character, 'a\\u202eb'; remove '\\u202e'"),
        (["--label", "posX=a\u202eb"], "remove '\\u202e'"),
        (["--font", "Sanss"], "No font 'Sanss' that figures can hold is on this machine: give serif or sans"),
        (["--font", "DejaVu San"], "outlines; did you mean 'DejaVu Sans'?\n"),
        (["--height", "tall"], "height must be a number of inches from 0.8 to 30, got 'tall'"),
        (["--height", "29"], "for ifp_strip, which needs"),
        (["--name", "A=x"], "names call several runs in one figure, but one run is given"),
        (["--name", "B=x"], "names a model that is not there"),
    ],
)
def test_a_mistake_is_one_sentence(runs: tuple[Path, Path], tmp_path: Path, arguments: list[str], message: str) -> None:
    result = call(runs[0], "--kind", "strip", "--format", "png", "--out", tmp_path / "new", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-legend"], "The figures of {d} to draw (nmi, kl, kl_decomposition) have no legend"),
        (["--kind", "kl", "--factors", "shape"], "The figures of {d} to draw (kl) have no factors"),
        (["--height", "3"], "The height of the figure 'nmi' follows from its rows"),
        (["--method", "exact"], "is a diagnosis, with which --method does not go"),
        (["--label", "size=x"], "Unknown factor 'size': allowed are shape, scale"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(
    diagnosis: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = call(diagnosis, "--format", "png", "--out", tmp_path / "new", *arguments)
    assert result.exit_code == 2
    assert message.format(d=diagnosis) in result.output
    assert not (tmp_path / "new").exists()


def test_several_that_do_not_go_together_are_refused(
    runs: tuple[Path, Path], diagnosis: Path, synthetic: ModuleType, tmp_path: Path
) -> None:
    first = runs[0]
    assert "runs of different kinds" in call(first, diagnosis, "--out", tmp_path / "new").output
    assert "is given twice; give each run once" in call(first, first, "--out", tmp_path / "new").output
    other = synthetic.write_run(
        tmp_path / "other", synthetic.sprites_like_trace(np.random.default_rng(0), contexts=2, factors=("shape",))
    )
    about = json.loads((other / "run.json").read_text())
    about["config"]["threshold_nats"] = 0.2
    (other / "run.json").write_text(json.dumps(about))
    assert "different thresholds (0.1, 0.2 nat)" in call(first, other, "--out", tmp_path / "new").output
    assert not (tmp_path / "new").exists()


def test_diagnoses_stand_side_by_side(diagnosis: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(diagnosis, tmp_path / "copy")
    drawn = ifp.plot([diagnosis, copy], names=["one", "two"], labels={"shape": "form"}, out=tmp_path / "m",
                     formats="png", width="neurips")  # fmt: skip
    assert [path.name for path in drawn] == ["models.png", "models.csv", "models.txt"]
    cells = pd.read_csv(drawn[1])
    assert list(dict.fromkeys(cells["model"])) == ["one", "two"]
    assert set(cells["factor"]) == {"shape", "scale"}


def test_legends_inside_and_outside_are_taken_off_and_choices_end_with_their_block(tmp_path: Path) -> None:
    with paper_style():
        figure = new_figure(3, 2)
        ax = figure.subplots()
        ax.plot([0, 1], label="a")
        ax.legend()
        figure.legend(loc="outside lower center")
        assert remove_legends(figure) == 2
        assert figure.get_figheight() < 2
    with choosing(PageChoices(title="T")), looking({"posX": factor_looks(["a", "b"])["b"]}):
        assert factor_looks(["posX"])["posX"] == factor_looks(["a", "b"])["b"]
    assert factor_looks(["posX"])["posX"] == factor_looks(["shape", "posX"])["posX"] != factor_looks(["a", "b"])["b"]
    with paper_style():
        saved = save_figure(new_figure(3, 2), tmp_path / "f", pd.DataFrame({"a": [1]}), formats="png")
    assert picture(saved[0]).shape[:2] == (600, 900)


def test_trainings_and_shifts_stand_in_panels(tmp_path: Path) -> None:
    stored = Path(__file__).parents[1] / "data" / "format-0" / "train"
    first, second = (shutil.copytree(stored, tmp_path / name) for name in ("beta", "deft"))
    drawn = ifp.plot([first, second], out=tmp_path / "t", formats="png")
    assert pd.read_csv(drawn[1])["run"].unique().tolist() == ["beta", "deft"]
    with pytest.raises(IfpError, match="one of several trainings, whose figure is always the same"):
        ifp.plot([first, second], kinds="kde", out=tmp_path / "no")
    for name, beta in (("s1", 10.0), ("s2", 40.0)):
        rows = [
            {"kind": "factor", "name": factor, "beta_ifp": beta * (1 + number), "status": "melted", "beta_start": 1.0,
             "beta_end": 200.0, "side": side, "number": number}
            for factor in ("posX", "shape") for side in ("baseline", "mitigated") for number in range(2)
        ]  # fmt: skip
        (tmp_path / name).mkdir()
        pd.DataFrame(rows).to_csv(tmp_path / name / "melting.csv", index=False)
        (tmp_path / name / "shift.json").write_text("{}")
    drawn = ifp.plot([tmp_path / "s1", tmp_path / "s2"], factors="shape", out=tmp_path / "s", formats="png")
    shown = pd.read_csv(drawn[1])
    assert shown["run"].unique().tolist() == ["s1", "s2"]
    assert set(shown["name"]) == {"shape"}


def test_the_name_of_a_training_ends_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Path(__file__).parents[1] / "data" / "format-0" / "train"
    boxes = []

    def watched(figure: Figure, *_: object, **__: object) -> list[Path]:
        figure.draw_without_rendering()
        boxes.extend((figure.bbox.x1, ax._left_title.get_window_extent().x1) for ax in figure.axes)
        return []

    monkeypatch.setattr(plot_trainings, "save_figure", watched)
    ifp.plot([stored, shutil.copytree(stored, tmp_path / "b")], names={1: "a long name " * 12}, out=tmp_path / "t")
    assert len(boxes) == 2
    assert all(end <= page for page, end in boxes)
