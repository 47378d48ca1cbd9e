"""`ifp plot` on a synthetic run's folder: what it writes, what it prints, and every mistake in one sentence."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main
from ifp.system.checksums import seal
from ifp.trace import AnnealTrace

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
def run_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=8, factors=("shape", "posX"))
    folder: Path = synthetic.write_run(tmp_path_factory.mktemp("run"), trace)
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plot", *map(str, arguments)])


def test_the_default_draws_the_two_figures_of_a_paper(run_folder: Path) -> None:
    result = call(run_folder)
    assert result.exit_code == 0, result.output
    printed = [Path(line) for line in result.output.splitlines()]
    assert [path.name for path in printed] == [
        f"{stem}.{suffix}" for stem in ("ifp_distribution", "kl_trace") for suffix in ("pdf", "png", "csv", "txt")
    ]
    assert all(path.parent == run_folder / "figures" and path.stat().st_size > 100 for path in printed)


def test_all_kinds_into_another_folder_as_pdf(run_folder: Path, tmp_path: Path) -> None:
    result = call(run_folder, "--kind", "all", "--format", "pdf", "--out", tmp_path / "paper", "--width", "5")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "paper").iterdir()) == sorted(
        f"{stem}.{suffix}"
        for stem in ("ifp_distribution", "kl_trace", "ifp_hist", "ifp_strip", "ifp_ridge")
        for suffix in ("pdf", "csv", "txt")
    )


def test_the_run_is_drawn_without_torch_and_without_windows(run_folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom ifp.cli import main\n"
        f"main(['plot', {str(run_folder)!r}, '--kind', 'strip', '--out', {str(tmp_path)!r}], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
        # seaborn imports pyplot, but no figure is among its windows
        "import matplotlib.pyplot\n"
        "assert matplotlib.pyplot.get_fignums() == []\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "ifp_strip.pdf").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "violin"], "Unknown kind 'violin': allowed are kde, trace, hist, strip, ridge"),
        (["--width", "icmll"], "width must be icml, neurips, jmlr, tmlr or a number of inches from 2 to 20"),
        (["--width", "0.5"], "width must be"),
        (["--width", "nan"], "width must be"),
        (["--method", "both"], "Unknown method 'both': allowed are exact, train, closed-form"),
        (["--format", "eps"], "Unknown figure format 'eps': allowed are pdf, png, svg, pgf"),
        (["--format", ","], "--format must name some of pdf, png, svg and pgf"),
        (["--scale", "sqrt"], "Unknown scale 'sqrt'"),
        (["--order", "posX,shap"], "Unknown factor 'shap': allowed are shape, posX; did you mean 'shape'?"),
        (["--order", "scale"], "Unknown factor 'scale': allowed are shape, posX"),
        (["--order", ","], "The order names no factor; give those that come first (shape, posX), or leave it out"),
        (["--kind", "pie"], "Unknown kind 'pie': allowed are kde, trace, hist, strip, ridge, all"),
        (["--label", "posX=x", "--label", "posX=y"], "The factor 'posX' is labelled twice, 'x' and 'y'; label it once"),
        (["--label", "posX=x", "--label", "shape=x"], "The factors 'shape' and 'posX' would both be called 'x'"),
        (["--label", "posX=shape"], "The factors 'shape' and 'posX' would both be called 'shape'"),
        (["--order", "posX", "--order", "posX"], "The order names the factor 'posX' twice"),
        (["--label", "posx=x"], "Unknown factor 'posx'"),
        (["--label", "posX"], "label must be FACTOR=TEXT, got 'posX'"),
        (["--label", "posX="], "The label of 'posX' is empty"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    run_folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = call(run_folder, "--out", tmp_path / "new", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("where", ["afile", "afile/inside", "/proc/nowhere/figures"])
def test_a_place_that_takes_no_folder_is_said_before_the_work(run_folder: Path, tmp_path: Path, where: str) -> None:
    (tmp_path / "afile").write_text("mine")
    result = call(run_folder, "--out", tmp_path / where)
    assert result.exit_code == 2
    assert "--out" in result.output
    assert "; choose a" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["afile"]


def test_figures_go_into_no_folder_of_something_else(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shift.json").write_text("precious")
    result = call(run_folder, "--kind", "strip", "--format", "pdf", "--out", tmp_path)
    assert result.exit_code == 2
    assert "holds something else than figures; choose a new folder" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["shift.json"]
    for _ in range(2):  # again over its own figures
        assert call(run_folder, "--kind", "strip", "--format", "pdf", "--out", tmp_path / "new").exit_code == 0


def test_order_and_labels_reach_the_figures(run_folder: Path, tmp_path: Path) -> None:
    options = ["--kind", "strip", "--order", "shape,posX", "--label", "posX=x position", "--format", "pdf"]
    result = call(run_folder, "--out", tmp_path, *options)
    assert result.exit_code == 0
    assert pd.read_csv(tmp_path / "ifp_strip.csv")["factor"].unique().tolist()[:2] == ["shape", "posX"]


@pytest.mark.parametrize("damage", ["no folder", "empty", "no trace", "not json", "a list", "no likelihood", "cut"])
def test_what_is_no_run_is_said_in_one_sentence(run_folder: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    if damage != "no folder":
        folder.mkdir()
        stored = json.loads((run_folder / "run.json").read_text())
        texts = {"empty": "", "not json": "{", "a list": "[1]"}
        if damage == "no likelihood":
            del stored["likelihood"]
        if damage != "empty":
            (folder / "run.json").write_text(texts.get(damage) or json.dumps(stored))
        if damage not in ("empty", "no trace"):
            content = (run_folder / "trace.npz").read_bytes()
            (folder / "trace.npz").write_bytes(content[:500] if damage == "cut" else content)
    result = call(folder)
    assert result.exit_code == 2, result.output
    assert len(result.output.strip().splitlines()) == 1
    assert result.output.startswith("Error: ")
    assert not (folder / "figures").exists()


def test_a_closed_form_run_has_a_distribution_and_no_curves(synthetic: ModuleType, tmp_path: Path) -> None:
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=8, methods=("closed-form",))
    folder = synthetic.write_run(tmp_path / "run", trace)
    assert "kl_trace" not in call(folder).output
    result = call(folder, "--kind", "kde", "--kind", "trace", "--out", tmp_path / "new")
    assert result.exit_code == 2
    assert "holds no curves" in result.output
    assert not (tmp_path / "new").exists()
    every = call(folder, "--kind", "all", "--out", tmp_path / "all", "--format", "pdf")
    assert every.exit_code == 0, every.output
    stems = {path.stem for path in (tmp_path / "all").iterdir()}
    assert stems == {"ifp_distribution", "ifp_hist", "ifp_strip", "ifp_ridge"}


@pytest.mark.parametrize("edited", ["settings", "likelihood", "trace"])
def test_what_was_edited_after_the_run_is_not_believed_unless_it_is_trusted(
    run_folder: Path, tmp_path: Path, edited: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy, ignore=shutil.ignore_patterns("figures"))
    run = json.loads((copy / "run.json").read_text())
    seal(copy)
    if edited == "settings":
        run["config"]["threshold_nats"] = 0.9
    elif edited == "likelihood":
        run["likelihood"] = "gaussian"
    else:
        trace = AnnealTrace.load(copy / "trace.npz")
        replace(trace, kl_nats_MTD=trace.kl_nats_MTD * 2).save(copy / "trace.npz")
    (copy / "run.json").write_text(json.dumps(run, indent=2) + "\n")
    arguments = ["plot", str(copy), "--out", str(tmp_path / "paper"), "--format", "png"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    (sentence,) = result.stderr.splitlines()
    assert "--trust" in sentence
    assert not (tmp_path / "paper").exists()
    assert CliRunner().invoke(main, [*arguments, "--trust"]).exit_code == 0
